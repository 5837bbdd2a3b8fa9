//! Two nodes meet: who is turned away and which connection stays.

use super::*;

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
fn a_connection_that_is_closed_as_soon_as_it_stood_is_not_dialled_again_at_once() {
    let mut pair = Pair::new();
    pair.link();
    pair.run(100);
    pair.a.events.clear();
    pair.cut();
    pair.run(10);
    assert!(pair.a.saw(&Event::Dial));
    pair.link();
    pair.a.events.clear();
    pair.cut();
    pair.run(40);
    assert!(!pair.a.saw(&Event::Dial));
    pair.run(20);
    assert!(pair.a.saw(&Event::Dial));
}

#[test]
fn a_greeting_of_a_later_version_may_be_longer_and_the_secret_still_proves() {
    let mut pair = Pair::new();
    let (now, id) = (pair.now, 1);
    pair.a.peer.connected(now, id, true, [1; 32]);
    pair.b.peer.connected(now, id, false, [2; 32]);
    let mut greeting = Vec::new();
    pair.a
        .peer
        .poll_transmit(now, id, &pair.a.store, &mut greeting);
    // Length and checksum, type, 49 bytes of today, and what a later version adds.
    assert_eq!(greeting.len(), 8 + 1 + 49);
    greeting.extend_from_slice(b"more");
    greeting[..4].copy_from_slice(&54_u32.to_le_bytes());
    let checksum = crc32c::crc32c(&greeting[8..]);
    greeting[4..8].copy_from_slice(&checksum.to_le_bytes());
    pair.b.peer.handle_bytes(now, id, &greeting, &pair.b.store);
    pair.session = id;
    pair.linked = true;
    pair.run(100);
    assert!(pair.a.peer.is_in_sync() && pair.b.peer.is_in_sync());
}

/// What a node says to a third one that introduces itself to it.
fn said_to_third(pair: &mut Pair, third: &mut Node, id: SessionId) -> Option<String> {
    pair.a.peer.connected(pair.now, id, false, [3; 32]);
    third.peer.connected(pair.now, id, true, [4; 32]);
    let mut goodbye = None;
    for _ in 0..6 {
        let (mut out, mut back) = (Vec::new(), Vec::new());
        third
            .peer
            .poll_transmit(pair.now, id, &third.store, &mut out);
        pair.a.peer.handle_bytes(pair.now, id, &out, &pair.a.store);
        pair.a
            .peer
            .poll_transmit(pair.now, id, &pair.a.store, &mut back);
        third.peer.handle_bytes(pair.now, id, &back, &third.store);
        let mut rest = &back[..];
        while let Ok(Some((frame, length))) = decode(rest) {
            if let Frame::Goodbye(reason) = frame {
                goodbye = Some(reason);
            }
            rest = &rest[length..];
        }
    }
    pair.a.peer.closed(pair.now, id, &pair.a.store);
    third.peer.closed(pair.now, id, &third.store);
    goodbye
}

#[test]
fn a_third_node_is_turned_away_while_the_peer_lives_and_the_second_time_it_is_told() {
    let mut pair = Pair::new();
    pair.link();
    pair.run(500);
    pair.a.drain();
    pair.a.events.clear();
    let mut third = Node::new(options(9, 99));
    third.set(pair.now, "other", b"data");
    for id in [77, 78] {
        let goodbye = said_to_third(&mut pair, &mut third, id).expect("a farewell");
        assert!(
            goodbye
                .starts_with("node 0000000000000009 wants to be the peer of this node, but node"),
            "{goodbye}"
        );
        assert_eq!(pair.a.peer.refusals.last().is_some(), id == 78);
        let pause = Duration::from_millis(if id == 77 { 50 } else { 100 });
        assert_eq!(third.peer.redial_at, Some(pair.now + pause));
        pair.run(100);
    }
    pair.a.drain();
    assert!(!pair.a.saw(&Event::ProcessDied) && !pair.a.saw(&Event::Lost));
    let ticket = pair.a.set(pair.now, "k", b"v");
    pair.talk();
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert_eq!(pair.a.value(pair.now, "other"), None);
}

#[test]
fn a_peer_that_was_started_anew_is_let_in_once_the_old_process_is_silent() {
    let mut pair = Pair::new();
    pair.link();
    pair.run(500);
    let mut anew = Node::new(options(9, 99));
    pair.now += Duration::from_millis(310);
    assert_eq!(said_to_third(&mut pair, &mut anew, 77), None);
    pair.a.drain();
    assert!(pair.a.saw(&Event::Lost));
}

/// A connection over which both ends say all that belongs to meeting.
fn meet_over(pair: &mut Pair, id: u64, dialled_by_a: bool) {
    pair.session = id;
    let now = pair.now;
    pair.a.peer.connected(now, id, dialled_by_a, [1; 32]);
    pair.b.peer.connected(now, id, !dialled_by_a, [2; 32]);
    for _ in 0..6 {
        pair.turn();
    }
}

