//! The standby's eviction order follows the master's reads.

use super::*;

fn fill(node: &Node, now: Instant, prefix: &str) {
    for number in 0..6000 {
        node.set(now, &format!("{prefix}{number}"), &[b'x'; 1000]);
    }
}

/// Reads a hundred of the oldest, later than the minute in which a read moves nothing.
fn read_the_oldest(pair: &mut Pair) {
    pair.now += Duration::from_secs(120);
    for number in 0..100 {
        assert!(pair.a.value(pair.now, &format!("k{number}")).is_some());
    }
}

/// The peer is filled anew: all that was read lately stays, and of the nine hundred as old, few.
fn assert_what_was_read_lately_survives(pair: &Pair) {
    fill(&pair.b, pair.now, "new");
    let survivors = |range: std::ops::Range<u32>| {
        let alive = |number: &u32| pair.b.value(pair.now, &format!("k{number}")).is_some();
        range.filter(alive).count()
    };
    assert_eq!(survivors(0..100), 100);
    assert!(survivors(100..1000) < 300);
}

#[test]
fn an_empty_peer_learns_what_was_read_lately_and_evicts_the_rest_first() {
    let mut pair = Pair::new();
    pair.link();
    fill(&pair.a, pair.now, "k");
    pair.run(500);
    pair.cut();
    read_the_oldest(&mut pair);
    pair.link();
    // What was read is told to the old boot of the peer, and is no news any more.
    pair.run(500);
    pair.cut();
    pair.b = Node::new(options(2, 23));
    pair.link();
    pair.run(500);
    assert!(pair.b.value(pair.now, "k5999").is_some());
    assert_what_was_read_lately_survives(&pair);
}

#[test]
fn reads_on_the_master_keep_items_alive_on_the_standby() {
    let mut pair = Pair::new();
    pair.link();
    fill(&pair.a, pair.now, "k");
    pair.run(500);
    read_the_oldest(&mut pair);
    pair.cut();
    pair.link();
    pair.run(500);
    assert_what_was_read_lately_survives(&pair);
}

/// Survivors of a hot set and of the cold rest, after `node` was filled anew.
fn survivors_after_refill(node: &Node, now: Instant) -> (usize, usize) {
    fill(node, now, "new");
    let alive = |range: std::ops::Range<u32>| {
        let alive = |number: &u32| node.value(now, &format!("k{number}")).is_some();
        range.filter(alive).count()
    };
    (alive(0..600), alive(600..6000))
}

#[test]
fn at_the_limit_a_hot_set_survives_a_failover_as_it_does_without_a_peer() {
    const COUNT: u32 = 12_000;
    // Read on this node alone, minute after minute, while both are at their limits.
    let read_hot_set = |node: &Node, now| {
        (0..600).for_each(|number| drop(node.value(now, &format!("k{number}"))));
    };
    let alone = Node::new(options(3, 33));
    let mut now = Instant::from_millis(1_000);
    for number in (0..COUNT).chain(0..600) {
        alone.set(now, &format!("k{number}"), &[b'x'; 1000]);
    }
    for _ in 0..3 {
        now += Duration::from_secs(70);
        read_hot_set(&alone, now);
    }
    let evicted = |node: &Node| node.store.statistics().counters.evictions;
    assert!(
        evicted(&alone) > 1_000,
        "{} evictions, at the limit",
        evicted(&alone)
    );
    let unreplicated = survivors_after_refill(&alone, now);

    let mut pair = Pair::new();
    pair.link();
    // The peer has what is evicted here, so that it has to choose for itself.
    for number in (0..COUNT).chain(0..600) {
        pair.a.set(pair.now, &format!("k{number}"), &[b'x'; 1000]);
        if number % 50 == 0 {
            pair.talk();
        }
    }
    pair.run(500);
    for _ in 0..3 {
        // Nothing is said for longer than a living link allows, so the two meet anew.
        pair.cut();
        pair.now += Duration::from_secs(70);
        pair.link();
        read_hot_set(&pair.a, pair.now);
        pair.run(500);
    }
    assert!(
        evicted(&pair.b) > 1_000,
        "{} evictions, at the limit",
        evicted(&pair.b)
    );
    // Failover: the master dies, and clients write to the standby.
    pair.cut();
    let replicated = survivors_after_refill(&pair.b, pair.now);
    assert_eq!(unreplicated.0, 600);
    assert!(
        replicated.0 >= 594,
        "{replicated:?} where {unreplicated:?} survive without a peer"
    );
    let cold = unreplicated.1.abs_diff(replicated.1);
    assert!(
        cold < 300,
        "{replicated:?} where {unreplicated:?} survive without a peer"
    );
}

#[test]
fn hints_that_the_link_does_not_take_use_no_memory() {
    let mut pair = Pair::new();
    pair.link();
    for number in 0..1_000 {
        pair.a.set(pair.now, &format!("key-{number:06}"), b"v");
    }
    pair.talk();
    for _ in 0..50 {
        pair.now += Duration::from_secs(61);
        for number in 0..1_000 {
            pair.a.value(pair.now, &format!("key-{number:06}"));
        }
        pair.a.peer.beat(&pair.a.store);
    }
    // The hints of one interval are 11,000 bytes.
    let waiting = pair.sent_by_a().len();
    assert!((11_000..12_000).contains(&waiting), "{waiting} bytes");
}
