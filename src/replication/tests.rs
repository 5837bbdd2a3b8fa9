//! Two machines with their stores and a perfect link, in virtual time.

mod acknowledging;
mod catching_up;
mod clocks;
mod comparing;
mod conflicts;
mod flushing;
mod meeting;
mod parts;
mod recency;
mod replacing;
mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

use vrrp::time::Instant;

use super::*;
use crate::command::{Delete, Exptime, Read, Store as StoreCommand, StoreMode, Ticket, Touch};
use crate::store::{self, Store};

const ZERO_UNIX_MS: u64 = 1_700_000_000_000;

/// Value, flags, cas, version, and the second in which it expires.
type Content = (Vec<u8>, u32, u64, u64, Option<u64>);

struct Node {
    store: Store,
    peer: Peer,
    events: Vec<Event>,
}

fn options(number: u64, boot: u64) -> Options {
    Options {
        node_id: number,
        boot_id: boot,
        acknowledge_peer: true,
        acknowledge_timeout: Duration::from_millis(250),
        secret: Some(b"a shared secret".to_vec()),
        settings: Settings::default(),
    }
}

fn set_command(key: &str) -> StoreCommand<'_> {
    StoreCommand {
        key: key.as_bytes(),
        value: b"",
        flags: 0,
        exptime: Exptime::NEVER,
        mode: StoreMode::Set,
        compare: None,
        new_cas: None,
        invalidate: false,
        vivify: None,
    }
}

impl Node {
    fn new(options: Options) -> Node {
        let store = Store::new(&store::Options {
            memory: 8 << 20,
            item_size_max: 1 << 20,
            threads: 1,
            hash_seed: [options.boot_id, 2, 3, 4],
            zero_unix_ms: ZERO_UNIX_MS,
            evict: true,
            replicated: true,
        });
        Node {
            peer: Peer::new(options, &store),
            store,
            events: Vec::new(),
        }
    }

    fn set(&self, now: Instant, key: &str, value: &[u8]) -> Ticket {
        let set = StoreCommand {
            value,
            ..set_command(key)
        };
        self.store.store(now, &set).1
    }

    fn touch(&self, now: Instant, key: &str) -> Ticket {
        let touch = Touch {
            key: key.as_bytes(),
            exptime: Exptime(1_000),
        };
        self.store.touch(now, &touch).1
    }

    fn delete(&self, now: Instant, key: &str) -> Ticket {
        let key = key.as_bytes();
        let (compare, new_cas, exptime) = (None, None, None);
        let (invalidate, drop_value) = (false, false);
        let delete = Delete {
            key,
            compare,
            new_cas,
            invalidate,
            exptime,
            drop_value,
        };
        self.store.delete(now, &delete).1
    }

    fn value(&self, now: Instant, key: &str) -> Option<Vec<u8>> {
        let read = Read::of(key.as_bytes());
        self.store
            .read(now, &read, |item| item.map(|item| item.value.to_vec()))
            .0
    }

    /// Key: value, flags, cas, version, and the second in which it expires.
    fn contents(&self, now: Instant) -> BTreeMap<Vec<u8>, Content> {
        let mut listed = BTreeMap::new();
        let mut cursor = store::DumpCursor::default();
        while self.store.dump(now, &mut cursor, |item| {
            let content = (item.flags, item.cas, item.version, item.expires_unix_s);
            listed.insert(item.key.to_vec(), content);
        }) {}
        let with_value = listed
            .into_iter()
            .map(|(key, (flags, cas, version, expires))| {
                let read = self.store.read(now, &Read::of(&key), |item| {
                    item.map(|item| item.value.to_vec())
                });
                (
                    key,
                    (read.0.expect("it was listed"), flags, cas, version, expires),
                )
            });
        with_value.collect()
    }

    fn drain(&mut self) {
        while let Some(event) = self.peer.poll_event() {
            self.events.push(event);
        }
    }

    fn saw(&self, event: &Event) -> bool {
        self.events.contains(event)
    }
}

