use std::time::Duration;

use vrrp::time::Instant;

use super::*;
use crate::command::{Delete, Exptime, Read, Store as StoreCommand, StoreMode};
use crate::store::{self, Store};

const ZERO_UNIX_MS: u64 = 1_700_000_000_000;

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

    fn set(&self, now: Instant, key: &str, value: &[u8]) -> crate::command::Ticket {
        let (_, ticket) = self.store.store(
            now,
            &StoreCommand {
                key: key.as_bytes(),
                value,
                flags: 0,
                exptime: Exptime::NEVER,
                mode: StoreMode::Set,
                compare: None,
                new_cas: None,
                invalidate: false,
                vivify: None,
            },
        );
        ticket
    }

    fn delete(&self, now: Instant, key: &str) {
        let key = key.as_bytes();
        let (compare, new_cas, exptime) = (None, None, None);
        let (invalidate, drop_value) = (false, false);
        self.store.delete(
            now,
            &Delete {
                key,
                compare,
                new_cas,
                invalidate,
                exptime,
                drop_value,
            },
        );
    }

    fn value(&self, now: Instant, key: &str) -> Option<Vec<u8>> {
        let read = Read::of(key.as_bytes());
        self.store
            .read(now, &read, |item| item.map(|item| item.value.to_vec()))
            .0
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
        self.session += 1;
        self.linked = true;
        self.a.peer.connected(self.now, self.session, true, [1; 32]);
        self.b
            .peer
            .connected(self.now, self.session, false, [2; 32]);
        self.talk();
    }

    fn cut(&mut self) {
        self.linked = false;
        self.a.peer.closed(self.now, self.session, &self.a.store);
        self.b.peer.closed(self.now, self.session, &self.b.store);
        self.talk();
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

#[test]
fn two_nodes_meet_copy_each_other_and_are_in_sync() {
    let mut pair = Pair::new();
    for number in 0..500 {
        pair.a
            .set(pair.now, &format!("a{number}"), &vec![b'x'; number]);
        pair.b
            .set(pair.now, &format!("b{number}"), &vec![b'y'; number]);
    }
    pair.link();
    pair.run(200);
    assert!(pair.a.peer.is_in_sync() && pair.a.peer.peer_is_in_sync());
    assert!(pair.b.peer.is_in_sync() && pair.b.peer.peer_is_in_sync());
    assert_eq!(pair.b.value(pair.now, "a499"), Some(vec![b'x'; 499]));
    assert_eq!(pair.a.value(pair.now, "b499"), Some(vec![b'y'; 499]));
    assert!(pair.a.store.acknowledged().is_holding());
}

#[test]
fn a_reply_waits_until_the_peer_has_applied() {
    let mut pair = Pair::new();
    pair.link();
    let ticket = pair.a.set(pair.now, "k", b"v");
    assert!(!pair.a.store.acknowledged().covers(ticket));
    pair.talk();
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert_eq!(pair.b.value(pair.now, "k"), Some(b"v".to_vec()));
}

#[test]
fn a_peer_that_is_gone_costs_one_timeout_and_then_nothing() {
    let mut pair = Pair::new();
    pair.link();
    pair.cut();
    let ticket = pair.a.set(pair.now, "k", b"v");
    pair.run(240);
    assert!(!pair.a.store.acknowledged().covers(ticket));
    pair.run(20);
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert!(pair.a.saw(&Event::Degraded));
    let ticket = pair.a.set(pair.now, "k", b"w");
    assert!(pair.a.store.acknowledged().covers(ticket));
}

#[test]
fn a_peer_whose_port_refuses_is_not_waited_for() {
    let mut pair = Pair::new();
    pair.link();
    pair.cut();
    let ticket = pair.a.set(pair.now, "k", b"v");
    assert!(!pair.a.store.acknowledged().covers(ticket));
    pair.a.peer.dial_failed(pair.now, true, &pair.a.store);
    pair.a.drain();
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert!(pair.a.saw(&Event::ProcessDied) && pair.a.saw(&Event::Degraded));
}

#[test]
fn a_peer_that_is_back_in_time_ends_no_waiting() {
    let mut pair = Pair::new();
    pair.link();
    pair.run(100);
    pair.cut();
    pair.run(100);
    pair.link();
    pair.run(500);
    assert!(!pair.a.saw(&Event::Degraded) && !pair.b.saw(&Event::Degraded));
}

#[test]
fn acknowledged_writes_return_a_second_after_the_peer_is_in_sync_again() {
    let mut pair = Pair::new();
    pair.link();
    pair.cut();
    pair.run(300);
    pair.link();
    pair.run(900);
    assert!(pair.a.peer.peer_is_in_sync() && !pair.a.store.acknowledged().is_holding());
    pair.run(200);
    assert!(pair.a.store.acknowledged().is_holding());
    assert!(pair.a.saw(&Event::Restored));
}

#[test]
fn a_reconnect_costs_what_changed() {
    let mut pair = Pair::new();
    for number in 0..2000 {
        pair.a.set(pair.now, &format!("k{number}"), &[b'x'; 1000]);
    }
    pair.link();
    pair.run(500);
    assert!(pair.bytes > 2_000_000);
    pair.cut();
    pair.a.set(pair.now, "k7", b"changed");
    pair.a.delete(pair.now, "k8");
    pair.bytes = 0;
    pair.link();
    assert!(pair.bytes < 4_000, "{} bytes", pair.bytes);
    assert_eq!(pair.b.value(pair.now, "k7"), Some(b"changed".to_vec()));
    assert_eq!(pair.b.value(pair.now, "k8"), None);
}

#[test]
fn positions_survive_cuts_in_the_middle_of_a_catch_up() {
    let mut pair = Pair::new();
    for number in 0..3000 {
        pair.a.set(pair.now, &format!("k{number}"), &[b'x'; 1000]);
    }
    for _ in 0..50 {
        pair.session += 1;
        pair.a.peer.connected(pair.now, pair.session, true, [1; 32]);
        pair.b
            .peer
            .connected(pair.now, pair.session, false, [2; 32]);
        for _ in 0..4 {
            let mut out = Vec::new();
            pair.a
                .peer
                .poll_transmit(pair.now, pair.session, &pair.a.store, &mut out);
            let half = &out[..out.len() * 2 / 3];
            let whole = out.len() < 2_000;
            let bytes = if whole { &out[..] } else { half };
            pair.b
                .peer
                .handle_bytes(pair.now, pair.session, bytes, &pair.b.store);
            let mut back = Vec::new();
            pair.b
                .peer
                .poll_transmit(pair.now, pair.session, &pair.b.store, &mut back);
            pair.a
                .peer
                .handle_bytes(pair.now, pair.session, &back, &pair.a.store);
            if !whole {
                break;
            }
        }
        pair.a.peer.closed(pair.now, pair.session, &pair.a.store);
        pair.b.peer.closed(pair.now, pair.session, &pair.b.store);
    }
    pair.bytes = 0;
    pair.link();
    assert!(
        pair.bytes < 1_000_000,
        "{} bytes: nothing was kept",
        pair.bytes
    );
    for number in 0..3000 {
        assert!(
            pair.b.value(pair.now, &format!("k{number}")).is_some(),
            "k{number}"
        );
    }
}

#[test]
fn a_restarted_peer_gets_everything_also_what_its_predecessor_wrote() {
    let mut pair = Pair::new();
    pair.link();
    pair.b.set(pair.now, "by-b", b"v");
    pair.a.set(pair.now, "by-a", b"v");
    pair.run(100);
    pair.cut();
    pair.b = Node::new(options(2, 23));
    pair.link();
    pair.run(100);
    assert!(pair.a.saw(&Event::ProcessDied));
    assert_eq!(pair.b.value(pair.now, "by-b"), Some(b"v".to_vec()));
    assert_eq!(pair.b.value(pair.now, "by-a"), Some(b"v".to_vec()));
    assert!(pair.b.peer.is_in_sync());
}

#[test]
fn a_large_value_travels_in_parts_with_heartbeats_between() {
    let mut pair = Pair::new();
    pair.link();
    let value = vec![b'z'; 1_000_000];
    pair.a.set(pair.now, "large", &value);
    pair.run(100);
    assert_eq!(pair.b.value(pair.now, "large"), Some(value));
}

#[test]
fn a_flush_reaches_the_peer_and_is_echoed() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"v");
    pair.run(50);
    let ticket = pair.a.store.flush(pair.now);
    assert!(!pair.a.store.acknowledged().covers(ticket));
    pair.talk();
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert_eq!(pair.b.value(pair.now, "k"), None);
}

