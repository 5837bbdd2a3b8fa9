//! Who looks on while commands are executed: `stats detail` and `watch`.
//!
//! Everything that could be of interest asks [`Observers::want`] first, one relaxed load that is
//! nearly always zero. What follows is cold.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use super::clients::{Client, Endpoint};
use super::prefixes::Prefixes;
use super::uri::UriKey;
use super::watchers::{Wanted, Watcher, Watchers};
use crate::command::{Outcome, Store as StoreCommand, StoreMode};
use crate::store::Store;

/// `stats detail on`.
pub(super) const DETAIL: u16 = 1;
/// `watch fetchers`: retrievals.
pub(super) const FETCHERS: u16 = 2;
/// `watch mutations`: stores.
pub(super) const MUTATIONS: u16 = 4;
/// `watch deletions`.
pub(super) const DELETIONS: u16 = 8;
/// `watch evictions`.
pub(super) const EVICTIONS: u16 = 16;
/// `watch connevents`: connections that come and go.
pub(super) const CONNEVENTS: u16 = 32;

/// The interests of all onlookers, and the onlookers.
#[derive(Default, Debug)]
pub struct Observers {
    wanted: AtomicU16,
    pub(super) prefixes: Prefixes,
    pub(super) watchers: Watchers,
}

/// When and through which connection something happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// Unix time in microseconds.
    pub unix_us: u64,
    /// The connection's descriptor; 0 where it is not known.
    pub client: u32,
    /// The byte that ends the prefix of a key.
    pub delimiter: u8,
}

impl Observers {
    /// Whether anyone looks for one of these.
    #[inline]
    pub(super) fn want(&self, interests: u16) -> bool {
        self.wanted.load(Ordering::Relaxed) & interests != 0
    }

    /// `stats detail on` and `off`.
    pub(super) fn show_detail(&self, on: bool) {
        if on {
            self.wanted.fetch_or(DETAIL, Ordering::Relaxed);
        } else {
            self.wanted.fetch_and(!DETAIL, Ordering::Relaxed);
        }
    }

    /// A `watch` connection; `None` where there are too many.
    pub(super) fn watch(&self, interests: u16) -> Option<Arc<Watcher>> {
        self.watchers.add(interests, &self.wanted)
    }

    /// `stats reset`.
    pub(super) fn reset(&self) {
        self.prefixes.clear();
        self.watchers.written.store(0, Ordering::Relaxed);
        self.watchers.sent.store(0, Ordering::Relaxed);
        self.watchers.skipped.store(0, Ordering::Relaxed);
    }

    /// A key was asked for; `found` is the length of its value in bytes.
    #[cold]
    pub(super) fn fetched(&self, origin: &Origin, key: &[u8], found: Option<usize>) {
        if self.want(DETAIL) {
            self.prefixes
                .count_get(origin.delimiter, key, found.is_some());
        }
        if self.want(FETCHERS) {
            let (client, uri, size) = (origin.client, UriKey(key), found.unwrap_or(0));
            let (status, class) = match found {
                Some(_) => ("found", 1),
                None => ("not_found", 0),
            };
            self.log(
                FETCHERS,
                origin.unix_us,
                format_args!(
                    "type=item_get key={uri} status={status} clsid={class} cfd={client} size={size}"
                ),
            );
        }
    }

    /// A store in any mode was executed.
    #[cold]
    pub(super) fn stored(&self, origin: &Origin, command: &StoreCommand<'_>, outcome: &Outcome) {
        if self.want(DETAIL) {
            self.prefixes.count_set(origin.delimiter, command.key);
        }
        if self.want(MUTATIONS) {
            let (client, uri) = (origin.client, UriKey(command.key));
            let (size, ttl) = (command.value.len(), command.exptime.0);
            let (status, command) = (status_name(outcome), command_name(command));
            self.log(
                MUTATIONS,
                origin.unix_us,
                format_args!(
                    "type=item_store key={uri} status={status} cmd={command} ttl={ttl} clsid=1 \
                     cfd={client} size={size}"
                ),
            );
        }
    }

