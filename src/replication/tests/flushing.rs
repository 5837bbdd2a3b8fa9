//! Delayed flushes: which one counts, and who issues it.

use super::*;

/// A pair that both know of a flush which a has accepted, due in two seconds.
fn announced() -> Pair {
    let mut pair = Pair::new();
    pair.link();
    assert!(pair.a.store.flush_all(pair.now, Exptime(2)).is_none());
    pair.run(100);
    pair
}

impl Pair {
    /// The time of the flush passes.
    fn pass(&mut self) {
        for _ in 0..22 {
            self.run(100);
            for node in [&self.a, &self.b] {
                tick(self.now, node);
            }
        }
        self.talk();
    }

    /// Time passes for b alone: its peer is frozen or dead, and nothing says so.
    fn run_b_alone(&mut self, millis: u64) {
        for _ in 0..millis / 100 {
            self.now += Duration::from_millis(100);
            self.b.peer.handle_timeout(self.now, &self.b.store);
            tick(self.now, &self.b);
        }
    }
}

fn tick(now: Instant, node: &Node) {
    node.store.flush_if_due(now, node.peer.heard_at());
}

#[test]
fn a_flush_at_once_replaces_a_delayed_one_on_both_hosts() {
    for flushed_by_a in [true, false] {
        let mut pair = announced();
        let node = if flushed_by_a { &pair.a } else { &pair.b };
        node.store.flush_all(pair.now, Exptime(0));
        pair.run(100);
        pair.a.set(pair.now, "k", b"v");
        pair.run(100);
        pair.cut();
        pair.pass();
        assert!(
            pair.a.value(pair.now, "k").is_some(),
            "by a: {flushed_by_a}"
        );
        assert!(
            pair.b.value(pair.now, "k").is_some(),
            "by a: {flushed_by_a}"
        );
    }
}

#[test]
fn a_flush_from_before_a_delayed_one_was_accepted_does_not_replace_it() {
    let mut pair = Pair::new();
    pair.link();
    pair.run(100);
    pair.cut();
    pair.b.store.flush_all(pair.now, Exptime(0));
    pair.now += Duration::from_millis(5);
    pair.a.store.flush_all(pair.now, Exptime(2));
    pair.link();
    pair.a.set(pair.now, "k", b"v");
    pair.pass();
    assert_eq!(
        (pair.a.value(pair.now, "k"), pair.b.value(pair.now, "k")),
        (None, None)
    );
}

#[test]
fn a_delayed_flush_survives_the_restart_of_the_node_that_accepted_it() {
    let mut pair = announced();
    pair.a.set(pair.now, "k", b"v");
    pair.run(100);
    pair.cut();
    pair.a = Node::new(options(1, 12));
    pair.link();
    pair.run(100);
    assert!(pair.a.value(pair.now, "k").is_some());
    pair.pass();
    assert_eq!(
        (pair.a.value(pair.now, "k"), pair.b.value(pair.now, "k")),
        (None, None)
    );
}

#[test]
fn a_delayed_flush_is_issued_once_also_after_a_reconnect() {
    let mut pair = announced();
    pair.cut();
    pair.link();
    pair.pass();
    let watermark = pair.a.store.watermark();
    assert!(watermark > 0 && pair.b.store.watermark() == watermark);
    pair.pass();
    assert_eq!(pair.b.store.watermark(), watermark);
}

#[test]
fn a_delayed_flush_survives_a_host_that_dies_in_silence_before_it_is_due() {
    let mut pair = announced();
    pair.a.set(pair.now, "k", b"v");
    pair.run(1_500);
    pair.run_b_alone(300);
    assert!(pair.b.value(pair.now, "k").is_some(), "not due yet");
    pair.run_b_alone(300);
    assert!(pair.b.peer.is_connected(), "nobody knows of the death yet");
    assert_eq!(pair.b.value(pair.now, "k"), None);
}

#[test]
fn a_delayed_flush_is_left_to_a_peer_that_is_heard() {
    let mut pair = announced();
    pair.run(2_400);
    tick(pair.now, &pair.b);
    assert_eq!(pair.b.store.watermark(), 0);
}

#[test]
fn a_peer_that_is_late_with_a_delayed_flush_removes_nothing_that_was_stored_since() {
    let mut pair = announced();
    pair.a.set(pair.now, "old", b"v");
    pair.run(1_500);
    // a freezes, and b issues the flush in its place.
    pair.run_b_alone(1_000);
    pair.b.set(pair.now, "new", b"v");
    pair.run_b_alone(500);
    // a wakes, and issues it before it listens.
    tick(pair.now, &pair.a);
    assert!(pair.a.store.watermark() > 0);
    pair.run(100);
    for node in [&pair.a, &pair.b] {
        assert_eq!(node.value(pair.now, "old"), None);
        assert!(node.value(pair.now, "new").is_some());
    }
    assert_eq!(pair.assert_identical(), 1);
}

#[test]
fn delayed_flushes_accepted_on_both_hosts_at_once_are_not_lost() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"v");
    for node in [&pair.a, &pair.b] {
        node.store.flush_all(pair.now, Exptime(2));
    }
    // The words cross on the way.
    let from_a = pair.sent_by_a();
    pair.step_from_b();
    let (now, id, b) = (pair.now, pair.session, &mut pair.b);
    b.peer.handle_bytes(now, id, &from_a, &b.store);
    pair.run(13_000);
    tick(pair.now, &pair.a);
    tick(pair.now, &pair.b);
    pair.talk();
    assert_eq!(pair.assert_identical(), 0);
}

#[test]
fn a_peer_that_does_not_know_of_a_flush_yet_is_not_in_sync() {
    let mut pair = Pair::new();
    pair.link();
    pair.cut();
    pair.a.store.flush(pair.now);
    pair.meet();
    assert!(!pair.a.peer.peer_is_in_sync());
    pair.linked = true;
    pair.talk();
    assert!(pair.a.peer.peer_is_in_sync());
    assert_eq!(pair.a.store.watermark(), pair.b.store.watermark());
}