#[test]
fn deletes_beyond_the_tombstones_memory_are_found_by_comparing() {
    let mut pair = Pair::new();
    for number in 0..8000 {
        pair.a.set(pair.now, &format!("session-{number:060}"), b"v");
    }
    pair.b.set(pair.now, "only-on-b", b"v");
    pair.link();
    pair.run(500);
    pair.cut();
    for number in 0..7000 {
        pair.a.delete(pair.now, &format!("session-{number:060}"));
    }
    pair.b.set(pair.now, "written-while-apart", b"v");
    assert!(
        pair.a.store.statistics().tombstones < 7000,
        "the test must overflow them"
    );
    pair.link();
    pair.run(500);
    for number in 0..8000 {
        let key = format!("session-{number:060}");
        assert_eq!(
            pair.b.value(pair.now, &key).is_some(),
            number >= 7000,
            "{key}"
        );
        assert_eq!(
            pair.a.value(pair.now, &key).is_some(),
            number >= 7000,
            "{key}"
        );
    }
    for key in ["only-on-b", "written-while-apart"] {
        assert!(pair.a.value(pair.now, key).is_some() && pair.b.value(pair.now, key).is_some());
    }
}

fn refusal_between(a: Options, b: Options) -> String {
    let mut pair = Pair::new();
    pair.a = Node::new(a);
    pair.b = Node::new(b);
    pair.now += Duration::from_millis(1);
    pair.a.peer.connected(pair.now, 1, true, [1; 32]);
    pair.b.peer.connected(pair.now, 1, false, [2; 32]);
    let mut goodbye = String::new();
    for _ in 0..6 {
        let mut out = Vec::new();
        pair.a
            .peer
            .poll_transmit(pair.now, 1, &pair.a.store, &mut out);
        pair.b.peer.handle_bytes(pair.now, 1, &out, &pair.b.store);
        let mut back = Vec::new();
        pair.b
            .peer
            .poll_transmit(pair.now, 1, &pair.b.store, &mut back);
        for bytes in [&out, &back] {
            let mut rest = &bytes[..];
            while let Ok(Some((frame, length))) = decode(rest) {
                if let Frame::Goodbye(reason) = frame {
                    goodbye = reason;
                }
                rest = &rest[length..];
            }
        }
        pair.a.peer.handle_bytes(pair.now, 1, &back, &pair.a.store);
    }
    assert!(!pair.a.peer.is_connected() && !pair.b.peer.is_connected());
    goodbye
}

