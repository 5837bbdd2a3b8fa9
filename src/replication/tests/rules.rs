//! Rules of merging, flushing and removing that a losing schedule once broke, one test each.

use super::*;
use crate::command::{Life, Mutation, Record, Value};
use crate::replication::record::ChangesWriter;

/// One `Changes` frame, as the peer would send it at `now`.
fn changes(now: Instant, position: u64, mutation: Mutation<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ChangesWriter::begin(&mut bytes, 0, now.as_nanos());
    writer.push(&mut bytes, &Record::Mutation(mutation));
    writer.end(&mut bytes, position);
    bytes
}

const fn item(value: &'static [u8], version: u64) -> Mutation<'static> {
    Mutation::Item {
        key: b"k",
        value: Value::whole(value),
        flags: 0,
        life: Life::Forever,
        version,
        cas: None,
        marks: 0,
    }
}

#[test]
fn of_equal_versions_both_hosts_keep_the_same_content() {
    let version = ZERO_UNIX_MS << 16;
    for (first, second) in [(b"one", b"two"), (b"two", b"one")] {
        let kept = [(first, second), (second, first)].map(|(mine, theirs)| {
            let node = Node::new(options(1, 11));
            let now = Instant::from_millis(1_000);
            node.store.apply(now, &item(mine, version));
            node.store.apply(now, &item(theirs, version));
            node.value(now, "k")
        });
        assert_eq!(kept[0], kept[1]);
    }
}

#[test]
fn after_a_split_both_hosts_are_identical_and_lost_changes_are_counted() {
    let mut pair = Pair::new();
    for number in 0..200 {
        pair.a.set(pair.now, &format!("k{number}"), b"before");
    }
    pair.link();
    pair.run(100);
    pair.cut();
    for number in 0..100 {
        pair.now += Duration::from_millis(1);
        pair.a.set(pair.now, &format!("k{number}"), b"older");
        pair.now += Duration::from_millis(1);
        pair.b.set(pair.now, &format!("k{number}"), b"newer");
        pair.b.delete(pair.now, &format!("k{}", number + 100));
    }
    pair.link();
    pair.run(100);
    for number in 0..100 {
        let value = pair.a.value(pair.now, &format!("k{number}"));
        assert_eq!(value, Some(b"newer".to_vec()));
    }
    assert_eq!(pair.assert_identical(), 100);
    pair.run(200);
    assert_eq!(pair.conflicts(), [(100, 0), (0, 100)]);
}

#[test]
fn a_delete_while_the_peer_is_away_reaches_its_next_boot_which_was_written_to() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"v");
    pair.run(100);
    pair.cut();
    // The new boot serves before the two meet, and a client has stored an older value there.
    pair.b = Node::new(options(2, 23));
    pair.b.set(pair.now, "k", b"old");
    pair.now += Duration::from_millis(5);
    pair.a.delete(pair.now, "k");
    pair.link();
    pair.run(100);
    assert_eq!(pair.b.value(pair.now, "k"), None);
    assert_eq!(pair.assert_identical(), 0);
}

#[test]
fn an_empty_boot_overwrites_nothing() {
    let mut pair = Pair::new();
    for number in 0..300 {
        pair.a.set(pair.now, &format!("k{number}"), b"v");
    }
    pair.link();
    pair.run(100);
    for boot in 23..26 {
        pair.cut();
        pair.b = Node::new(options(2, boot));
        pair.link();
        pair.run(100);
    }
    assert_eq!(pair.assert_identical(), 300);
}

#[test]
fn a_delayed_flush_is_issued_by_the_node_that_accepted_it() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"v");
    assert!(pair.a.store.flush_all(pair.now, Exptime(2)).is_none());
    pair.run(1_900);
    pair.b.store.flush_if_due(pair.now, Some(pair.now));
    assert!(pair.a.value(pair.now, "k").is_some() && pair.b.value(pair.now, "k").is_some());
    pair.run(200);
    // The peer leaves it to the node that is connected.
    pair.b.store.flush_if_due(pair.now, Some(pair.now));
    assert_eq!(pair.b.store.watermark(), 0);
    pair.a.store.flush_if_due(pair.now, Some(pair.now));
    pair.run(20);
    assert_eq!(pair.a.store.watermark(), pair.b.store.watermark());
    assert_eq!(pair.assert_identical(), 0);
}

