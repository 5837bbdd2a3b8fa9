//! Frames that leave in parts, and what overtakes them.

use super::*;

/// One call of `poll_transmit` of the second node.
fn said_by_b(pair: &mut Pair) -> Vec<u8> {
    let mut out = Vec::new();
    let (now, id) = (pair.now, pair.session);
    pair.b.peer.poll_transmit(now, id, &pair.b.store, &mut out);
    out
}

#[test]
fn a_removal_is_not_acknowledged_while_an_older_value_is_on_its_way_in_parts() {
    let mut pair = Pair::new();
    pair.link();
    pair.run(100);
    pair.cut();
    pair.now += Duration::from_millis(10);
    pair.b.set(pair.now, "session", &vec![b'x'; 600_000]);
    pair.now += Duration::from_millis(10);
    pair.a.set(pair.now, "session", b"logged in");
    pair.a.delete(pair.now, "session");
    pair.session += 1;
    let (now, id) = (pair.now, pair.session);
    pair.a.peer.connected(now, id, true, [1; 32]);
    pair.b.peer.connected(now, id, false, [2; 32]);
    // The value begins to leave before the removal arrives.
    let mut held = Vec::new();
    for _ in 0..20 {
        let said = said_by_b(&mut pair);
        pair.a.peer.handle_bytes(now, id, &said, &pair.a.store);
        if pair.b.peer.feeding.is_some() {
            break;
        }
        pair.a.peer.poll_transmit(now, id, &pair.a.store, &mut held);
        while let Ok(Some((_, length))) = decode(&held)
            && pair.b.peer.feeding.is_none()
        {
            let frame: Vec<u8> = held.drain(..length).collect();
            pair.b.peer.handle_bytes(now, id, &frame, &pair.b.store);
        }
    }
    pair.b.peer.handle_bytes(now, id, &held, &pair.b.store);
    let leaves = &pair.b.peer.feeding_session().expect("it feeds").leaving.0;
    assert!(
        leaves.len() > 500_000,
        "the test must catch the value on its way"
    );
    pair.linked = true;
    pair.run(300);
    assert_eq!(pair.a.value(pair.now, "session"), None);
    assert_eq!(pair.b.value(pair.now, "session"), None);
    assert_eq!(pair.a.store.statistics().tombstones, 0);
}

#[test]
fn a_large_value_travels_in_parts_with_heartbeats_between() {
    let mut pair = Pair::new();
    pair.link();
    pair.run(100);
    let value = vec![b'z'; 1_000_000];
    pair.b.set(pair.now, "large", &value);
    let (mut calls, mut heartbeats) = (0, 0);
    while pair.a.value(pair.now, "large").is_none() {
        calls += 1;
        assert!(calls < 20, "it never arrives");
        pair.now += Duration::from_millis(100);
        pair.b.peer.handle_timeout(pair.now, &pair.b.store);
        let said = said_by_b(&mut pair);
        assert!(said.len() < 300_000, "{} bytes at once", said.len());
        let mut rest = &said[..];
        while let Some((frame, length)) = decode(rest).expect("frames") {
            heartbeats += usize::from(matches!(frame, Frame::Heartbeat(_)));
            rest = &rest[length..];
        }
        let (now, id) = (pair.now, pair.session);
        pair.a.peer.handle_bytes(now, id, &said, &pair.a.store);
    }
    assert!(pair.a.value(pair.now, "large") == Some(value));
    assert_eq!(calls, heartbeats, "one before each part");
    assert!(calls >= 7, "{calls} parts");
}

#[test]
fn a_value_of_the_largest_size_may_follow_small_changes_in_its_frame() {
    let mut pair = Pair::new();
    let value = vec![b'z'; (1 << 20) - 100];
    for number in 0..2_000 {
        pair.a
            .set(pair.now, &format!("small-{number}"), &[b'x'; 500]);
    }
    pair.a.set(pair.now, "large", &value);
    for number in 0..200 {
        pair.a
            .set(pair.now, &format!("later-{number}"), &[b'x'; 500]);
    }
    pair.link();
    pair.run(500);
    assert!(pair.b.value(pair.now, "large") == Some(value));
    assert_eq!(pair.assert_identical(), 2_201);
    assert_eq!(pair.a.peer.figures().connections, 1);
}

#[test]
fn an_item_above_the_peers_limit_stays_away_and_the_link_lives() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"small");
    pair.run(100);
    pair.cut();
    // The other host starts again with a lower limit than that of what was stored meanwhile.
    pair.now += Duration::from_millis(10);
    let ticket = pair.a.set(pair.now, "k", &vec![b'x'; 500_000]);
    pair.b.store.heed_item_size_max(100_000);
    pair.a.store.heed_item_size_max(100_000);
    pair.bytes = 0;
    pair.link();
    pair.run(300);
    assert!(pair.bytes < 10_000, "{} bytes: it travelled", pair.bytes);
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert_eq!(pair.b.value(pair.now, "k"), None);
    assert_eq!(pair.b.store.refused(), 1);
    assert_eq!(pair.a.peer.figures().refused_by_peer, 1);
    assert_eq!(pair.a.peer.figures().connections, 2);
}

#[test]
fn a_side_that_sends_large_values_all_the_time_acknowledges_between_them() {
    let mut pair = Pair::new();
    pair.link();
    pair.run(500);
    let store_large = |pair: &mut Pair, number: usize| {
        let key = format!("large-{}", number % 25);
        pair.a.set(pair.now, &key, &vec![b'x'; 200_000]);
    };
    (0..25).for_each(|number| store_large(&mut pair, number));
    pair.step_from_a();
    let ticket = pair.b.set(pair.now, "small", b"v");
    pair.step_from_b();
    for turn in 0..4 {
        (0..2).for_each(|number| store_large(&mut pair, 2 * turn + number));
        pair.step_from_a();
        pair.step_from_b();
    }
    assert!(pair.b.store.acknowledged().covers(ticket));
}

#[test]
fn parts_without_end_take_no_more_memory_than_the_largest_item() {
    let mut pair = Pair::new();
    pair.link();
    let (now, id) = (pair.now, pair.session);
    let mut part = Vec::new();
    let bytes = &[b'x'; frame::PART_BYTES];
    Frame::Part { last: false, bytes }.encode(&mut part);
    let mut taken = 0;
    while !pair.a.saw(&Event::Close(id)) {
        taken += bytes.len();
        assert!(taken < 2 << 20, "{taken} bytes of one item of a megabyte");
        pair.a.peer.handle_bytes(now, id, &part, &pair.a.store);
        pair.a.drain();
    }
}