#[test]
fn strangers_and_mistakes_are_refused_by_name() {
    let with_secret = |secret: Option<&[u8]>| Options {
        secret: secret.map(<[u8]>::to_vec),
        ..options(1, 11)
    };
    let another = refusal_between(with_secret(Some(b"another secret")), options(2, 22));
    assert!(another.contains("another secret"), "{another}");
    let none = refusal_between(with_secret(None), options(2, 22));
    assert!(none.contains("secret_file is set"), "{none}");
    let itself = refusal_between(options(1, 11), options(1, 11));
    assert!(itself.contains("connected to itself"), "{itself}");
    let same_id = refusal_between(options(1, 11), options(1, 12));
    assert!(same_id.contains("both nodes have node id 1"), "{same_id}");
}

#[test]
fn garbage_closes_the_connection_and_the_pair_goes_on() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.peer.connected(pair.now, 77, false, [3; 32]);
    pair.a
        .peer
        .handle_bytes(pair.now, 77, b"GET / HTTP/1.1\r\n\r\n", &pair.a.store);
    pair.a.drain();
    assert!(pair.a.saw(&Event::Close(77)));
    pair.a.peer.closed(pair.now, 77, &pair.a.store);
    let ticket = pair.a.set(pair.now, "k", b"v");
    pair.talk();
    assert!(pair.a.store.acknowledged().covers(ticket));
}

