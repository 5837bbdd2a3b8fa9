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
                let connected = node.peer.is_connected();
                node.store.flush_if_due(self.now, connected);
            }
        }
        self.talk();
    }
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
