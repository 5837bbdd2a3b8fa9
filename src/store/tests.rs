mod limit;
mod meta;
mod parts;

use super::*;
use crate::command::{Applied, Exptime, Life, Mutation, Record, StoreMode, Value};

const ZERO_UNIX_MS: u64 = 1_700_000_000_000;

fn options() -> Options {
    Options {
        memory: 8 << 20,
        item_size_max: 1 << 20,
        threads: 1,
        hash_seed: [1, 2, 3, 4],
        zero_unix_ms: ZERO_UNIX_MS,
        evict: true,
        replicated: true,
    }
}

fn seconds(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn set<'a>(key: &'a [u8], value: &'a [u8]) -> StoreCommand<'a> {
    StoreCommand {
        key,
        value,
        flags: 0,
        exptime: Exptime::NEVER,
        mode: StoreMode::Set,
        compare: None,
        new_cas: None,
        invalidate: false,
        vivify: None,
    }
}

fn delete(key: &[u8]) -> Delete<'_> {
    Delete {
        key,
        compare: None,
        new_cas: None,
        invalidate: false,
        exptime: None,
        drop_value: false,
    }
}

fn value(store: &Store, now: Instant, key: &[u8]) -> Option<Vec<u8>> {
    store
        .read(now, &Read::of(key), |item| {
            item.map(|item| item.value.to_vec())
        })
        .0
}

fn incr(key: &[u8], delta: u64, decrement: bool) -> Arithmetic<'_> {
    let (initial, exptime, compare, new_cas) = (None, None, None, None);
    Arithmetic {
        key,
        delta,
        decrement,
        initial,
        exptime,
        compare,
        new_cas,
    }
}

/// Everything a store holds: key, value, flags, cas, version-bearing mutations aside.
fn contents(store: &Store, now: Instant) -> Vec<String> {
    let mut items = Vec::new();
    for shard in &store.shards {
        let shard = shard.0.lock();
        let mut at = shard.lru.front;
        while at != blob::NIL {
            let mut rest = Vec::new();
            let view = shard.view(&store.moment(now), at, &mut rest);
            let header = shard.arena.header(at);
            items.push(format!(
                "{} {} {:?} {} {} {:?}",
                String::from_utf8_lossy(view.key),
                header.version,
                String::from_utf8_lossy(&view.value.to_vec()),
                view.flags,
                view.cas,
                view.ttl,
            ));
            at = shard.lru.next(&shard.arena, at);
        }
    }
    items.sort();
    items
}

/// Sends everything unsent of `from` to `to` and acknowledges it. Returns the mutations applied.
fn synchronize(from: &Store, to: &Store, now: Instant) -> usize {
    let mut sent = 0;
    let mut wanted = Vec::new();
    for shard in 0..from.shards() {
        let walk = from.walk(now, shard, usize::MAX, |record| {
            let mutation = mutation_of(record);
            sent += 1;
            if to.apply(now, &mutation) == Applied::Want {
                wanted.push(mutation.key().to_vec());
            }
            true
        });
        assert!(from.acknowledge(shard, walk.position));
    }
    if !wanted.is_empty() {
        wanted.iter().for_each(|key| from.send_whole(key));
        sent += synchronize(from, to, now);
    }
    sent
}

