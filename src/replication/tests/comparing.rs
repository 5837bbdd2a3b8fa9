//! More was removed than could be remembered: the peer compares.

use super::*;

/// A pair whose first node removes 7,000 of 8,000 keys while the two are apart, with `meanwhile`
/// before that.
fn more_removed_than_remembered(meanwhile: impl Fn(&mut Pair)) -> Pair {
    let mut pair = Pair::new();
    for number in 0..8000 {
        pair.a.set(pair.now, &format!("session-{number:060}"), b"v");
    }
    pair.b.set(pair.now, "only-on-b", b"v");
    pair.link();
    pair.run(500);
    pair.cut();
    meanwhile(&mut pair);
    pair.now += Duration::from_millis(50);
    for number in 0..7000 {
        pair.a.delete(pair.now, &format!("session-{number:060}"));
    }
    let tombstones = pair.a.store.statistics().tombstones;
    assert!(tombstones < 7000, "the test must overflow them");
    pair
}

#[test]
fn what_was_stored_before_the_forgotten_removals_survives_the_comparison() {
    let mut pair = more_removed_than_remembered(|pair| {
        pair.a.set(pair.now, "new-on-a", b"v");
        pair.a
            .set(pair.now, &format!("session-{:060}", 7_500), b"changed");
        pair.a.touch(pair.now, &format!("session-{:060}", 7_600));
    });
    pair.link();
    pair.run(500);
    assert_eq!(pair.b.value(pair.now, "new-on-a"), Some(b"v".to_vec()));
    assert_eq!(pair.assert_identical(), 1_002);
}

#[test]
fn what_was_sent_and_not_acknowledged_before_the_comparison_survives_it() {
    let mut pair = more_removed_than_remembered(|pair| {
        // It arrives, and the connection breaks before the acknowledgement has left.
        pair.link();
        pair.run(50);
        pair.a.set(pair.now, "sent", b"v");
        pair.step_from_a();
        assert!(pair.b.value(pair.now, "sent").is_some());
        pair.cut();
    });
    pair.link();
    pair.run(500);
    assert_eq!(pair.b.value(pair.now, "sent"), Some(b"v".to_vec()));
    assert_eq!(pair.assert_identical(), 1_002);
}

#[test]
fn a_comparison_that_is_cut_off_moves_no_position_and_is_repeated() {
    let mut pair = Pair::new();
    for number in 0..8000 {
        pair.a.set(pair.now, &format!("session-{number:060}"), b"v");
    }
    pair.link();
    pair.run(500);
    pair.cut();
    for number in 0..7000 {
        pair.a.delete(pair.now, &format!("session-{number:060}"));
    }
    // It begins, and what the peer was sent so far arrives; then the connection breaks.
    pair.connect();
    for _ in 0..5 {
        let out = pair.sent_by_a();
        let begins = out.len().min(40_000);
        pair.bring_to_b(&out[..begins]);
        pair.step_from_b();
        if begins < out.len() {
            break;
        }
    }
    pair.linked = true;
    pair.cut();
    assert!(
        pair.b
            .value(pair.now, &format!("session-{:060}", 0))
            .is_some()
    );
    pair.link();
    pair.run(500);
    assert_eq!(pair.assert_identical(), 1_000);
}

#[test]
fn a_list_that_was_lost_at_its_end_is_sent_again() {
    let mut pair = more_removed_than_remembered(|_| {});
    pair.connect();
    // The other end of the connection has said all it had to say when the list begins; the last
    // bytes of the list are lost with the connection.
    for _ in 0..5 {
        pair.turn();
        pair.now += Duration::from_millis(100);
        pair.b.peer.handle_timeout(pair.now, &pair.b.store);
        if pair.a.peer.comparing == Some(peer::Comparison::Listing) {
            break;
        }
    }
    let before = pair.b.contents(pair.now).len();
    assert_eq!(
        before, 8_001,
        "nothing is dropped before the list has ended"
    );
    loop {
        let out = pair.sent_by_a();
        if pair.a.peer.comparing == Some(peer::Comparison::Ended) {
            pair.bring_to_b(&out[..out.len() - 1]);
            break;
        }
        pair.bring_to_b(&out);
    }
    // An acknowledgement that was on its way says nothing of the list.
    pair.b.peer.owes_watermark = true;
    pair.step_from_b();
    pair.linked = true;
    pair.cut();
    pair.link();
    pair.run(500);
    assert_eq!(pair.assert_identical(), 1_001);
}