#[test]
fn a_silent_connection_yields_to_a_new_one_but_a_living_one_does_not() {
    for (silent_ms, replaced) in [(100, false), (400, true)] {
        let mut pair = Pair::new();
        // Dialled by b, whose node id is higher: a second one from there has no precedence.
        meet_over(&mut pair, 1, false);
        pair.now += Duration::from_millis(silent_ms);
        meet_over(&mut pair, 2, false);
        let expected = if replaced { 2 } else { 1 };
        assert_eq!(pair.a.peer.feeding, Some(expected), "after {silent_ms} ms");
    }
}

#[test]
fn a_new_boot_of_the_peer_takes_the_place_of_a_connection_that_is_not_known_to_be_dead() {
    for (silent_ms, replaced) in [(100, false), (400, true)] {
        let mut pair = Pair::new();
        meet_over(&mut pair, 1, false);
        pair.now += Duration::from_millis(silent_ms);
        pair.b = Node::new(options(2, 23));
        meet_over(&mut pair, 2, false);
        let expected = if replaced { 2 } else { 1 };
        assert_eq!(pair.a.peer.feeding, Some(expected), "after {silent_ms} ms");
    }
}

#[test]
fn a_recorded_proof_answers_no_other_nonce() {
    let mut pair = Pair::new();
    pair.connect();
    let mut recorded = Vec::new();
    for _ in 0..3 {
        let said = pair.sent_by_a();
        pair.bring_to_b(&said);
        pair.step_from_b();
        recorded.extend_from_slice(&said);
    }
    assert!(pair.b.peer.is_connected());
    pair.cut();
    // The same bytes, and another greeting to answer.
    let now = pair.now;
    pair.b.peer.connected(now, 77, false, [3; 32]);
    pair.b.peer.handle_bytes(now, 77, &recorded, &pair.b.store);
    pair.b.drain();
    assert!(pair.b.saw(&Event::Close(77)) && !pair.b.peer.is_connected());
    let refused = pair.b.peer.refusals.last().expect("it was told");
    assert!(refused.0.contains("another secret"), "{refused:?}");
}

#[test]
fn strangers_that_say_nothing_are_closed_and_do_not_keep_the_peer_out() {
    let mut pair = Pair::new();
    for id in 1..=20 {
        pair.b.peer.connected(pair.now, id, false, [id as u8; 32]);
        // What is to be closed is closed at once.
        while let Some(event) = pair.b.peer.poll_event() {
            if let Event::Close(id) = event {
                pair.b.peer.closed(pair.now, id, &pair.b.store);
            }
            pair.b.events.push(event);
        }
    }
    pair.session = 20;
    pair.link();
    assert!(pair.a.peer.is_connected() && pair.b.peer.is_connected());
    pair.run(2_100);
    for id in 1..=20 {
        assert!(pair.b.saw(&Event::Close(id)), "stranger {id}");
    }
    assert!(!pair.b.saw(&Event::Close(21)));
}

#[test]
fn a_connection_that_falls_silent_is_closed_after_two_seconds() {
    let mut pair = Pair::new();
    pair.link();
    pair.run(100);
    pair.linked = false;
    pair.run(1_900);
    assert!(!pair.a.saw(&Event::Close(pair.session)));
    pair.run(300);
    assert!(pair.a.saw(&Event::Close(pair.session)));
    assert!(pair.b.saw(&Event::Close(pair.session)));
}

#[test]
fn a_node_that_meets_an_empty_one_has_everything_of_it_at_once() {
    let mut pair = Pair::new();
    pair.a.set(pair.now, "k", b"v");
    pair.meet();
    assert!(pair.a.peer.is_in_sync());
    // The empty one has not.
    pair.talk();
    assert!(!pair.b.peer.is_in_sync());
}

#[test]
fn the_two_nodes_make_different_versions_in_the_same_moment() {
    let mut pair = Pair::new();
    pair.link();
    pair.cut();
    pair.a.set(pair.now, "k", b"v");
    pair.b.set(pair.now, "k", b"w");
    let versions = [&pair.a, &pair.b].map(|node| node.contents(pair.now)[&b"k"[..]].3);
    assert_eq!(versions.map(|version| version & 1), [0, 1]);
    pair.link();
    pair.run(300);
    assert_eq!(pair.b.value(pair.now, "k"), Some(b"w".to_vec()));
    assert_eq!(pair.assert_identical(), 1);
    assert_eq!(pair.conflicts(), [(1, 0), (0, 1)]);
}

#[test]
fn a_refused_port_is_a_death_once_and_only_after_a_connection() {
    let mut pair = Pair::new();
    let deaths = |node: &Node| {
        let deaths = node.events.iter();
        deaths.filter(|event| **event == Event::ProcessDied).count()
    };
    // A peer that was never met may start late.
    pair.a.peer.dial_failed(pair.now, true, &pair.a.store);
    pair.a.drain();
    assert_eq!(deaths(&pair.a), 0);
    pair.link();
    pair.cut();
    pair.a.peer.dial_failed(pair.now, true, &pair.a.store);
    pair.a.peer.dial_failed(pair.now, true, &pair.a.store);
    pair.b = Node::new(options(2, 23));
    pair.link();
    pair.a.drain();
    assert_eq!(deaths(&pair.a), 1);
}
