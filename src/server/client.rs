//! One client connection: moves bytes between its socket and its [`Connection`].
//!
//! The buffers for reading and writing belong to the worker and are lent for the moment in which
//! bytes move, so that an idle connection keeps almost nothing.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context as Task, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use vrrp::time::Instant;

use super::process;
use super::sections;
use super::shared::Shared;
use super::virtual_connections::Registration;
use crate::connection::{Client as Who, Connection, Context, Facts, Passwords};
use crate::protocol::{Dialect, Limits};

/// Bytes read at once.
pub(super) const READ_BYTES: usize = 64 * 1024;
/// An output buffer larger than this is given back when it is empty.
const OUTPUT_BYTES_KEPT: usize = 64 * 1024;

/// A connection that watches looks for lines this often.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// What a worker lends to its connections.
pub(super) struct Buffers {
    pub read: Vec<u8>,
    pub write: Vec<u8>,
}

/// What a connection is served with.
#[derive(Clone)]
pub(super) struct Service {
    pub shared: Arc<Shared>,
    pub worker: usize,
    pub buffers: Rc<RefCell<Buffers>>,
    pub limits: Limits,
    /// The only protocol that clients may speak, if there is one.
    pub dialect: Option<Dialect>,
    pub idle_timeout: Option<Duration>,
}

/// Serves one client until it ends. `who` is how people see it.
pub(super) async fn serve<S>(
    mut stream: S,
    who: Arc<Who>,
    via_virtual: Option<Registration>,
    service: Service,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let observers = &service.shared.clone().facts.observers;
    observers.connected(service.shared.unix_us(), &who);
    let mut client = Client {
        connection: Connection::speaking(service.limits, service.dialect),
        output: Vec::new(),
        written: 0,
        used_at: service.shared.clock.now(),
        counted_waiting: false,
        ended: false,
        via_virtual: via_virtual.is_some(),
        service,
    };
    client.connection.identify(who.clone());
    let outcome = client.run(&mut stream).await;
    client.count_waiting(false);
    client
        .service
        .shared
        .facts
        .curr_connections
        .fetch_sub(1, Ordering::Relaxed);
    let reason = match &outcome {
        Ok(End::Idle) => "idle_timeout",
        Ok(End::Normal) => "normal",
        Err(_) => "error",
    };
    observers.disconnected(client.service.shared.unix_us(), &who, reason);
    if let Err(error) = outcome {
        tracing::debug!("a client connection ended: {error}");
    }
    // The registration goes before the stream: no one may reset a descriptor that was closed.
    drop(via_virtual);
    drop(stream);
}

struct Client {
    connection: Connection,
    /// Answers on their way to the client, those before `written` have left.
    output: Vec<u8>,
    written: usize,
    used_at: Instant,
    counted_waiting: bool,
    ended: bool,
    via_virtual: bool,
    service: Service,
}

/// How a connection ended that no error ended.
enum End {
    Normal,
    Idle,
}

/// Why the connection goes on.
enum Turn {
    Read,
    Woken,
    Idle,
}

impl Client {
    async fn run<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<End> {
        loop {
            // What is not much yet leaves with what follows it.
            let is_much = self.output.len() > OUTPUT_BYTES_KEPT;
            if is_much || self.ended || !self.connection.has_work() {
                self.flush(stream).await?;
            }
            if self.ended && !self.connection.is_holding() {
                return Ok(End::Normal);
            }
            match self.next_turn(stream).await? {
                Turn::Read => {}
                Turn::Woken => self.resume()?,
                Turn::Idle => {
                    Facts::add(&self.service.shared.facts.idle_kicks, 1);
                    return Ok(End::Idle);
                }
            }
        }
    }

