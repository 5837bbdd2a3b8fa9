//! One client connection: moves bytes between its socket and its [`Connection`].
//!
//! A turn has two halves. In [`Client::act`] it reads once, executes and keeps its answers; in
//! [`Client::speak`] it writes them. Between the two the worker lets its other clients act, so that
//! the node thread is woken once for all of them. The buffers belong to the worker and are lent for
//! as long as bytes move, so that an idle connection keeps almost nothing.

use std::io;
use std::sync::Arc;

use vrrp::time::Instant;

use super::client_stream::ClientStream;
use super::process;
use super::sections;
use super::shared::Shared;
use super::virtual_connections::Registration;
use crate::connection::{Client as Who, Connection, Context, Passwords};

/// Bytes read at once.
pub(super) const READ_BYTES: usize = 64 * 1024;
/// Output beyond this is written before more is produced.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of output buffers that a worker keeps to lend.
const BUFFER_BYTES_KEPT: usize = 1024 * 1024;

/// What a worker lends to its clients.
pub(super) struct Lent {
    pub shared: Arc<Shared>,
    read: Vec<u8>,
    outputs: Vec<Vec<u8>>,
    /// What `outputs` have room for.
    output_bytes: usize,
    /// Bytes moved since they were last counted.
    pub bytes_read: u64,
    pub bytes_written: u64,
}

impl Lent {
    pub fn new(shared: Arc<Shared>) -> Lent {
        Lent {
            shared,
            read: vec![0; READ_BYTES],
            outputs: Vec::new(),
            output_bytes: 0,
            bytes_read: 0,
            bytes_written: 0,
        }
    }

    fn lend(&mut self) -> Vec<u8> {
        let output = self.outputs.pop().unwrap_or_default();
        self.output_bytes -= output.capacity();
        output
    }

    fn take_back(&mut self, mut output: Vec<u8>) {
        let kept = self.output_bytes + output.capacity();
        if kept <= BUFFER_BYTES_KEPT {
            output.clear();
            self.output_bytes = kept;
            self.outputs.push(output);
        }
    }
}

/// What a client does next.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// Waits for its socket.
    Wait,
    /// Waits for its socket, and for the peer or the end of a handover.
    WaitForPeer,
    /// Goes on when the others had their turn.
    Again,
    Close,
}

pub(super) struct Client {
    stream: ClientStream,
    connection: Connection,
    /// Answers on their way to the client, those before `written` have left.
    output: Vec<u8>,
    written: usize,
    /// The socket takes nothing now.
    is_stuck: bool,
    /// There may be bytes to read.
    is_readable: bool,
    /// The client will send no more.
    has_half_closed: bool,
    /// The connection has failed or was reset.
    is_broken: bool,
    /// Close when what waits has left.
    ended: bool,
    pub used_at: Instant,
    /// It has its place among those that act in the next turn.
    pub is_ready: bool,
    pub who: Arc<Who>,
    via_virtual: Option<Registration>,
}

impl Client {
    pub fn new(
        stream: ClientStream,
        connection: Connection,
        who: Arc<Who>,
        via_virtual: Option<Registration>,
        now: Instant,
    ) -> Client {
        Client {
            stream,
            connection,
            output: Vec::new(),
            written: 0,
            is_stuck: false,
            is_readable: false,
            has_half_closed: false,
            is_broken: false,
            ended: false,
            used_at: now,
            is_ready: false,
            who,
            via_virtual,
        }
    }

    /// What the poll reported.
    pub fn report(&mut self, event: &mio::event::Event) {
        self.has_half_closed |= event.is_read_closed();
        self.is_broken |= event.is_error();
        self.is_readable |= event.is_readable() || self.has_half_closed || self.is_broken;
        if event.is_writable() || self.is_broken {
            self.is_stuck = false;
        }
    }

    /// Bytes of answers on their way to the client.
    pub const fn output_len(&self) -> usize {
        self.output.len()
    }

    /// Lines to watch may come at any time.
    pub const fn is_watching(&self) -> bool {
        self.connection.is_watching()
    }