fn mutation_of(record: Record<'_>) -> Mutation<'_> {
    match record {
        Record::Mutation(mutation) => mutation,
        Record::Listed(key) => panic!("{key:?} listed although nothing is compared"),
        Record::TooLarge { key, .. } => panic!("{key:?} is larger than this node takes itself"),
    }
}

#[test]
fn a_value_is_stored_read_and_deleted() {
    let store = Store::new(&options());
    let now = seconds(10);
    let (outcome, _) = store.store(now, &set(b"k", b"v"));
    let Outcome::Stored { cas } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(cas, (ZERO_UNIX_MS + 10_000) << 16);
    assert_eq!(value(&store, now, b"k").as_deref(), Some(&b"v"[..]));
    assert_eq!(store.delete(now, &delete(b"k")).0, Outcome::Deleted);
    assert_eq!(value(&store, now, b"k"), None);
    assert_eq!(store.delete(now, &delete(b"k")).0, Outcome::NotFound);
}

#[test]
fn conditions_of_add_replace_append_and_cas_hold() {
    let store = Store::new(&options());
    let now = seconds(1);
    let with = |mode| StoreCommand {
        mode,
        ..set(b"k", b"x")
    };
    assert_eq!(
        store.store(now, &with(StoreMode::Replace)).0,
        Outcome::NotStored
    );
    assert_eq!(
        store.store(now, &with(StoreMode::Append)).0,
        Outcome::NotStored
    );
    let (outcome, _) = store.store(now, &with(StoreMode::Add));
    let Outcome::Stored { cas } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        store.store(now, &with(StoreMode::Add)).0,
        Outcome::NotStored
    );
    let compared = |compare| StoreCommand {
        compare: Some(compare),
        ..set(b"k", b"y")
    };
    assert_eq!(store.store(now, &compared(cas + 1)).0, Outcome::Exists);
    assert!(matches!(
        store.store(now, &compared(cas)).0,
        Outcome::Stored { .. }
    ));
    assert_eq!(store.store(now, &compared(cas)).0, Outcome::Exists);
    store.store(now, &with(StoreMode::Append));
    store.store(now, &with(StoreMode::Prepend));
    assert_eq!(value(&store, now, b"k").as_deref(), Some(&b"xyx"[..]));
    let absent = StoreCommand {
        compare: Some(1),
        ..set(b"absent", b"y")
    };
    assert_eq!(store.store(now, &absent).0, Outcome::NotFound);
}

#[test]
fn numbers_wrap_upwards_stop_at_zero_and_do_not_pad() {
    let store = Store::new(&options());
    let now = seconds(1);
    let number = |outcome| match outcome {
        Outcome::Number { value, .. } => value,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        store.arithmetic(now, &incr(b"n", 1, false)).0,
        Outcome::NotFound
    );
    store.store(now, &set(b"n", b"18446744073709551615"));
    assert_eq!(number(store.arithmetic(now, &incr(b"n", 11, false)).0), 10);
    assert_eq!(number(store.arithmetic(now, &incr(b"n", 1, true)).0), 9);
    assert_eq!(value(&store, now, b"n").as_deref(), Some(&b"9"[..]));
    assert_eq!(number(store.arithmetic(now, &incr(b"n", 100, true)).0), 0);
}

#[test]
fn an_item_expires_by_the_clock_it_is_given() {
    let store = Store::new(&options());
    store.store(
        seconds(5),
        &StoreCommand {
            exptime: Exptime(10),
            ..set(b"k", b"v")
        },
    );
    assert!(value(&store, seconds(14), b"k").is_some());
    assert!(value(&store, seconds(16), b"k").is_none());
    store.store(
        seconds(16),
        &StoreCommand {
            exptime: Exptime(-1),
            ..set(b"k", b"v")
        },
    );
    assert!(value(&store, seconds(16), b"k").is_none());
}