#[test]
fn an_end_that_begins_with_tls_is_told_so() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.peer.connected(pair.now, 77, false, [3; 32]);
    // A TLS record of 512 bytes: as the length of a frame it would be waited for.
    pair.a
        .peer
        .handle_bytes(pair.now, 77, &[22, 3, 1, 2, 0, 1], &pair.a.store);
    let mut out = Vec::new();
    pair.a
        .peer
        .poll_transmit(pair.now, 77, &pair.a.store, &mut out);
    let (_, greeting) = decode(&out).unwrap().expect("a greeting");
    let (farewell, _) = decode(&out[greeting..]).unwrap().expect("a farewell");
    assert_eq!(
        farewell,
        Frame::Goodbye("replication.tls is set on the peer but not here".to_owned())
    );
}

#[test]
fn a_node_that_has_dialled_already_does_not_dial_a_third_time() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.drain();
    pair.a.events.clear();
    pair.a.peer.connected(pair.now, 77, true, [3; 32]);
    pair.a.peer.closed(pair.now, pair.session, &pair.a.store);
    pair.a.peer.handle_timeout(pair.now, &pair.a.store);
    pair.a.drain();
    assert!(!pair.a.saw(&Event::Dial));
    pair.a.peer.closed(pair.now, 77, &pair.a.store);
    pair.now += Duration::from_millis(50);
    pair.a.peer.handle_timeout(pair.now, &pair.a.store);
    pair.a.drain();
    assert!(pair.a.saw(&Event::Dial));
}

#[test]
fn answers_that_trickle_in_buy_older_changes_no_more_time() {
    let mut pair = Pair::new();
    pair.link();
    pair.run(20);
    pair.a.drain();
    pair.a.events.clear();
    let began = pair.now;
    // Every 20 ms a change is sent, and after 300 ms it is acknowledged.
    let mut on_the_way = std::collections::VecDeque::new();
    let mut degraded = None;
    for number in 0..40 {
        pair.now = began + Duration::from_millis(20 * number);
        pair.a.set(pair.now, "k", b"v");
        let mut out = Vec::new();
        pair.a
            .peer
            .poll_transmit(pair.now, pair.session, &pair.a.store, &mut out);
        on_the_way.push_back((pair.now + Duration::from_millis(300), out));
        while on_the_way.front().is_some_and(|(at, _)| *at <= pair.now) {
            let (_, bytes) = on_the_way.pop_front().expect("just seen");
            let (id, now) = (pair.session, pair.now);
            pair.b.peer.handle_bytes(now, id, &bytes, &pair.b.store);
            let mut back = Vec::new();
            pair.b.peer.poll_transmit(now, id, &pair.b.store, &mut back);
            pair.a.peer.handle_bytes(now, id, &back, &pair.a.store);
        }
        pair.a.peer.handle_timeout(pair.now, &pair.a.store);
        pair.a.drain();
        if degraded.is_none() && pair.a.saw(&Event::Degraded) {
            degraded = Some(pair.now.since(began).as_millis());
        }
    }
    assert_eq!(degraded, Some(260));
}