    /// Waits for bytes, for the peer, or for the end of the connection's idle time.
    async fn next_turn<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
    ) -> io::Result<Turn> {
        if self.connection.has_work() {
            // Others have their turn between two pieces of a long answer.
            tokio::task::yield_now().await;
            self.resume()?;
            return Ok(Turn::Read);
        }
        let shared = self.service.shared.clone();
        let woken = shared.wake[self.service.worker].notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        let waits = self.connection.is_holding() || self.connection.is_blocked();
        self.count_waiting(waits);
        if waits || self.is_to_close() {
            // Positions may have moved before the notification was enabled.
            self.resume()?;
            if self.output.len() > self.written || self.ended {
                return Ok(Turn::Read);
            }
        }
        let may_read = !self.connection.is_blocked();
        let is_watching = self.connection.is_watching();
        let idle = self.service.idle_timeout.filter(|_| !is_watching);
        let turn = tokio::select! {
            biased;
            () = woken => Turn::Woken,
            read = poll_fn(|task| self.poll_read(task, stream)), if may_read => {
                read?;
                Turn::Read
            }
            () = tokio::time::sleep(WATCH_INTERVAL), if is_watching => Turn::Woken,
            () = tokio::time::sleep(idle.unwrap_or(Duration::MAX)), if idle.is_some() => Turn::Idle,
        };
        Ok(turn)
    }

    /// Reads once and executes what was read.
    fn poll_read<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        task: &mut Task<'_>,
        stream: &mut S,
    ) -> Poll<io::Result<()>> {
        let buffers = self.service.buffers.clone();
        let mut buffers = buffers.borrow_mut();
        let Buffers { read, write } = &mut *buffers;
        let mut buffer = ReadBuf::new(read);
        ready!(Pin::new(&mut *stream).poll_read(task, &mut buffer))?;
        let bytes = buffer.filled();
        if bytes.is_empty() {
            self.ended = true;
            return Poll::Ready(Ok(()));
        }
        Facts::add(&self.service.shared.facts.bytes_read, bytes.len() as u64);
        self.execute(write, |connection, now, context, out| {
            connection.handle_bytes(now, bytes, context, out);
        })?;
        // Most answers leave at once, from the worker's buffer; only what the socket does not take
        // is kept by the connection.
        let mut sent = 0;
        if self.output.is_empty()
            && !write.is_empty()
            && !self.connection.has_work()
            && let Poll::Ready(count) = Pin::new(stream).poll_write(task, write)
        {
            sent = count?;
            Facts::add(&self.service.shared.facts.bytes_written, sent as u64);
        }
        self.output.extend_from_slice(&write[sent..]);
        Poll::Ready(Ok(()))
    }

    /// Goes on with what waited.
    fn resume(&mut self) -> io::Result<()> {
        let buffers = self.service.buffers.clone();
        let mut buffers = buffers.borrow_mut();
        self.execute(&mut buffers.write, |connection, now, context, out| {
            connection.resume(now, context, out);
        })?;
        self.output.extend_from_slice(&buffers.write);
        if self.is_to_close() && !self.connection.is_holding() {
            self.ended = true;
        }
        Ok(())
    }

    fn execute(
        &mut self,
        write: &mut Vec<u8>,
        act: impl FnOnce(&mut Connection, Instant, &Context<'_>, &mut Vec<u8>),
    ) -> io::Result<()> {
        let shared = self.service.shared.clone();
        let now = shared.clock.now();
        self.used_at = now;
        if self.via_virtual && !shared.lease_holds(now) {
            // This host may no longer hold the address: an old request must not become the newest
            // version. Whoever resets connections does it also here, where it came too late.
            return Err(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the lease has ended",
            ));
        }
        let passwords = self.passwords_to_check();
        let section = |name: &str| sections::section(&shared, name);
        let context = Context {
            store: &shared.store,
            facts: &shared.facts,
            process: process::figures,
            section: &section,
            leaving: shared.leaving.load(Ordering::Acquire),
            passwords: passwords.as_deref(),
        };
        write.clear();
        act(&mut self.connection, now, &context, write);
        self.ended |= self.connection.is_closing();
        if shared.store.has_dirty() {
            shared.wake_link();
        }
        Ok(())
    }

    /// Passwords matter until the client has proved who it is.
    fn passwords_to_check(&self) -> Option<Arc<Passwords>> {
        let shared = &self.service.shared;
        if !shared.facts.settings.authentication || self.connection.is_admitted() {
            return None;
        }
        shared.passwords.read().clone()
    }

    /// Writes all output.
    async fn flush<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        while self.written < self.output.len() {
            let count = poll_fn(|task| {
                Pin::new(&mut *stream).poll_write(task, &self.output[self.written..])
            });
            let count = count.await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.written += count;
        }
        Facts::add(
            &self.service.shared.facts.bytes_written,
            self.written as u64,
        );
        self.written = 0;
        self.output.clear();
        if self.output.capacity() > OUTPUT_BYTES_KEPT {
            self.output = Vec::new();
        }
        Ok(())
    }

    fn is_to_close(&self) -> bool {
        self.service.shared.closing.applies(self.via_virtual)
    }

    fn count_waiting(&mut self, waits: bool) {
        let waiting = &self.service.shared.waiting[self.service.worker];
        match (self.counted_waiting, waits) {
            (false, true) => drop(waiting.fetch_add(1, Ordering::AcqRel)),
            (true, false) => drop(waiting.fetch_sub(1, Ordering::AcqRel)),
            (true, true) | (false, false) => {}
        }
        self.counted_waiting = waits;
    }
}
