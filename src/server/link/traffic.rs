//! Bytes between the node and its connections.

use std::io;

use vrrp::time::Instant;

use super::Link;
use crate::replication::SessionId;
use crate::server::link_stream::LinkStream;

pub(super) struct Session {
    pub(super) stream: LinkStream,
    output: Vec<u8>,
    written: usize,
    /// Send what is left, then close.
    pub(super) closing: bool,
    /// The node has more for it.
    more: bool,
}

impl Session {
    /// Bytes wait until the socket takes them.
    pub(super) fn is_busy(&self) -> bool {
        self.written < self.output.len() || self.stream.wants_flush()
    }
}

impl Link {
    pub(super) fn open(&mut self, now: Instant, stream: LinkStream, dialled: bool) {
        let id = self.next_session;
        self.next_session += 1;
        let (output, written, closing, more) = (Vec::new(), 0, false, true);
        self.sessions.insert(
            id,
            Session {
                stream,
                output,
                written,
                closing,
                more,
            },
        );
        self.parts
            .node
            .link_connected(now, id, dialled, rand::random());
    }

    pub(super) fn read(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        match session.stream.try_read(&mut self.buffer) {
            Ok(0) => self.drop_session(now, id),
            Ok(count) => {
                self.parts
                    .node
                    .handle_link_bytes(now, id, &self.buffer[..count]);
                if count == self.buffer.len() {
                    let_clients_go_first();
                }
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.more = true;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                self.tell(now, "a connection has broken", &error);
                self.drop_session(now, id);
            }
        }
    }

    /// Gives every connection that can take them the bytes the node has for it.
    pub(super) fn write_all(&mut self, now: Instant) {
        let ids: Vec<SessionId> = self.sessions.keys().copied().collect();
        for id in ids {
            if self.write(now, id).is_err() {
                self.drop_session(now, id);
            }
        }
    }

    fn write(&mut self, now: Instant, id: SessionId) -> io::Result<()> {
        loop {
            let session = self
                .sessions
                .get_mut(&id)
                .expect("the caller lists open sessions");
            match session.stream.flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !session.closing => {
                    return Ok(());
                }
                flushed => flushed?,
            }
            if session.written == session.output.len() {
                session.output.clear();
                session.written = 0;
                session.more = self
                    .parts
                    .node
                    .poll_link_transmit(now, id, &mut session.output);
                if session.output.is_empty() {
                    if session.more {
                        self.parts.shared.wake_link();
                    }
                    return match session.closing {
                        true => Err(io::ErrorKind::ConnectionAborted.into()),
                        false => Ok(()),
                    };
                }
            }
            match session.stream.try_write(&session.output[session.written..]) {
                Ok(count) => session.written += count,
                // One that is to be closed is not waited for: the other end may be frozen.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !session.closing => {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            if session.written == session.output.len() && session.more {
                // Others first: the next turn goes on here.
                self.parts.shared.wake_link();
                let_clients_go_first();
                return Ok(());
            }
        }
    }

    pub(super) fn all_busy(&self) -> bool {
        self.sessions.values().all(Session::is_busy)
    }

    fn drop_session(&mut self, now: Instant, id: SessionId) {
        if self.sessions.remove(&id).is_some() {
            self.parts.node.link_closed(now, id);
        }
    }
}

/// A copy keeps this thread busy for seconds. Where it shares a core with a worker, the system would
/// let it use up its time slice, milliseconds, before a request is looked at.
fn let_clients_go_first() {
    std::thread::yield_now();
}
