//! The memory limit, and what gives way to it.

use super::*;

#[test]
fn a_command_that_finds_room_only_at_the_cost_of_other_shards_is_counted_once() {
    let store = Store::new(&Options {
        replicated: false,
        ..options()
    });
    for number in 0..400u32 {
        let key = format!("key-{number}");
        let (outcome, _) = store.store(seconds(1), &set(key.as_bytes(), &vec![b'x'; 900_000]));
        assert!(matches!(outcome, Outcome::Stored { .. }));
    }
    let counters = store.statistics().counters;
    assert_eq!((counters.cmd_set, counters.total_items), (400, 400));
}

#[test]
fn memory_stays_within_the_limit_and_the_newest_items_stay() {
    let store = Store::new(&Options {
        replicated: false,
        ..options()
    });
    for number in 0..40_000u32 {
        let key = format!("key-{number}");
        let size = 100 + (number as usize * 37) % 1500;
        store.store(seconds(1), &set(key.as_bytes(), &vec![b'x'; size]));
        assert!(store.statistics().bytes <= 8 << 20 || number % 1000 != 0);
    }
    let statistics = store.statistics();
    assert!(statistics.bytes <= 8 << 20, "{} bytes", statistics.bytes);
    assert!(statistics.items > 7_000, "{} items", statistics.items);
    assert!(value(&store, seconds(1), b"key-39999").is_some());
    assert!(value(&store, seconds(1), b"key-0").is_none());
}

#[test]
fn a_shift_from_large_to_small_values_strands_no_memory() {
    let store = Store::new(&Options {
        replicated: false,
        ..options()
    });
    for number in 0..3_000u32 {
        let key = format!("large-{number}");
        let size = 1_000 + (number as usize * 997) % 60_000;
        store.store(seconds(1), &set(key.as_bytes(), &vec![b'x'; size]));
    }
    for number in 0..100_000u32 {
        store.store(
            seconds(1),
            &set(format!("small-{number:034}").as_bytes(), &[b'x'; 100]),
        );
    }
    let statistics = store.statistics();
    assert!(statistics.bytes <= 8 << 20, "{} bytes", statistics.bytes);
    assert!(
        statistics.items * 140 > (8 << 20) * 60 / 100,
        "{} items",
        statistics.items
    );
}

#[test]
fn without_eviction_a_full_store_refuses_and_keeps_what_it_has() {
    let store = Store::new(&Options {
        evict: false,
        replicated: false,
        ..options()
    });
    let mut refused = 0;
    for number in 0..20_000u32 {
        let key = format!("key-{number}");
        refused += u32::from(
            store.store(seconds(1), &set(key.as_bytes(), &[0; 1000])).0 == Outcome::OutOfMemory,
        );
    }
    assert!(refused > 10_000);
    assert!(value(&store, seconds(1), b"key-0").is_some());
}

#[test]
fn a_large_value_finds_room_although_its_own_shard_is_empty() {
    let store = Store::new(&Options {
        replicated: false,
        ..options()
    });
    for number in 0..200u32 {
        let key = format!("key-{number}");
        let (outcome, _) = store.store(seconds(1), &set(key.as_bytes(), &vec![7; 1 << 20]));
        assert!(
            matches!(outcome, Outcome::Stored { .. }),
            "{number}: {outcome:?}"
        );
    }
}

#[test]
fn under_memory_pressure_lists_cursors_and_table_stay_whole() {
    for seed in 0..10 {
        let mut random = Random(seed);
        let store = Store::new(&Options {
            memory: 2 << 20,
            ..options()
        });
        store.attach_peer(&[], true);
        let peer = Store::new(&options());
        for step in 0..30_000u64 {
            let key = format!("key-{}", random.below(5000));
            let bytes = vec![b'x'; [50, 500, 3000, 9000][random.below(4) as usize]];
            match random.below(8) {
                0 => drop(store.delete(seconds(step / 100), &delete(key.as_bytes()))),
                1 => drop(value(&store, seconds(step / 100), key.as_bytes())),
                _ => drop(store.store(seconds(step / 100), &set(key.as_bytes(), &bytes))),
            }
            if random.below(200) == 0 {
                synchronize(&store, &peer, seconds(step / 100));
            }
        }
        let statistics = store.statistics();
        assert!(
            statistics.bytes <= (2 << 20) + 65536,
            "{} bytes",
            statistics.bytes
        );
        let listed = contents(&store, seconds(300)).len() as u64;
        assert_eq!(
            listed, statistics.items,
            "seed {seed}: LRU and table disagree"
        );
    }
}

#[test]
fn the_background_pass_goes_on_where_a_new_tombstone_cost_the_next_one_its_place() {
    // The peer is away, and removals are at their bound while items expire.
    let store = Store::new(&Options {
        memory: 16 << 20,
        threads: 16,
        ..options()
    });
    let (mut number, mut shard) = (0, 0);
    for millis in (10_000..60_000).step_by(10) {
        let now = Instant::from_millis(millis);
        if millis % 40 == 0 {
            for _ in 0..25 {
                number += 1;
                let key = format!("{}-{number}", "k".repeat(235));
                let mut command = set(key.as_bytes(), &[b'x'; 4000]);
                command.exptime = Exptime(1);
                store.store(now, &command);
            }
        }
        if millis % 50 == 0 {
            store.reap(now, shard, 1 << 20);
            shard = (shard + 1) % store.shards();
        }
    }
    assert!(store.comparison_due(), "tombstones were forgotten");
}

/// Fills a store that may not evict with items that live ten seconds. Returns their keys.
fn fill_to_the_brim(store: &Store, now: Instant) -> Vec<Vec<u8>> {
    let keys = (0..).map(|number| format!("key-{number}").into_bytes());
    let fits = |key: &Vec<u8>| {
        let short = StoreCommand {
            exptime: Exptime(10),
            ..set(key, &[b'x'; 1000])
        };
        store.store(now, &short).0 != Outcome::OutOfMemory
    };
    keys.take_while(fits).collect()
}

#[test]
fn a_touch_without_room_keeps_and_prolongs_the_item_on_both_hosts() {
    let (store, peer) = (
        Store::new(&Options {
            evict: false,
            ..options()
        }),
        Store::new(&Options {
            memory: 16 << 20,
            ..options()
        }),
    );
    let now = seconds(1);
    store.attach_peer(&[], true);
    let mut keys = fill_to_the_brim(&store, now);
    // Some places are free, so that looking for room moves items together.
    for key in keys.iter().step_by(40) {
        store.delete(now, &delete(key));
    }
    synchronize(&store, &peer, now);
    keys.retain(|key| value(&store, now, key).is_some());
    for (number, key) in keys.iter().enumerate() {
        let exptime = Exptime(100);
        if number % 2 == 0 {
            let touched = store.touch(now, &Touch { key, exptime }).0;
            assert_eq!(touched, Outcome::Touched, "item {number}");
        } else {
            let read = Read {
                touch: Some(exptime),
                ..Read::of(key)
            };
            let seen = store.read(now, &read, |item| {
                item.map(|item| (item.key.to_vec(), item.value.len(), item.ttl))
            });
            assert_eq!(seen.0, Some((key.clone(), 1000, Some(100))), "{number}");
            assert!(seen.1.is_some(), "a change that the reply waits for");
        }
    }
    assert!(synchronize(&store, &peer, now) >= keys.len());
    assert_eq!(contents(&store, now), contents(&peer, now));
    assert_eq!(contents(&peer, seconds(50)).len(), keys.len());
}
