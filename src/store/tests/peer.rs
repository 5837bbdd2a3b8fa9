//! Two stores that send each other their changes.

use super::*;

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

#[test]
fn the_limit_of_items_is_the_lower_one_and_rises_with_the_next_peer() {
    let store = Store::new(&options());
    for (peers, limit) in [(1_000, 1_000), (2_000, 2_000), (4 << 20, 1 << 20)] {
        store.heed_item_size_max(peers);
        assert_eq!(store.item_size_max(), limit);
    }
}