#[test]
fn a_flush_takes_what_was_stored_before_and_nothing_after() {
    let store = Store::new(&options());
    store.store(seconds(1), &set(b"old", b"v"));
    store.flush(seconds(1));
    store.store(seconds(1), &set(b"new", b"v"));
    assert!(value(&store, seconds(1), b"old").is_none());
    assert!(value(&store, seconds(1), b"new").is_some());
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
fn a_peer_gets_what_changed_and_only_that() {
    let (a, b) = (Store::new(&options()), Store::new(&options()));
    let now = seconds(1);
    for number in 0..1000 {
        a.store(now, &set(format!("key-{number}").as_bytes(), b"v"));
    }
    a.attach_peer(&[], true);
    assert_eq!(synchronize(&a, &b, now), 1000);
    assert_eq!(contents(&a, now), contents(&b, now));
    let positions: Vec<u64> = (0..a.shards())
        .map(|s| a.acknowledged().position(s))
        .collect();
    for _ in 0..10 {
        a.store(now, &set(b"key-7", b"changed"));
    }
    a.delete(now, &delete(b"key-8"));
    a.attach_peer(&positions, false);
    assert_eq!(synchronize(&a, &b, now), 2);
    assert_eq!(contents(&a, now), contents(&b, now));
    assert_eq!(a.statistics().tombstones, 0);
}

#[test]
fn what_the_peer_sent_is_not_sent_back_but_its_next_boot_gets_it() {
    let (a, b) = (Store::new(&options()), Store::new(&options()));
    let now = seconds(1);
    a.attach_peer(&[], true);
    b.attach_peer(&[], true);
    a.store(now, &set(b"k", b"v"));
    assert_eq!(synchronize(&a, &b, now), 1);
    assert_eq!(synchronize(&b, &a, now), 0);
    let reborn = Store::new(&options());
    b.attach_peer(&[], true);
    assert_eq!(synchronize(&b, &reborn, now), 1);
    assert_eq!(contents(&a, now), contents(&reborn, now));
}

#[test]
fn a_delete_that_found_nothing_removes_what_the_peer_still_holds() {
    let (a, b) = (Store::new(&options()), Store::new(&options()));
    a.attach_peer(&[], true);
    b.store(seconds(1), &set(b"k", b"v"));
    assert_eq!(a.delete(seconds(2), &delete(b"k")).0, Outcome::NotFound);
    synchronize(&a, &b, seconds(2));
    assert_eq!(value(&b, seconds(2), b"k"), None);
}

#[test]
fn an_older_change_that_arrives_late_is_refused_by_the_tombstone() {
    let store = Store::new(&options());
    store.attach_peer(&[], true);
    store.store(seconds(5), &set(b"k", b"new"));
    store.delete(seconds(6), &delete(b"k"));
    let older = Mutation::Item {
        key: b"k",
        value: Value::whole(b"old"),
        flags: 0,
        life: Life::Forever,
        version: (ZERO_UNIX_MS + 5_500) << 16,
        cas: None,
        marks: 0,
    };
    assert_eq!(store.apply(seconds(7), &older), Applied::Older);
    assert_eq!(value(&store, seconds(7), b"k"), None);
}

#[test]
fn a_touch_of_a_value_the_peer_has_travels_alone_and_keeps_the_cas() {
    let (a, b) = (Store::new(&options()), Store::new(&options()));
    a.attach_peer(&[], true);
    a.store(seconds(1), &set(b"k", b"v"));
    synchronize(&a, &b, seconds(1));
    let cas = a
        .read(seconds(1), &Read::of(b"k"), |item| item.unwrap().cas)
        .0;
    a.touch(
        seconds(2),
        &Touch {
            key: b"k",
            exptime: Exptime(100),
        },
    );
    let mut kinds = Vec::new();
    for shard in 0..a.shards() {
        a.walk(seconds(2), shard, usize::MAX, |record| {
            let mutation = mutation_of(record);
            kinds.push(matches!(mutation, Mutation::Touch { .. }));
            assert_eq!(b.apply(seconds(2), &mutation), Applied::Done);
            true
        });
    }
    assert_eq!(kinds, [true]);
    assert_eq!(
        b.read(seconds(2), &Read::of(b"k"), |item| item.unwrap().cas)
            .0,
        cas
    );
    assert_eq!(contents(&a, seconds(2)), contents(&b, seconds(2)));
}

#[test]
fn a_touch_of_an_inline_item_keeps_the_last_use_and_one_by_the_peer_is_a_use() {
    let (a, b) = (Store::new(&options()), Store::new(&options()));
    a.attach_peer(&[], true);
    a.store(seconds(10), &set(b"k", b"v"));
    synchronize(&a, &b, seconds(10));
    a.touch(
        seconds(40),
        &Touch {
            key: b"k",
            exptime: Exptime(100),
        },
    );
    let idle = |store: &Store| {
        let read = Read {
            bump: false,
            ..Read::of(b"k")
        };
        store.read(seconds(45), &read, |item| item.unwrap().idle).0
    };
    assert_eq!((idle(&a), idle(&b)), (35, 35));
    // Here it was used half a minute before, which the LRU takes for the same use.
    synchronize(&a, &b, seconds(42));
    assert_eq!((idle(&a), idle(&b)), (35, 3));
}

#[test]
fn a_touch_coalesced_over_an_unsent_set_travels_whole() {
    let (a, b) = (Store::new(&options()), Store::new(&options()));
    a.attach_peer(&[], true);
    a.store(seconds(1), &set(b"k", b"v"));
    a.touch(
        seconds(1),
        &Touch {
            key: b"k",
            exptime: Exptime(100),
        },
    );
    assert_eq!(synchronize(&a, &b, seconds(1)), 1);
    assert_eq!(contents(&a, seconds(1)), contents(&b, seconds(1)));
}

#[test]
fn a_touch_of_a_value_the_peer_has_lost_is_answered_by_the_whole_item() {
    let (a, b) = (Store::new(&options()), Store::new(&options()));
    a.attach_peer(&[], true);
    a.store(seconds(1), &set(b"k", b"v"));
    synchronize(&a, &b, seconds(1));
    let lost = Store::new(&options());
    a.touch(
        seconds(2),
        &Touch {
            key: b"k",
            exptime: Exptime(100),
        },
    );
    assert_eq!(synchronize(&a, &lost, seconds(2)), 2);
    assert_eq!(contents(&a, seconds(2)), contents(&lost, seconds(2)));
}

/// A small generator (Steele's SplitMix64): the same seed gives the same run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

fn mutate_at_random(random: &mut Random, store: &Store, now: Instant) {
    let key = format!("key-{}", random.below(300));
    let key = key.as_bytes();
    let size = [10, 100, 1000, 6000][random.below(4) as usize] + random.below(50) as usize;
    let bytes = vec![b'a' + random.below(26) as u8; size];
    match random.below(10) {
        0..=3 => drop(store.store(now, &set(key, &bytes))),
        4 => {
            let exptime = Exptime(random.below(30) as i64);
            store.store(
                now,
                &StoreCommand {
                    exptime,
                    ..set(key, &bytes)
                },
            );
        }
        5 => drop(store.store(
            now,
            &StoreCommand {
                mode: StoreMode::Append,
                ..set(key, b"+")
            },
        )),
        6 => drop(store.touch(
            now,
            &Touch {
                key,
                exptime: Exptime(random.below(60) as i64),
            },
        )),
        7 => drop(store.arithmetic(now, &incr(key, 1, false))),
        _ => drop(store.delete(now, &delete(key))),
    }
}

#[test]
fn two_stores_written_at_random_end_identical_after_they_have_talked() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let (a, b) = (Store::new(&options()), Store::new(&options()));
        a.set_node_bit(false);
        b.set_node_bit(true);
        a.attach_peer(&[], true);
        b.attach_peer(&[], true);
        let mut now = seconds(1);
        for _ in 0..2000 {
            now += Duration::from_millis(random.below(40));
            match random.below(40) {
                0 => drop(synchronize(&a, &b, now)),
                1 => drop(synchronize(&b, &a, now)),
                2 => drop(a.reap(now, random.below(a.shards() as u64) as usize, 64)),
                n => mutate_at_random(&mut random, if n % 2 == 0 { &a } else { &b }, now),
            }
        }
        for _ in 0..3 {
            synchronize(&a, &b, now);
            synchronize(&b, &a, now);
        }
        let now = now + Duration::from_secs(2);
        for store in [&a, &b] {
            (0..store.shards()).for_each(|shard| while !store.reap(now, shard, 64) {});
        }
        assert_eq!(contents(&a, now), contents(&b, now), "seed {seed}");
        synchronize(&a, &b, now);
        synchronize(&b, &a, now);
        assert_eq!(
            a.statistics().tombstones + b.statistics().tombstones,
            0,
            "seed {seed}"
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
fn reads_of_every_shard_are_told_when_there_are_more_than_fit_at_once() {
    let store = Store::new(&Options {
        memory: 64 << 20,
        ..options()
    });
    for number in 0..2000 {
        store.store(seconds(1), &set(format!("{number:0100}").as_bytes(), b"v"));
    }
    for number in 0..2000 {
        value(&store, seconds(200), format!("{number:0100}").as_bytes());
    }
    let (mut first, mut told) = (0, Vec::new());
    let mut calls = 0;
    while told.len() < 2000 * 101 {
        calls += 1;
        assert!(calls < 20, "{} bytes after {calls} calls", told.len());
        let mut hints = Vec::new();
        first = store.take_hints(first, 64 * 1024, &mut hints);
        assert!(hints.len() <= 64 * 1024);
        told.append(&mut hints);
    }
    assert_eq!(calls, 4);
}
