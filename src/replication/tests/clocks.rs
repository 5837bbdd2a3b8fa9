//! Clocks that differ, and versions that no clock can have made.

use super::*;
use crate::replication::hello::{Greeting, Heartbeat, Hello};
use crate::store::clock::{UNIX_MS_MAX, VERSION_MAX, unix_ms_of};

/// A peer that speaks the protocol with a clock of its own choice; the secret is known to it.
fn stranger(pair: &mut Pair, frames: &[Frame<'_>]) {
    let without_secret = Options {
        secret: None,
        ..options(1, 11)
    };
    pair.a = Node::new(without_secret);
    let (now, id) = (pair.now, 1);
    pair.a.peer.connected(now, id, false, [1; 32]);
    let mut bytes = Vec::new();
    Frame::Greeting(Greeting {
        version_oldest: 1,
        version_newest: 1,
        nonce: [2; 32],
        secret: false,
    })
    .encode(&mut bytes);
    frames.iter().for_each(|frame| frame.encode(&mut bytes));
    pair.a.peer.handle_bytes(now, id, &bytes, &pair.a.store);
    pair.a.drain();
}

fn hello(clock_ms: u64) -> Frame<'static> {
    Frame::Hello(Hello {
        node_id: 2,
        boot_id: 22,
        clock_ms,
        newest: vec![0],
        ..Hello::default()
    })
}

fn cas(node: &Node, now: Instant, key: &str) -> u64 {
    let read = Read::of(key.as_bytes());
    let seen = node
        .store
        .read(now, &read, |item| item.map(|item| item.cas));
    seen.0.expect("it is there")
}

#[test]
fn a_peers_clock_is_followed_so_that_later_changes_are_newer() {
    let mut pair = Pair::new();
    let year_2100 = 4_102_444_800_000;
    let heartbeat = |clock_ms| {
        Frame::Heartbeat(Heartbeat {
            clock_ms,
            ..Heartbeat::default()
        })
    };
    for frames in [
        vec![hello(year_2100)],
        vec![hello(ZERO_UNIX_MS), heartbeat(year_2100)],
        // It is followed also when its owner sets it right.
        vec![hello(year_2100), heartbeat(ZERO_UNIX_MS)],
    ] {
        stranger(&mut pair, &frames);
        pair.a.set(pair.now, "k", b"v");
        assert_eq!(unix_ms_of(cas(&pair.a, pair.now, "k")), year_2100);
    }
}

#[test]
fn an_absurd_clock_is_followed_to_half_of_the_range_and_order_is_kept() {
    for clock_ms in [(1 << 48) - 1, 1 << 48, u64::MAX / 2, u64::MAX] {
        let mut pair = Pair::new();
        stranger(&mut pair, &[hello(clock_ms)]);
        assert!(pair.a.peer.is_connected(), "it is never refused");
        pair.a.set(pair.now, "k", b"v");
        let first = cas(&pair.a, pair.now, "k");
        assert_eq!(unix_ms_of(first), UNIX_MS_MAX, "{clock_ms}");
        // The clock goes on from there, and each change is newer than the one before.
        pair.now += Duration::from_millis(5);
        pair.a.set(pair.now, "k", b"v");
        let second = cas(&pair.a, pair.now, "k");
        assert_eq!(unix_ms_of(second), UNIX_MS_MAX + 5);
        pair.a.set(pair.now, "k", b"v");
        assert!(cas(&pair.a, pair.now, "k") > second);
    }
}

#[test]
fn a_version_that_no_clock_can_have_made_ends_the_connection_and_changes_nothing() {
    let year_2023 = 1_700_000_000_000;
    let mut poisoned = Vec::new();
    let mut writer = record::ChangesWriter::begin(&mut poisoned, 0, 1);
    let tombstone = crate::command::Mutation::Tombstone {
        key: b"k",
        version: VERSION_MAX + 1,
    };
    writer.push(&mut poisoned, &crate::command::Record::Mutation(tombstone));
    writer.end(&mut poisoned, 1);
    let (changes, _) = decode(&poisoned).unwrap().expect("whole");
    let heartbeat = Frame::Heartbeat(Heartbeat {
        watermark: VERSION_MAX + 1,
        ..Heartbeat::default()
    });
    for absurd in [Frame::Flush(VERSION_MAX + 1), heartbeat, changes] {
        let mut pair = Pair::new();
        stranger(&mut pair, &[hello(year_2023), absurd.clone()]);
        assert!(pair.a.saw(&Event::Close(1)), "{absurd:?}");
        pair.a.set(pair.now, "k", b"v");
        assert_eq!(pair.a.value(pair.now, "k"), Some(b"v".to_vec()));
        assert!(cas(&pair.a, pair.now, "k") < VERSION_MAX / 2);
    }
}
