//! Values that are cut into parts: against a model, at the edges of sizes, under pressure.

use std::collections::BTreeMap;

use super::*;

/// Lengths at which something changes: inline or cut, one part or two, one segment or two.
const EDGES: [usize; 12] = [
    0,
    100,
    4_095,
    4_096,
    4_097,
    20_000,
    65_536 - 16 - 8,
    65_536 - 16,
    65_536 - 16 + 1,
    65_536,
    131_072,
    1 << 20,
];

/// Bytes that are the same nowhere, so that a part in the wrong place shows.
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&random.below(u64::MAX).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn check_all(store: &Store) {
    for shard in &store.shards {
        let shard = shard.0.lock();
        let items = shard.arena.check();
        assert_eq!(items, shard.table.len(), "blobs and table disagree");
    }
}

fn segments(store: &Store) -> (u64, u64) {
    let statistics = store.statistics();
    (statistics.segments, statistics.words)
}

fn edge(random: &mut Random) -> usize {
    let around = random.below(40) as usize;
    // The largest is rare, or nothing else would stay.
    let without_largest = u64::from(random.below(8) != 0);
    let edge = EDGES[random.below(EDGES.len() as u64 - without_largest) as usize];
    (edge + around).saturating_sub(20).min(1 << 20)
}

#[test]
fn a_value_of_any_size_comes_back_as_it_was_stored() {
    let store = Store::new(&Options {
        memory: 64 << 20,
        ..options()
    });
    let lengths = EDGES
        .iter()
        .flat_map(|edge| edge.saturating_sub(9)..edge + 10);
    let lengths: Vec<usize> = lengths.filter(|length| *length <= 1 << 20).collect();
    for length in &lengths {
        let (key, expected) = (format!("key-{length}"), bytes(*length as u64, *length));
        let (outcome, _) = store.store(seconds(1), &set(key.as_bytes(), &expected));
        assert!(matches!(outcome, Outcome::Stored { .. }), "{length}");
    }
    check_all(&store);
    for length in &lengths {
        let found = value(&store, seconds(1), format!("key-{length}").as_bytes());
        assert_eq!(found, Some(bytes(*length as u64, *length)), "{length}");
    }
}

#[test]
fn a_value_of_about_the_same_size_takes_the_place_of_the_old_one() {
    let store = Store::new(&options());
    for length in [5_000, 70_000, 1_000_000] {
        store.store(seconds(1), &set(b"k", &bytes(1, length)));
        let (held, words) = segments(&store);
        for shorter in [0, 7, 400, 0, 100] {
            let expected = bytes(shorter as u64, length - shorter);
            store.store(seconds(2), &set(b"k", &expected));
            assert_eq!(value(&store, seconds(2), b"k"), Some(expected));
            let (held_now, words_now) = segments(&store);
            assert_eq!(held_now, held, "{length} - {shorter}");
            assert_eq!(
                words_now,
                words - shorter as u64 / 8,
                "{length} - {shorter}"
            );
            check_all(&store);
        }
        store.delete(seconds(3), &delete(b"k"));
        check_all(&store);
    }
}

#[test]
fn a_touch_of_a_large_value_moves_no_byte_of_it() {
    let (a, b) = (Store::new(&options()), Store::new(&options()));
    a.attach_peer(&[], true);
    a.store(seconds(1), &set(b"k", &bytes(1, 500_000)));
    assert_eq!(synchronize(&a, &b, seconds(1)), 1);
    let before = (segments(&a), segments(&b), contents(&a, seconds(100)));
    let cas = |store: &Store| {
        store
            .read(seconds(2), &Read::of(b"k"), |item| item.unwrap().cas)
            .0
    };
    let exptime = Exptime(1000);
    let old_cas = cas(&a);
    assert_eq!(
        a.touch(seconds(2), &Touch { key: b"k", exptime }).0,
        Outcome::Touched
    );
    let kinds: Vec<bool> = (0..a.shards())
        .flat_map(|shard| kinds(&a, &b, shard))
        .collect();
    assert_eq!(kinds, [true], "only the touch travels");
    assert_eq!((cas(&a), cas(&b)), (old_cas, old_cas));
    assert_eq!((segments(&a), segments(&b)), (before.0, before.1));
    assert_ne!(contents(&a, seconds(100)), before.2);
    assert_eq!(contents(&a, seconds(100)), contents(&b, seconds(100)));
}