/// Two nodes and a perfect link between them.
struct Pair {
    now: Instant,
    a: Node,
    b: Node,
    session: u64,
    linked: bool,
    bytes: usize,
}

impl Pair {
    fn new() -> Pair {
        let (a, b) = (Node::new(options(1, 11)), Node::new(options(2, 22)));
        Pair {
            now: Instant::from_millis(1000),
            a,
            b,
            session: 0,
            linked: false,
            bytes: 0,
        }
    }

    fn link(&mut self) {
        self.connect();
        self.linked = true;
        self.talk();
    }

    fn cut(&mut self) {
        self.linked = false;
        self.a.peer.closed(self.now, self.session, &self.a.store);
        self.b.peer.closed(self.now, self.session, &self.b.store);
        self.talk();
    }

    /// A new connection, dialled by a, over which nothing was said yet.
    fn connect(&mut self) {
        self.session += 1;
        let (now, id) = (self.now, self.session);
        self.a.peer.connected(now, id, true, [1; 32]);
        self.b.peer.connected(now, id, false, [2; 32]);
    }

    /// A new connection over which a has heard the peer's hello, and the peer nothing of a's feed.
    fn meet(&mut self) {
        self.connect();
        while !self.a.peer.is_connected() {
            self.step_from_b();
            if !self.a.peer.is_connected() {
                self.step_from_a();
            }
        }
    }

    /// What a has to send now, which may get lost.
    fn sent_by_a(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let a = &mut self.a;
        a.peer
            .poll_transmit(self.now, self.session, &a.store, &mut out);
        out
    }

    /// These bytes arrive at the peer.
    fn bring_to_b(&mut self, bytes: &[u8]) {
        let b = &mut self.b;
        b.peer.handle_bytes(self.now, self.session, bytes, &b.store);
    }

    /// Carries what a has to send now.
    fn step_from_a(&mut self) {
        let out = self.sent_by_a();
        self.bring_to_b(&out);
    }

    /// Carries what the peer has to send now.
    fn step_from_b(&mut self) {
        let mut out = Vec::new();
        let (now, id, b) = (self.now, self.session, &mut self.b);
        b.peer.poll_transmit(now, id, &b.store, &mut out);
        self.a.peer.handle_bytes(now, id, &out, &self.a.store);
    }

    /// One turn of the link: first a says what it has to say, then the peer.
    fn turn(&mut self) {
        self.step_from_a();
        self.step_from_b();
    }

    /// The peer loses a key, and a does not know.
    fn lose_on_b(&self, key: &str) {
        let gone = crate::command::Mutation::Tombstone {
            key: key.as_bytes(),
            version: u64::MAX >> 2,
        };
        self.b.store.apply(self.now, &gone);
    }

    /// Both hosts hold the same keys with the same values, flags, lives, versions and cas uniques.
    /// Returns how many.
    fn assert_identical(&self) -> usize {
        let (a, b) = (self.a.contents(self.now), self.b.contents(self.now));
        assert_eq!(a, b);
        a.len()
    }

    /// Moves bytes, cut into odd pieces, until both sides are silent.
    fn talk(&mut self) {
        loop {
            let mut moved = false;
            for (from, to) in [(true, false), (false, true)] {
                let (from, to) = if from && !to {
                    (&mut self.a, &mut self.b)
                } else {
                    (&mut self.b, &mut self.a)
                };
                let mut out = Vec::new();
                if self.linked {
                    from.peer
                        .poll_transmit(self.now, self.session, &from.store, &mut out);
                }
                moved |= !out.is_empty();
                self.bytes += out.len();
                for piece in out.chunks(1_021) {
                    to.peer
                        .handle_bytes(self.now, self.session, piece, &to.store);
                }
                from.drain();
                to.drain();
            }
            if !moved {
                return;
            }
        }
    }

    fn run(&mut self, millis: u64) {
        for _ in 0..millis / 10 {
            self.now += Duration::from_millis(10);
            self.a.peer.handle_timeout(self.now, &self.a.store);
            self.b.peer.handle_timeout(self.now, &self.b.store);
            self.talk();
        }
    }
}
