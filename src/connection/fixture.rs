//! A server without sockets, for tests of what a client sees.

use vrrp::time::Instant;

use super::{Connection, Context, Facts, Process, Settings};
use crate::command::Hold;
use crate::protocol::Limits;
use crate::store::{Options, Store};

/// Unix time of the zero of all instants.
pub(super) const ZERO_UNIX_MS: u64 = 1_700_000_000_000;

pub(super) struct Fixture {
    pub store: Store,
    pub facts: Facts,
}

pub(super) fn seconds(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

pub(super) fn options() -> Options {
    Options {
        memory: 64 << 20,
        item_size_max: 1 << 20,
        threads: 4,
        hash_seed: [1, 2, 3, 4],
        zero_unix_ms: ZERO_UNIX_MS,
        evict: true,
        replicated: false,
    }
}

/// As `memcached -l 127.0.0.1` with the rest of its flags left out.
pub(super) fn settings() -> Settings {
    Settings {
        threads: 4,
        connections_max: 1024,
        item_size_max: 1 << 20,
        tcp_port: 11211,
        udp_port: 0,
        interfaces: "127.0.0.1".to_owned(),
        socket_path: String::new(),
        socket_mode: 0o700,
        verbosity: 0,
        evict: true,
        cas_enabled: true,
        flush_enabled: true,
        dump_enabled: true,
        watch_enabled: true,
        shutdown_enabled: false,
        backlog: 1024,
        requests_per_event: 20,
        idle_timeout_s: 0,
        connections_max_fast: true,
        protocol: "auto-negotiate",
        authentication: false,
        stats_prefix_delimiter: None,
    }
}

impl Fixture {
    pub fn new() -> Fixture {
        Fixture::with(settings())
    }

    pub fn with(settings: Settings) -> Fixture {
        Fixture {
            store: Store::new(&options()),
            facts: Facts::new(settings),
        }
    }

    pub fn context<'a>(
        &'a self,
        section: &'a dyn Fn(&str) -> Vec<(String, String)>,
    ) -> Context<'a> {
        Context {
            store: &self.store,
            facts: &self.facts,
            process: || Process {
                pid: 4711,
                user_us: 1_000_002,
                system_us: 20_000_300,
                unix_time_s: 1_700_000_010,
            },
            section,
            hold: Hold::Nothing,
            passwords: None,
        }
    }

    /// What a new connection answers to all of these bytes.
    pub fn say(&self, now: Instant, bytes: impl AsRef<[u8]>) -> String {
        let out = self.send(&mut connection(), now, bytes);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// What this connection answers, however many pieces it takes.
    pub fn send(
        &self,
        connection: &mut Connection,
        now: Instant,
        bytes: impl AsRef<[u8]>,
    ) -> Vec<u8> {
        let section = |name: &str| vec![("name".to_owned(), format!("{name} 1"))];
        let context = self.context(&section);
        let mut answer = Vec::new();
        connection.handle_bytes(now, bytes.as_ref(), &context, &mut answer);
        for _ in 0..100_000 {
            if !connection.has_work() {
                return answer;
            }
            let mut piece = Vec::new();
            connection.resume(now, &context, &mut piece);
            assert!(
                piece.len() <= 320 * 1024,
                "{} bytes in one piece",
                piece.len()
            );
            answer.extend_from_slice(&piece);
        }
        panic!("the answer never ends");
    }

    /// What a connection that watches shows now.
    pub fn watched(&self, connection: &mut Connection, now: Instant) -> String {
        let mut lines = Vec::new();
        let section = |_: &str| Vec::new();
        connection.resume(now, &self.context(&section), &mut lines);
        String::from_utf8_lossy(&lines).into_owned()
    }
}

pub(super) fn connection() -> Connection {
    Connection::new(Limits {
        item_size_max: 1 << 20,
    })
}