    /// Goes on with what waited, then reads once and executes what was read.
    pub fn act(&mut self, now: Instant, lent: &mut Lent) -> io::Result<()> {
        if self.is_stuck || self.written > 0 || self.output.len() > OUTPUT_BYTES_MAX {
            return Ok(());
        }
        let connection = &self.connection;
        let waits = connection.is_holding() || connection.is_blocked();
        let is_to_close = self.is_to_close(&lent.shared);
        if waits || connection.has_work() || connection.is_watching() || is_to_close {
            self.execute(lent, |connection, context, out| {
                connection.resume(now, context, out);
            })?;
            self.ended |= is_to_close && !self.connection.is_holding();
        }
        if self.is_broken && self.connection.is_blocked() {
            // What waits for a handover reads nothing and would not notice.
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if self.may_read() {
            self.read(now, lent)
        } else {
            Ok(())
        }
    }

    fn may_read(&self) -> bool {
        let connection = &self.connection;
        self.is_readable && !self.ended && !connection.is_blocked() && !connection.has_work()
    }

    fn read(&mut self, now: Instant, lent: &mut Lent) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut lent.read);
        let outcome = self.read_into(&mut buffer, now, lent);
        lent.read = buffer;
        outcome
    }

    fn read_into(&mut self, buffer: &mut [u8], now: Instant, lent: &mut Lent) -> io::Result<()> {
        let Some(count) = self.stream.read(buffer)? else {
            self.is_readable = false;
            return Ok(());
        };
        if count == 0 {
            self.ended = true;
            return Ok(());
        }
        // Less than there was room for is all there was; what comes later is reported anew.
        self.is_readable = count == buffer.len() || self.has_half_closed;
        lent.bytes_read += count as u64;
        self.used_at = now;
        self.execute(lent, |connection, context, out| {
            connection.handle_bytes(now, &buffer[..count], context, out);
        })
    }

    fn execute(
        &mut self,
        lent: &mut Lent,
        act: impl FnOnce(&mut Connection, &Context<'_>, &mut Vec<u8>),
    ) -> io::Result<()> {
        if self.via_virtual.is_some() && !lent.shared.lease_holds(lent.shared.clock.now()) {
            // This host may no longer hold the address: an old request must not become the newest
            // version. Whoever resets connections does it also here, where it came too late.
            let kind = io::ErrorKind::ConnectionReset;
            return Err(io::Error::new(kind, "the lease has ended"));
        }
        if self.output.capacity() == 0 {
            self.output = lent.lend();
        }
        let shared = &lent.shared;
        let passwords = self.passwords_to_check(shared);
        let section = |name: &str| sections::section(shared, name);
        let context = Context {
            store: &shared.store,
            facts: &shared.facts,
            process: process::figures,
            section: &section,
            hold: shared.hold(),
            passwords: passwords.as_deref(),
        };
        act(&mut self.connection, &context, &mut self.output);
        self.ended |= self.connection.is_closing();
        Ok(())
    }

    /// Passwords matter until the client has proved who it is.
    fn passwords_to_check(&self, shared: &Shared) -> Option<Arc<Passwords>> {
        if !shared.facts.settings.authentication || self.connection.is_admitted() {
            return None;
        }
        shared.passwords.read().clone()
    }

    /// Writes what may leave. An error ends the connection.
    pub fn speak(&mut self, lent: &mut Lent) -> io::Result<Next> {
        if self.is_stuck {
            return Ok(Next::Wait);
        }
        let waiting = self.output.len();
        let goes_on = self.connection.has_work() && !self.ended;
        if goes_on && self.written == 0 && waiting <= OUTPUT_BYTES_MAX {
            // What is not much yet leaves with what follows it.
            return Ok(Next::Again);
        }
        if !self.write(lent)? {
            return Ok(Next::Wait);
        }
        let connection = &self.connection;
        let is_holding = connection.is_holding();
        Ok(match () {
            () if self.ended && !is_holding => Next::Close,
            () if goes_on => Next::Again,
            // What has left may have been what kept it from going on.
            () if connection.is_blocked() && waiting > 0 && !self.ended => Next::Again,
            () if self.may_read() => Next::Again,
            () if is_holding || connection.is_blocked() => Next::WaitForPeer,
            () => Next::Wait,
        })
    }

    /// True if everything has left.
    fn write(&mut self, lent: &mut Lent) -> io::Result<bool> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..])? {
                Some(0) => return Err(io::ErrorKind::WriteZero.into()),
                Some(count) => {
                    self.written += count;
                    lent.bytes_written += count as u64;
                }
                None => {
                    self.is_stuck = true;
                    return Ok(false);
                }
            }
        }
        self.written = 0;
        lent.take_back(std::mem::take(&mut self.output));
        Ok(true)
    }

    fn is_to_close(&self, shared: &Shared) -> bool {
        shared.closing.applies(self.via_virtual.is_some())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The registration goes before the stream: no one may reset a descriptor that was closed.
        self.via_virtual = None;
    }
}
