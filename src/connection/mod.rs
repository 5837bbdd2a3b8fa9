//! One client as a machine: bytes in, bytes out.
//!
//! Requests are executed in the order they arrive and answered in that order. The answer to a
//! mutation waits until the peer has it ([`crate::store::Acknowledged`]); answers behind it wait
//! with it. Both what waits and what is not yet on its way to the client are bounded: beyond that
//! the connection stops executing, and the caller stops reading.
//!
//! Order of calls: [`Connection::handle_bytes`] with what was read, write out what it appended,
//! then [`Connection::resume`] as long as [`Connection::is_blocked`] says that requests wait, when
//! the output has left or positions have moved. Where [`Connection::has_work`] says so it can go on
//! as soon as others had their turn, and where [`Connection::is_watching`] says so, it wants to be
//! resumed a few times a second.

mod act;
mod adjustable;
mod admin;
mod auth;
mod clients;
mod facts;
#[cfg(test)]
mod fixture;
mod held;
mod listing;
mod observers;
mod prefixes;
mod requests;
mod statistics;
#[cfg(test)]
mod tests;
mod uri;
mod watchers;
mod without_cas;

use std::sync::Arc;

use vrrp::time::Instant;

use self::act::Unfinished;
pub use self::adjustable::Adjustable;
use self::auth::Gate;
pub use self::auth::{MalformedEntry, Passwords};
pub use self::clients::{Client, ClientState, Clients, Endpoint};
pub use self::facts::{Facts, Process, Settings};
use self::held::Held;
pub use self::observers::Observers;
use self::watchers::Watcher;
use crate::command::Hold;
use crate::protocol::{Decoder, Dialect, Limits};
use crate::store::Store;

/// Output beyond this is written out before more is executed.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// Input of one request is kept in a buffer of its own once it is incomplete; a buffer larger than
/// this is given back when it is empty.
const INPUT_BYTES_KEPT: usize = 16 * 1024;
/// What `version` answers; clients parse it, so it starts like memcached's.
pub const VERSION: &str = concat!("1.6.38-twincached-", env!("CARGO_PKG_VERSION"));

/// What a connection works with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The items.
    pub store: &'a Store,
    /// What the server counts and how it is configured.
    pub facts: &'a Facts,
    /// The process as the system sees it, for `stats`.
    pub process: fn() -> Process,
    /// `stats replication` and `stats vrrp`: names and values.
    pub section: &'a dyn Fn(&str) -> Vec<(String, String)>,
    /// What waits while the node hands over.
    pub hold: Hold,
    /// Who may connect, where not everybody may. Looked at until the connection
    /// [`is_admitted`](Connection::is_admitted).
    pub passwords: Option<&'a Passwords>,
}

/// One client.
pub struct Connection {
    gate: Gate,
    decoder: Decoder,
    input: Vec<u8>,
    /// Input below this length cannot hold the next request.
    need: usize,
    held: Held,
    unfinished: Option<Box<Unfinished>>,
    /// The client said `watch`: it is shown these lines, and what it sends is not read any more.
    watcher: Option<Arc<Watcher>>,
    /// Its entry in [`Clients`].
    client: Option<Arc<Client>>,
    /// Requests wait for room in the output, for the peer, or for a handover to end.
    blocked: bool,
    /// Requests wait because others are to have their turn.
    gives_way: bool,
    closing: bool,
}

impl Connection {
    /// A new client.
    pub fn new(limits: Limits) -> Connection {
        Connection::speaking(limits, None)
    }

    /// A new client that may speak this protocol alone, if one is given.
    pub fn speaking(limits: Limits, dialect: Option<Dialect>) -> Connection {
        Connection {
            gate: Gate::Line,
            decoder: match dialect {
                Some(dialect) => Decoder::speaking(limits, dialect),
                None => Decoder::new(limits),
            },
            input: Vec::new(),
            need: 0,
            held: Held::default(),
            unfinished: None,
            watcher: None,
            client: None,
            blocked: false,
            gives_way: false,
            closing: false,
        }
    }

    /// The client has proved who it is.
    pub fn is_admitted(&self) -> bool {
        self.gate == Gate::Open
    }

    /// Tells under which entry of [`Clients`] the connection is listed.
    pub fn identify(&mut self, client: Arc<Client>) {
        self.client = Some(client);
    }

    /// Executes what `bytes` complete. Appends answers that may go to `out`.
    pub fn handle_bytes(
        &mut self,
        now: Instant,
        bytes: &[u8],
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) {
        if self.closing || self.watcher.is_some() {
            return;
        }
        if let Some(client) = &self.client {
            client.used(now);
            client.set_state(ClientState::Executing);
        }
        if self.input.is_empty() && !self.blocked {
            let used = self.execute(now, bytes, context, out);
            self.input.extend_from_slice(&bytes[used..]);
        } else {
            self.input.extend_from_slice(bytes);
            self.execute_input(now, context, out);
        }
        self.show_state();
    }

    /// Output has left or positions have moved: appends answers that may go now, and goes on with
    /// requests that waited.
    pub fn resume(&mut self, now: Instant, context: &Context<'_>, out: &mut Vec<u8>) {
        self.held.release(context.store.acknowledged(), out);
        if self.blocked && !self.closing {
            self.execute_input(now, context, out);
            self.show_state();
        }
        if let Some(watcher) = &self.watcher
            && self.held.is_empty()
            && out.len() <= OUTPUT_BYTES_MAX
        {
            let observers = &context.facts.observers;
            observers.collect_evictions(unix_us(now, context), context.store);
            watcher.take(out);
        }
    }

    /// Requests wait: read no more, call [`Connection::resume`].
    pub const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Something is unfinished that needs nothing but room in the output, or that others had their
    /// turn: call [`Connection::resume`] once the output has left, even if there was none.
    pub fn has_work(&self) -> bool {
        (self.unfinished.is_some() || self.gives_way) && !self.held.is_full()
    }

    /// Lines to watch may come at any time: call [`Connection::resume`] a few times a second. The
    /// connection executes nothing any more.
    pub const fn is_watching(&self) -> bool {
        self.watcher.is_some()
    }

    /// Answers wait for the peer.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Close once everything is written. Answers that still wait are waited for.
    pub const fn is_closing(&self) -> bool {
        self.closing
    }

    /// Bytes this connection keeps between two reads.
    pub fn memory(&self) -> usize {
        self.input.capacity() + self.held.memory()
    }

    fn show_state(&self) {
        if let Some(client) = &self.client {
            client.set_state(match () {
                () if self.watcher.is_some() => ClientState::Watching,
                () if !self.held.is_empty() => ClientState::Waiting,
                () if self.blocked => ClientState::Writing,
                () => ClientState::Reading,
            });
        }
    }

    fn execute_input(&mut self, now: Instant, context: &Context<'_>, out: &mut Vec<u8>) {
        if self.input.len() < self.need && !self.blocked {
            return;
        }
        let input = std::mem::take(&mut self.input);
        let used = self.execute(now, &input, context, out);
        self.input = input;
        self.input.drain(..used);
        if self.input.is_empty() && self.input.capacity() > INPUT_BYTES_KEPT {
            self.input = Vec::new();
        }
    }

    fn client_id(&self) -> u32 {
        self.client.as_ref().map_or(0, |client| client.id)
    }
}

/// Unix time of `now` in microseconds.
fn unix_us(now: Instant, context: &Context<'_>) -> u64 {
    context.store.unix_ms(now) * 1000 + now.as_nanos() / 1000 % 1000
}