    /// A delete was executed; `size` is the length of the value that went, if there was one.
    #[cold]
    pub(super) fn deleted(&self, origin: &Origin, key: &[u8], meta: bool, size: Option<usize>) {
        if self.want(DETAIL) {
            self.prefixes.count_delete(origin.delimiter, key);
        }
        if self.want(DELETIONS)
            && let Some(size) = size
        {
            let (uri, command) = (UriKey(key), if meta { "md" } else { "delete" });
            self.log(
                DELETIONS,
                origin.unix_us,
                format_args!("type=deleted key={uri} cmd={command} clsid=1 size={size}"),
            );
        }
    }

    /// Logs what was evicted since the last call. The store collects it while anyone wants it.
    pub(super) fn collect_evictions(&self, unix_us: u64, store: &Store) {
        for evicted in store.take_evictions(self.want(EVICTIONS)) {
            let (uri, fetched) = (
                UriKey(&evicted.key),
                if evicted.fetched { "yes" } else { "no" },
            );
            let (ttl, idle, size) = (
                evicted.ttl.map_or(-1, i64::from),
                evicted.idle_s,
                evicted.value_len,
            );
            self.log(
                EVICTIONS,
                unix_us,
                format_args!(
                    "type=eviction key={uri} fetch={fetched} ttl={ttl} la={idle} clsid=1 \
                     size={size}"
                ),
            );
        }
    }

    /// A client connected. `unix_us` is the Unix time in microseconds.
    pub fn connected(&self, unix_us: u64, client: &Client) {
        if self.want(CONNEVENTS) {
            let (rip, rport, transport) = remote(client);
            let id = client.id;
            self.log(
                CONNEVENTS,
                unix_us,
                format_args!(
                    "type=conn_new rip={rip} rport={rport} transport={transport} cfd={id}"
                ),
            );
        }
    }

    /// A client's connection ended: `normal`, `error`, `idle_timeout` or `shutdown`.
    pub fn disconnected(&self, unix_us: u64, client: &Client, reason: &str) {
        if self.want(CONNEVENTS) {
            let (rip, rport, transport) = remote(client);
            let id = client.id;
            self.log(
                CONNEVENTS,
                unix_us,
                format_args!(
                    "type=conn_close rip={rip} rport={rport} transport={transport} \
                     reason={reason} cfd={id}"
                ),
            );
        }
    }

    fn log(&self, interest: u16, unix_us: u64, rest: fmt::Arguments<'_>) {
        let wanted = Wanted {
            interests: &self.wanted,
            others: DETAIL,
        };
        self.watchers.log(interest, unix_us, rest, &wanted);
    }
}

fn remote(client: &Client) -> (String, u16, &'static str) {
    let transport = client.address.transport();
    match &client.address {
        Endpoint::Tcp(address) | Endpoint::Udp(address) => {
            (address.ip().to_string(), address.port(), transport)
        }
        Endpoint::Unix(_) => ("unix".to_owned(), 0, transport),
    }
}

fn status_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Stored { .. } => "stored",
        Outcome::Exists => "exists",
        Outcome::NotFound => "not_found",
        Outcome::TooLarge => "too_large",
        Outcome::OutOfMemory => "no_memory",
        Outcome::NotStored
        | Outcome::Deleted
        | Outcome::Touched
        | Outcome::Number { .. }
        | Outcome::NonNumeric
        | Outcome::Ok => "not_stored",
    }
}

fn command_name(command: &StoreCommand<'_>) -> &'static str {
    match command.mode {
        _ if command.compare.is_some() => "cas",
        StoreMode::Set => "set",
        StoreMode::Add => "add",
        StoreMode::Replace => "replace",
        StoreMode::Append => "append",
        StoreMode::Prepend => "prepend",
    }
}