#[test]
fn a_comparison_goes_through_the_store_in_steps() {
    let mut pair = more_removed_than_remembered(|_| {});
    pair.connect();
    let mut steps = 0;
    for _ in 0..100 {
        pair.turn();
        steps += usize::from(pair.b.peer.receiving.is_dropping());
    }
    assert!(steps >= 1, "8,001 items are more than one step");
    assert_eq!(pair.b.contents(pair.now).len(), 1_001);
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

#[test]
fn a_delete_that_cannot_be_remembered_is_answered_when_the_peer_has_compared() {
    let key = |number| format!("session-{number:060}");
    let mut pair = Pair::new();
    for number in 0..8000 {
        pair.a.set(pair.now, &key(number), b"v");
    }
    pair.link();
    pair.run(500);
    // All at once, so that most are forgotten before the first is sent.
    let tickets: Vec<_> = (0..7000)
        .map(|number| (key(number), pair.a.delete(pair.now, &key(number))))
        .collect();
    assert!(pair.a.store.comparison_due());
    for _ in 0..3 {
        pair.turn();
        for (key, ticket) in &tickets {
            let answered = pair.a.store.acknowledged().covers(*ticket);
            assert!(
                !answered || pair.b.value(pair.now, key).is_none(),
                "{key} was answered"
            );
        }
    }
    // It does not wait for a heartbeat: no time passes.
    pair.talk();
    let acknowledged = pair.a.store.acknowledged();
    assert!(acknowledged.is_holding());
    assert!(
        tickets
            .iter()
            .all(|(_, ticket)| acknowledged.covers(*ticket))
    );
    assert_eq!(pair.assert_identical(), 1_000);
}

#[test]
fn a_comparison_keeps_what_the_peer_never_had_however_old_it_is() {
    let mut pair = more_removed_than_remembered(|pair| {
        // Before the removals, and a has never heard of it.
        pair.b.set(pair.now, "older-than-the-removals", b"v");
    });
    // All is listed before a has heard of it.
    pair.meet();
    while pair.a.peer.comparing != Some(peer::Comparison::Ended) {
        pair.step_from_a();
    }
    assert_eq!(pair.a.value(pair.now, "older-than-the-removals"), None);
    pair.linked = true;
    pair.run(500);
    assert_eq!(pair.b.peer.receiving.comparisons, 1);
    assert_eq!(
        pair.a.value(pair.now, "older-than-the-removals"),
        Some(b"v".to_vec())
    );
    assert_eq!(pair.assert_identical(), 1_002);
}

#[test]
fn a_comparison_lists_keys_and_sends_no_value_that_the_peer_has() {
    let mut pair = more_removed_than_remembered(|pair| {
        pair.link();
        // The list is longer than what is sent at once.
        for number in 0..1_500 {
            pair.a
                .set(pair.now, &format!("kept-{number:0190}"), &[b'x'; 1_000]);
        }
        pair.run(500);
        pair.cut();
    });
    pair.bytes = 0;
    pair.link();
    pair.run(500);
    assert_eq!(pair.assert_identical(), 2_501);
    assert!(pair.bytes < 1_000_000, "{} bytes", pair.bytes);
}

#[test]
fn what_was_listed_in_one_comparison_is_not_spared_by_the_next() {
    let mut pair = more_removed_than_remembered(|_| {});
    pair.link();
    pair.run(500);
    assert_eq!(pair.assert_identical(), 1_001);
    // The thousand that were listed go too, and enough after them that nobody remembers.
    for number in 0..6_000 {
        pair.a.set(pair.now, &format!("later-{number:060}"), b"v");
    }
    pair.run(500);
    pair.cut();
    pair.now += Duration::from_millis(50);
    for number in 7_000..8_000 {
        pair.a.delete(pair.now, &format!("session-{number:060}"));
    }
    for number in 0..6_000 {
        pair.a.delete(pair.now, &format!("later-{number:060}"));
    }
    pair.link();
    pair.run(500);
    assert_eq!(pair.b.peer.receiving.comparisons, 2);
    assert_eq!(pair.assert_identical(), 1);
}

#[test]
fn a_new_boot_of_the_peer_has_nothing_to_compare() {
    let mut pair = more_removed_than_remembered(|_| {});
    pair.b = Node::new(options(2, 23));
    pair.link();
    pair.run(500);
    assert_eq!(pair.b.peer.receiving.comparisons, 0);
    assert_eq!(pair.assert_identical(), 1_001);
}
