//! A key changed on both hosts, neither knowing of the other's change: counted once, known to both.

use super::*;

impl Pair {
    /// Changes made on a host that lost, and that won, as each of the two tells it.
    pub fn conflicts(&self) -> [(u64, u64); 2] {
        [&self.a, &self.b].map(|node| {
            let conflicts = node.peer.conflicts(&node.store);
            (conflicts.lost, conflicts.won)
        })
    }
}

/// A connected pair on which a has set `k` first and the peer has set it too, a moment later.
fn both_changed() -> Pair {
    let mut pair = Pair::new();
    pair.link();
    pair.run(100);
    pair.a.set(pair.now, "k", b"older");
    pair.now += Duration::from_millis(1);
    pair.b.set(pair.now, "k", b"newer");
    pair
}

fn assert_one_conflict(mut pair: Pair, order: &str) {
    pair.run(300);
    assert_eq!(pair.b.value(pair.now, "k"), Some(b"newer".to_vec()));
    assert_eq!(pair.assert_identical(), 1, "{order}");
    assert_eq!(pair.conflicts(), [(1, 0), (0, 1)], "{order}");
}

#[test]
fn a_conflict_is_counted_on_both_hosts_whichever_change_arrives_first() {
    let mut pair = both_changed();
    pair.step_from_a();
    // Acknowledged as older, and then the newer one.
    pair.step_from_b();
    assert_one_conflict(pair, "the older one first");

    let mut pair = both_changed();
    pair.step_from_b();
    assert_one_conflict(pair, "the newer one first, before the older one was sent");

    let mut pair = both_changed();
    let on_the_way = pair.sent_by_a();
    pair.step_from_b();
    let (now, id) = (pair.now, pair.session);
    pair.b
        .peer
        .handle_bytes(now, id, &on_the_way, &pair.b.store);
    assert_one_conflict(pair, "they passed each other");
}

#[test]
fn a_conflict_is_counted_also_if_the_older_change_was_lost_with_the_connection() {
    let mut pair = both_changed();
    drop(pair.sent_by_a());
    pair.step_from_b();
    pair.cut();
    pair.link();
    assert_one_conflict(pair, "lost on its way");

    // Here it arrived, and the answer was lost.
    let mut pair = both_changed();
    let on_the_way = pair.sent_by_a();
    pair.step_from_b();
    let (now, id) = (pair.now, pair.session);
    pair.b
        .peer
        .handle_bytes(now, id, &on_the_way, &pair.b.store);
    pair.cut();
    pair.link();
    assert_one_conflict(pair, "its acknowledgement lost");
}

#[test]
fn changes_that_know_of_each_other_and_removals_on_both_hosts_are_no_conflict() {
    let mut pair = Pair::new();
    pair.link();
    for round in 0..10 {
        pair.a.set(pair.now, "k", &[round]);
        pair.run(20);
        pair.b.set(pair.now, "k", &[round, round]);
        pair.run(20);
    }
    pair.cut();
    pair.a.delete(pair.now, "k");
    pair.now += Duration::from_millis(1);
    pair.b.delete(pair.now, "k");
    pair.link();
    pair.run(300);
    assert_eq!(pair.assert_identical(), 0);
    assert_eq!(pair.conflicts(), [(0, 0), (0, 0)]);
}

#[test]
fn what_a_former_boot_of_the_peer_wrote_is_no_change_made_here() {
    let mut pair = Pair::new();
    pair.link();
    pair.b.set(pair.now, "k", b"by the former boot");
    pair.run(100);
    pair.cut();
    pair.b = Node::new(options(2, 23));
    pair.now += Duration::from_millis(5);
    pair.b.set(pair.now, "k", b"by the new boot");
    pair.link();
    pair.run(300);
    assert_eq!(
        pair.a.value(pair.now, "k"),
        Some(b"by the new boot".to_vec())
    );
    assert_eq!(pair.conflicts()[0].0, 0);
}
