//! The standby's eviction order follows the master's reads.

use super::*;

#[test]
fn an_empty_peer_learns_what_was_read_lately_and_evicts_the_rest_first() {
    let mut pair = Pair::new();
    for number in 0..6000 {
        pair.a.set(pair.now, &format!("k{number}"), &[b'x'; 1000]);
    }
    // Read a hundred of the oldest, later than the minute in which a read moves nothing.
    pair.now += Duration::from_secs(120);
    for number in 0..100 {
        assert!(pair.a.value(pair.now, &format!("k{number}")).is_some());
    }
    pair.link();
    pair.run(500);
    assert!(pair.b.value(pair.now, "k5999").is_some());
    for number in 0..6000 {
        pair.b.set(pair.now, &format!("new{number}"), &[b'x'; 1000]);
    }
    let survivors = |range: std::ops::Range<u32>| {
        range
            .filter(|number| pair.b.value(pair.now, &format!("k{number}")).is_some())
            .count()
    };
    // All that was read lately is there; of the nine hundred as old, few are.
    assert_eq!(survivors(0..100), 100);
    assert!(survivors(100..1000) < 300);
}

#[test]
fn reads_on_the_master_keep_items_alive_on_the_standby() {
    let mut pair = Pair::new();
    pair.link();
    for number in 0..6000 {
        pair.a.set(pair.now, &format!("k{number}"), &[b'x'; 1000]);
    }
    pair.run(500);
    pair.now += Duration::from_secs(120);
    for number in 0..100 {
        assert!(pair.a.value(pair.now, &format!("k{number}")).is_some());
    }
    pair.cut();
    pair.link();
    pair.run(500);
    for number in 0..6000 {
        pair.b.set(pair.now, &format!("new{number}"), &[b'x'; 1000]);
    }
    let survivors = |range: std::ops::Range<u32>| {
        range
            .filter(|number| pair.b.value(pair.now, &format!("k{number}")).is_some())
            .count()
    };
    // All that was read lately is there; of the nine hundred as old, few are.
    assert_eq!(survivors(0..100), 100);
    assert!(survivors(100..1000) < 300);
}