/// Applies what a shard of `a` has to send to `b`: for each record, whether it is a touch.
fn kinds(a: &Store, b: &Store, shard: usize) -> Vec<bool> {
    let mut kinds = Vec::new();
    a.walk(seconds(2), shard, usize::MAX, |record| {
        let mutation = mutation_of(record);
        kinds.push(matches!(mutation, Mutation::Touch { .. }));
        assert_eq!(b.apply(seconds(2), &mutation), Applied::Done);
        true
    });
    kinds
}

#[test]
fn a_large_value_that_finds_no_room_leaves_everything_as_it_was() {
    let store = Store::new(&Options {
        evict: false,
        replicated: false,
        ..options()
    });
    for number in 0..7u64 {
        let key = format!("key-{number}");
        store.store(seconds(1), &set(key.as_bytes(), &bytes(number, 1 << 20)));
    }
    store.store(seconds(1), &set(b"another", &bytes(8, 300_000)));
    let before = segments(&store);
    for length in [1 << 20, 900_000, 800_000] {
        let (outcome, _) = store.store(seconds(1), &set(b"refused", &bytes(9, length)));
        assert_eq!(outcome, Outcome::OutOfMemory, "{length}");
        assert_eq!(segments(&store), before);
        check_all(&store);
    }
    for number in 0..7u64 {
        let found = value(&store, seconds(1), format!("key-{number}").as_bytes());
        assert_eq!(found, Some(bytes(number, 1 << 20)));
    }
}

#[test]
fn half_of_all_memory_is_found_for_one_value_among_small_ones() {
    let store = Store::new(&Options {
        memory: 64 << 20,
        item_size_max: 32 << 20,
        replicated: false,
        ..options()
    });
    for number in 0..80_000u32 {
        let key = format!("small-{number}");
        store.store(seconds(1), &set(key.as_bytes(), &[7; 900]));
    }
    let expected = bytes(1, 31 << 20);
    let (outcome, _) = store.store(seconds(2), &set(b"large", &expected));
    assert!(matches!(outcome, Outcome::Stored { .. }), "{outcome:?}");
    assert!(value(&store, seconds(2), b"large") == Some(expected));
    let statistics = store.statistics();
    // Emptying a segment takes another one first.
    assert!(
        statistics.held_bytes <= (64 << 20) + (64 << 10),
        "{}",
        statistics.held_bytes
    );
    // No more had to go than the large one takes.
    assert!(statistics.items > 25_000, "{} items", statistics.items);
    check_all(&store);
}

#[test]
fn more_than_all_memory_is_refused_and_nothing_is_evicted_for_it() {
    let store = Store::new(&Options {
        item_size_max: 32 << 20,
        ..options()
    });
    for number in 0..1_000u32 {
        store.store(
            seconds(1),
            &set(format!("key-{number}").as_bytes(), &[7; 900]),
        );
    }
    let (outcome, _) = store.store(seconds(1), &set(b"large", &vec![1; 9 << 20]));
    assert_eq!(outcome, Outcome::OutOfMemory);
    assert_eq!(store.statistics().counters.evictions, 0);
    assert_eq!(store.statistics().items, 1_000);
}

