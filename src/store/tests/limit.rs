//! A memory limit that is lowered while the store is full.

use super::*;

const MIB: usize = 1 << 20;

fn full_store() -> Store {
    let store = Store::new(&Options {
        memory: 64 * MIB,
        replicated: false,
        ..options()
    });
    for number in 0..60_000 {
        store.store(seconds(1), &set(&key(number), &value_of(number)));
    }
    assert!(store.commons.pool.mapped_bytes() >= 60 * MIB);
    store
}

fn key(number: usize) -> Vec<u8> {
    format!("key-{number}").into_bytes()
}

/// A few values are cut into parts.
fn value_of(number: usize) -> Vec<u8> {
    let length = if number.is_multiple_of(100) {
        20_000
    } else {
        900
    };
    vec![number as u8; length]
}

/// How many items there are; each must be what was stored under its key.
fn checked_items(store: &Store) -> usize {
    let held =
        (0..60_000).filter_map(|number| Some((number, value(store, seconds(1), &key(number))?)));
    let count = held
        .inspect(|(number, value)| assert_eq!(*value, value_of(*number), "key {number}"))
        .count();
    let checked = store
        .shards
        .iter()
        .map(|shard| shard.0.lock().arena.check());
    assert_eq!(checked.sum::<usize>(), count);
    count
}

#[test]
fn a_lowered_limit_gives_memory_back_to_the_system() {
    let store = full_store();
    let before = checked_items(&store);
    store.set_memory_limit(16 * MIB);
    while store.give_back(seconds(1)) {}
    let pool = &store.commons.pool;
    assert!(pool.used() <= 16 * MIB, "{} bytes", pool.used());
    assert!(
        pool.mapped_bytes() <= 18 * MIB,
        "{} bytes",
        pool.mapped_bytes()
    );
    let after = checked_items(&store);
    assert!(after > before / 5, "{after} of {before} items");
    // The newest are those that stay.
    assert!(value(&store, seconds(1), &key(59_999)).is_some());
    assert!(value(&store, seconds(1), &key(0)).is_none());
    assert!(!store.give_back(seconds(1)), "nothing more to do");
}

#[test]
fn one_store_after_the_limit_was_lowered_does_not_wait_for_all_that_has_to_go() {
    let store = full_store();
    let before = store.statistics();
    store.set_memory_limit(16 * MIB);
    for number in 0..100 {
        store.store(seconds(1), &set(&key(number), &value_of(number)));
    }
    let evicted = store.statistics().counters.evictions - before.counters.evictions;
    assert!(evicted < 1_000, "{evicted} items evicted");
    assert!(store.give_back(seconds(1)));
    let used = store.commons.pool.used();
    assert!(used > 50 * MIB, "one step is a small one: {used} bytes");
}

#[test]
fn a_limit_that_is_raised_again_is_used_again() {
    let store = full_store();
    let before = checked_items(&store);
    store.set_memory_limit(16 * MIB);
    while store.give_back(seconds(1)) {}
    store.set_memory_limit(64 * MIB);
    for number in 0..60_000 {
        store.store(seconds(1), &set(&key(number), &value_of(number)));
    }
    let after = checked_items(&store);
    assert!(after * 100 > before * 97, "{after} of {before} items");
}

#[test]
fn without_eviction_a_lower_limit_gives_back_only_what_nothing_lives_in() {
    let store = Store::new(&Options {
        memory: 64 * MIB,
        replicated: false,
        evict: false,
        ..options()
    });
    for number in 0..40_000 {
        store.store(seconds(1), &set(&key(number), &value_of(number)));
    }
    for number in 0..36_000 {
        store.delete(seconds(1), &delete(&key(number)));
    }
    store.set_memory_limit(8 * MIB);
    while store.give_back(seconds(1)) {}
    assert_eq!(checked_items(&store), 4_000);
    let pool = &store.commons.pool;
    let most = pool.used().max(8 * MIB) + 4 * MIB;
    assert!(pool.mapped_bytes() <= most, "{} bytes", pool.mapped_bytes());
}