#[test]
fn of_two_sessions_dialled_at_once_both_nodes_keep_the_same_one() {
    let mut pair = Pair::new();
    let now = pair.now;
    // Session 1 is dialled by b, session 2 by a, whose node id is lower.
    for (id, a_dialled) in [(1, false), (2, true)] {
        pair.a.peer.connected(now, id, a_dialled, [1; 32]);
        pair.b.peer.connected(now, id, !a_dialled, [2; 32]);
    }
    for _ in 0..8 {
        for id in [1, 2] {
            let mut out = Vec::new();
            pair.a.peer.poll_transmit(now, id, &pair.a.store, &mut out);
            pair.b.peer.handle_bytes(now, id, &out, &pair.b.store);
            let mut back = Vec::new();
            pair.b.peer.poll_transmit(now, id, &pair.b.store, &mut back);
            pair.a.peer.handle_bytes(now, id, &back, &pair.a.store);
        }
    }
    assert_eq!(
        (pair.a.peer.feeding, pair.b.peer.feeding),
        (Some(2), Some(2))
    );
}

#[test]
fn an_empty_peer_learns_what_was_read_lately_and_evicts_the_rest_first() {
    let mut pair = Pair::new();
    for number in 0..6000 {
        pair.a.set(pair.now, &format!("k{number}"), &[b'x'; 1000]);
    }
    // Read a hundred of the oldest, later than the minute in which a read moves nothing.
    pair.now += Duration::from_secs(120);
    for number in 0..100 {
        assert!(pair.a.value(pair.now, &format!("k{number}")).is_some());
    }
    pair.link();
    pair.run(500);
    assert!(pair.b.value(pair.now, "k5999").is_some());
    for number in 0..6000 {
        pair.b.set(pair.now, &format!("new{number}"), &[b'x'; 1000]);
    }
    let survivors = |range: std::ops::Range<u32>| {
        range
            .filter(|number| pair.b.value(pair.now, &format!("k{number}")).is_some())
            .count()
    };
    // All that was read lately is there; of the nine hundred as old, few are.
    assert_eq!(survivors(0..100), 100);
    assert!(survivors(100..1000) < 300);
}

#[test]
fn reads_on_the_master_keep_items_alive_on_the_standby() {
    let mut pair = Pair::new();
    pair.link();
    for number in 0..6000 {
        pair.a.set(pair.now, &format!("k{number}"), &[b'x'; 1000]);
    }
    pair.run(500);
    pair.now += Duration::from_secs(120);
    for number in 0..100 {
        assert!(pair.a.value(pair.now, &format!("k{number}")).is_some());
    }
    pair.cut();
    pair.link();
    pair.run(500);
    for number in 0..6000 {
        pair.b.set(pair.now, &format!("new{number}"), &[b'x'; 1000]);
    }
    let survivors = |range: std::ops::Range<u32>| {
        range
            .filter(|number| pair.b.value(pair.now, &format!("k{number}")).is_some())
            .count()
    };
    // All that was read lately is there; of the nine hundred as old, few are.
    assert_eq!(survivors(0..100), 100);
    assert!(survivors(100..1000) < 300);
}

#[test]
fn a_flush_that_the_peer_does_not_echo_costs_one_timeout_and_a_catch_up() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"v");
    pair.run(100);
    // The link is silent, but stands.
    pair.linked = false;
    let ticket = pair.a.store.flush(pair.now);
    let mut lost = Vec::new();
    pair.a
        .peer
        .poll_transmit(pair.now, pair.session, &pair.a.store, &mut lost);
    pair.run(200);
    assert!(!pair.a.store.acknowledged().covers(ticket));
    pair.run(60);
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert!(pair.a.saw(&Event::Degraded) && !pair.a.peer.peer_is_in_sync());
    // What was lost on the way arrives after all.
    pair.b
        .peer
        .handle_bytes(pair.now, pair.session, &lost, &pair.b.store);
    pair.linked = true;
    pair.run(100);
    assert!(pair.a.peer.peer_is_in_sync());
    assert_eq!(pair.b.value(pair.now, "k"), None);
}