/// One random request, done to the store and to the model.
fn step(random: &mut Random, store: &Store, model: &mut BTreeMap<String, Vec<u8>>, now: Instant) {
    let name = format!("key-{}", random.below(60));
    let (key, content) = (name.as_bytes(), bytes(random.below(u64::MAX), edge(random)));
    let stored = |outcome: Outcome| matches!(outcome, Outcome::Stored { .. });
    match random.below(12) {
        0..=4 => {
            assert!(stored(store.store(now, &set(key, &content)).0));
            model.insert(name, content);
        }
        5 | 6 => {
            let mode = [StoreMode::Append, StoreMode::Prepend][random.below(2) as usize];
            let command = StoreCommand {
                mode,
                ..set(key, &content)
            };
            if stored(store.store(now, &command).0) {
                let old = model.get_mut(&name).expect("it was there");
                let at = if mode == StoreMode::Append {
                    old.len()
                } else {
                    0
                };
                old.splice(at..at, content);
            }
        }
        7 => {
            let exptime = Exptime(1000 + random.below(1000) as i64);
            store.touch(now, &Touch { key, exptime });
        }
        8 => {
            // A record of the peer, cut elsewhere.
            let (first, rest) = content.split_at(random.below(content.len() as u64 + 1) as usize);
            let rest: Vec<&[u8]> = rest.chunks(1 + random.below(70_000) as usize).collect();
            let mutation = Mutation::Item {
                key,
                value: Value::cut(first, &rest),
                flags: 0,
                life: Life::Forever,
                version: (ZERO_UNIX_MS + now.as_millis() + 5) << 16,
                cas: [None, Some(5)][random.below(2) as usize],
                marks: 0,
            };
            if store.apply(now, &mutation) == Applied::Done {
                model.insert(name, content);
            }
        }
        9 => {
            store.delete(now, &delete(key));
            model.remove(&name);
        }
        _ => {
            if let Some(found) = value(store, now, key) {
                assert!(Some(&found) == model.get(&name), "{name} is another value");
            }
        }
    }
}

#[test]
fn values_of_all_sizes_live_as_in_a_model_while_memory_is_short() {
    let mut moved = 0;
    for seed in 0..12 {
        let mut random = Random(seed);
        let store = Store::new(&Options {
            memory: [4 << 20, 7 << 20, 64 << 20][seed as usize % 3],
            replicated: seed % 2 == 0,
            ..options()
        });
        let (mut model, peer) = (BTreeMap::new(), Store::new(&options()));
        store.attach_peer(&[], true);
        let mut now = seconds(1);
        for number in 0..400 {
            now += Duration::from_millis(20);
            step(&mut random, &store, &mut model, now);
            // Small ones that live shorter lie between the parts.
            for small in 0..random.below(30) {
                let key = format!("small-{}", random.below(3_000));
                store.store(now, &set(key.as_bytes(), &bytes(small, 300)));
            }
            if number % 10 == 0 {
                check_all(&store);
            }
            if number % 100 == 0 {
                synchronize(&store, &peer, now);
            }
        }
        for (name, expected) in &model {
            let found = value(&store, now, name.as_bytes());
            assert!(found.is_none_or(|found| found == *expected), "{name}");
        }
        let statistics = store.statistics();
        assert!(statistics.held_bytes <= statistics.limit + (64 << 10));
        if statistics.limit == 64 << 20 {
            assert_eq!(statistics.counters.evictions, 0);
            let live = model
                .keys()
                .filter(|name| value(&store, now, name.as_bytes()).is_some());
            assert_eq!(live.count(), model.len());
        }
        moved += statistics.counters.segments_emptied;
    }
    assert!(moved > 50, "{moved} segments emptied");
}

#[test]
fn a_segment_of_parts_is_emptied_without_losing_their_order() {
    // One shard of 24 segments.
    let store = Store::new(&Options {
        memory: 3 << 19,
        replicated: false,
        evict: false,
        ..options()
    });
    assert_eq!(store.shards(), 1);
    let name = |number: u64| format!("key-{number}");
    for number in 0..110 {
        store.store(
            seconds(1),
            &set(name(number).as_bytes(), &bytes(number, 12_000)),
        );
    }
    // Every other one goes: half of each segment is dead, and the rest has to move together.
    for number in (0..110).step_by(2) {
        store.delete(seconds(1), &delete(name(number).as_bytes()));
    }
    for number in 200..260 {
        let (key, content) = (name(number), bytes(number, 12_000));
        let (outcome, _) = store.store(seconds(1), &set(key.as_bytes(), &content));
        assert!(matches!(outcome, Outcome::Stored { .. }), "{number}");
    }
    check_all(&store);
    assert!(store.statistics().counters.segments_emptied > 5);
    for number in (1..110).step_by(2).chain(200..260) {
        let found = value(&store, seconds(1), name(number).as_bytes());
        assert!(found == Some(bytes(number, 12_000)), "{number}");
    }
}
