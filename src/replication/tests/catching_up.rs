//! What was missed: copies, cuts, comparisons.

use super::*;

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
fn a_restarted_node_sends_everything_whatever_the_peer_had_of_its_old_boot() {
    let mut pair = Pair::new();
    pair.link();
    for number in 0..300 {
        pair.a.set(pair.now, &format!("old{number}"), b"v");
    }
    pair.run(200);
    pair.cut();
    pair.a = Node::new(options(1, 12));
    for number in 0..100 {
        pair.a.set(pair.now, &format!("new{number}"), b"v");
    }
    pair.link();
    pair.run(200);
    assert_eq!(pair.assert_identical(), 400);
}