#[test]
fn a_delayed_flush_is_issued_by_the_peer_if_the_node_that_accepted_it_is_gone() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"v");
    pair.a.store.flush_all(pair.now, Exptime(2));
    pair.run(100);
    pair.cut();
    pair.run(2_100);
    pair.b.store.flush_if_due(pair.now, None);
    assert_eq!(pair.b.value(pair.now, "k"), None);
}

#[test]
fn a_change_made_between_the_hello_and_the_connection_is_waited_for() {
    let mut pair = Pair::new();
    pair.connect();
    let (now, mut set) = (pair.now, false);
    for _ in 0..10 {
        let out = pair.sent_by_a();
        // The hello is on its way and tells of no change; replies do not wait yet.
        if out.len() > 100 && !set {
            pair.a.set(now, "k", b"v");
            set = true;
        }
        pair.bring_to_b(&out);
        pair.step_from_b();
        if pair.a.peer.peer_is_in_sync() {
            let there = pair.b.value(now, "k");
            assert_eq!(there, Some(b"v".to_vec()), "in sync without it");
        }
    }
    assert!(set && pair.a.peer.peer_is_in_sync());
}

#[test]
fn positions_move_over_what_is_not_sent_back() {
    let mut pair = Pair::new();
    pair.link();
    for number in 0..500 {
        pair.a.set(pair.now, &format!("k{number}"), b"v");
    }
    pair.run(200);
    let (last, acknowledged) = pair.b.store.position();
    assert_eq!((last, acknowledged), (500, 500));
    assert_eq!(pair.b.peer.figures().records_sent, 0);
}

#[test]
fn a_touch_is_vouched_for_once_the_peer_has_the_value_too() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"v");
    pair.run(100);
    pair.lose_on_b("k");
    let ticket = pair.a.touch(pair.now, "k");
    pair.turn();
    assert_eq!(pair.b.value(pair.now, "k"), None);
    assert!(!pair.a.store.acknowledged().covers(ticket));
    pair.talk();
    assert_eq!(pair.b.value(pair.now, "k"), Some(b"v".to_vec()));
    assert!(pair.a.store.acknowledged().covers(ticket));
}

#[test]
fn a_touch_that_another_one_follows_is_vouched_for_once_the_peer_has_the_value_too() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"v");
    pair.run(100);
    pair.lose_on_b("k");
    let first = pair.a.touch(pair.now, "k");
    pair.step_from_a();
    // The peer asks for the value of the first one, and acknowledges it.
    let second = pair.a.touch(pair.now, "k");
    pair.step_from_b();
    assert_eq!(pair.b.value(pair.now, "k"), None);
    assert!(!pair.a.store.acknowledged().covers(first));
    pair.talk();
    assert_eq!(pair.b.value(pair.now, "k"), Some(b"v".to_vec()));
    let acknowledged = pair.a.store.acknowledged();
    assert!(acknowledged.covers(first) && acknowledged.covers(second));
    assert_eq!(pair.assert_identical(), 1);
}

#[test]
fn a_get_that_touches_is_sent_like_a_touch() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"v");
    pair.run(100);
    let read = Read {
        touch: Some(Exptime(100)),
        ..Read::of(b"k")
    };
    let (_, ticket) = pair.a.store.read(pair.now, &read, |_| ());
    let ticket = ticket.expect("it changes the item");
    assert!(!pair.a.store.acknowledged().covers(ticket));
    // No heartbeat is needed.
    pair.talk();
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert_eq!(pair.assert_identical(), 1);
}

#[test]
fn a_value_that_is_wanted_is_asked_for_again_on_a_new_connection() {
    let mut pair = Pair::new();
    pair.link();
    let ticket = pair.a.set(pair.now, "k", b"v");
    pair.run(100);
    assert!(pair.a.store.acknowledged().covers(ticket));
    pair.lose_on_b("k");
    pair.a.touch(pair.now, "k");
    pair.step_from_a();
    // The question is lost with the connection.
    pair.cut();
    pair.link();
    pair.run(200);
    assert_eq!(pair.b.value(pair.now, "k"), Some(b"v".to_vec()));
}

#[test]
fn what_is_too_large_for_the_peer_is_removed_there_acknowledged_and_counted_on_both() {
    let mut pair = Pair::new();
    pair.b.store.heed_item_size_max(1_000);
    pair.link();
    pair.a.set(pair.now, "k", b"small");
    pair.run(100);
    assert!(pair.b.value(pair.now, "k").is_some());
    let ticket = pair.a.set(pair.now, "k", &[b'x'; 5_000]);
    pair.run(200);
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert_eq!(pair.b.value(pair.now, "k"), None);
    assert_eq!(pair.b.store.refused(), 1);
    assert_eq!(pair.a.peer.figures().refused_by_peer, 1);
}

#[test]
fn a_master_is_told_that_its_advertisements_do_not_arrive() {
    let mut pair = Pair::new();
    pair.link();
    pair.run(200);
    assert!(!pair.a.peer.figures().unheard_by_peer);
    pair.b.peer.set_unheard(true);
    pair.run(200);
    assert!(pair.a.peer.figures().unheard_by_peer);
    pair.b.peer.set_unheard(false);
    pair.run(200);
    assert!(!pair.a.peer.figures().unheard_by_peer);
}

#[test]
fn frames_of_a_replaced_connection_are_dropped_unread() {
    let mut pair = Pair::new();
    pair.link();
    let replaced = pair.session;
    pair.run(50);
    // The old connection falls silent, and a new one takes its place.
    pair.linked = false;
    pair.run(400);
    pair.link();
    assert!(pair.a.peer.is_connected());
    let late = changes(pair.now, 9, item(b"late", (ZERO_UNIX_MS + 90_000) << 16));
    pair.b
        .peer
        .handle_bytes(pair.now, replaced, &late, &pair.b.store);
    assert_eq!(pair.b.value(pair.now, "k"), None);
}

#[test]
fn a_reply_waits_for_no_change_of_the_peer() {
    let mut pair = Pair::new();
    pair.link();
    pair.run(100);
    pair.b.set(pair.now, "k", b"v");
    pair.step_from_b();
    // Nothing is changed here, so nothing has to reach the peer.
    let add = StoreCommand {
        mode: StoreMode::Add,
        ..set_command("k")
    };
    let (outcome, ticket) = pair.a.store.store(pair.now, &add);
    assert_eq!(outcome, crate::command::Outcome::NotStored);
    assert!(pair.a.store.acknowledged().covers(ticket));
}

#[test]
fn what_was_refused_as_too_large_takes_its_old_value_from_both_hosts() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"old");
    pair.run(100);
    let ticket = pair.a.store.forget(pair.now, b"k");
    assert!(!pair.a.store.acknowledged().covers(ticket));
    pair.talk();
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert_eq!(pair.b.value(pair.now, "k"), None);
    assert_eq!(pair.assert_identical(), 0);
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_ends_the_connection_and_lets_no_reply_go() {
    for (shard, position) in [(0, 1_000), (100_000, 1)] {
        let mut pair = Pair::new();
        pair.link();
        let ticket = pair.a.set(pair.now, "k", b"v");
        let mut lie = Vec::new();
        frame::put_acknowledge(&mut lie, 0, std::iter::once((shard, position)));
        let (now, id) = (pair.now, pair.session);
        pair.a.peer.handle_bytes(now, id, &lie, &pair.a.store);
        pair.a.drain();
        assert!(pair.a.saw(&Event::Close(id)), "shard {shard}");
        assert!(!pair.a.store.acknowledged().covers(ticket));
    }
}
