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
fn a_refused_store_removes_what_the_peer_still_holds() {
    let (a, b) = (Store::new(&options()), Store::new(&options()));
    let large = vec![b'x'; a.item_size_max() + 1];
    let refusals: [&dyn Fn() -> Ticket; 2] = [&|| a.forget(seconds(2), b"k"), &|| {
        a.store(seconds(2), &set(b"k", &large)).1
    }];
    for refuse in refusals {
        a.attach_peer(&[], true);
        b.store(seconds(1), &set(b"k", b"evicted on a"));
        refuse();
        assert_eq!(synchronize(&a, &b, seconds(2)), 1);
        assert_eq!(value(&b, seconds(2), b"k"), None);
    }
}

#[test]
fn a_store_refused_for_want_of_memory_removes_what_the_peer_still_holds() {
    let small = Options {
        evict: false,
        ..options()
    };
    let (a, b) = (Store::new(&small), Store::new(&options()));
    a.attach_peer(&[], true);
    b.store(seconds(1), &set(b"k", b"never came to a"));
    let value_of_1_mb = vec![b'x'; 1_000_000];
    for number in 0..1_000 {
        let stored = a.store(
            seconds(1),
            &set(format!("fill-{number}").as_bytes(), &value_of_1_mb),
        );
        if stored.0 == Outcome::OutOfMemory {
            break;
        }
    }
    let refused = a.store(seconds(2), &set(b"k", &value_of_1_mb)).0;
    assert_eq!(refused, Outcome::OutOfMemory);
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
fn of_several_touches_in_a_row_the_last_travels_alone() {
    let (a, b) = (Store::new(&options()), Store::new(&options()));
    a.attach_peer(&[], true);
    a.store(seconds(1), &set(b"k", b"v"));
    synchronize(&a, &b, seconds(1));
    for life in [50, 100] {
        let exptime = Exptime(life);
        a.touch(seconds(2), &Touch { key: b"k", exptime });
    }
    let mut sent = Vec::new();
    for shard in 0..a.shards() {
        a.walk(seconds(2), shard, usize::MAX, |record| {
            sent.push(matches!(
                mutation_of(record),
                Mutation::Touch {
                    life: Life::Remaining { millis: 100_000 },
                    ..
                }
            ));
            true
        });
    }
    assert_eq!(sent, [true]);
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

const fn item_of_peer(value: &'static [u8], version: u64, life: Life) -> Mutation<'static> {
    Mutation::Item {
        key: b"k",
        value: Value::whole(value),
        flags: 0,
        life,
        version,
        cas: None,
        marks: 0,
    }
}

#[test]
fn only_what_the_peers_present_boot_sent_expires_without_a_tombstone() {
    for (boots, tombstones) in [(1, 0), (2, 1)] {
        let store = Store::new(&options());
        store.attach_peer(&[], true);
        let version = ZERO_UNIX_MS << 16;
        let life = Life::Remaining { millis: 2_000 };
        store.apply(seconds(1), &item_of_peer(b"v", version, life));
        for _ in 1..boots {
            store.attach_peer(&[], true);
        }
        assert_eq!(value(&store, seconds(5), b"k"), None);
        assert_eq!(store.statistics().tombstones, tombstones, "{boots} boots");
    }
}

#[test]
fn of_a_removal_and_an_item_of_the_same_version_the_removal_stays() {
    let version = (ZERO_UNIX_MS + 5_000) << 16;
    let item = item_of_peer(b"v", version, Life::Forever);
    let removal = Mutation::Tombstone { key: b"k", version };
    // As when the peer evicts what it has sent and not heard of again.
    let store = Store::new(&options());
    assert_eq!(store.apply(seconds(6), &item), Applied::Done);
    assert_eq!(store.apply(seconds(6), &removal), Applied::Done);
    assert_eq!(value(&store, seconds(6), b"k"), None);
    // And the other way round: what was evicted here comes back with the same version.
    let store = Store::new(&options());
    store.attach_peer(&[], true);
    store.delete(seconds(5), &delete(b"k"));
    assert_eq!(store.apply(seconds(6), &item), Applied::Older);
    assert_eq!(value(&store, seconds(6), b"k"), None);
}

#[test]
fn an_eviction_that_the_peer_may_not_know_of_travels_as_a_removal() {
    let a = Store::new(&Options {
        memory: 2 << 20,
        ..options()
    });
    let b = Store::new(&options());
    a.attach_peer(&[], true);
    a.store(seconds(1), &set(b"k", b"first"));
    synchronize(&a, &b, seconds(1));
    a.store(seconds(2), &set(b"k", b"second"));
    for number in 0..200 {
        a.store(
            seconds(3),
            &set(format!("{number}").as_bytes(), &[0; 20_000]),
        );
    }
    assert_eq!(value(&a, seconds(3), b"k"), None);
    synchronize(&a, &b, seconds(3));
    assert_eq!(value(&b, seconds(3), b"k"), None);
}

#[test]
fn a_removal_for_which_there_is_no_room_asks_for_a_comparison() {
    let store = Store::new(&Options {
        memory: 2 << 20,
        evict: false,
        ..options()
    });
    store.attach_peer(&[], true);
    let fits = |number: &u32| {
        let key = number.to_le_bytes();
        let stored = set(&key, &[0; 100]);
        store.store(seconds(1), &stored).0 != Outcome::OutOfMemory
    };
    assert!((0..).take_while(fits).count() > 1_000);
    for number in 0..20_000 {
        let key = format!("on the peer alone {number}");
        let (outcome, ticket) = store.delete(seconds(2), &delete(key.as_bytes()));
        assert_eq!(outcome, Outcome::NotFound);
        if store.comparison_due() {
            let shard = ticket.shard as usize;
            let walk = store.walk(seconds(2), shard, usize::MAX, |_| true);
            assert!(walk.position < ticket.change, "told {}", walk.position);
            return;
        }
    }
    panic!("nothing was forgotten");
}

#[test]
fn what_is_too_large_here_removes_an_older_value_and_no_newer_one() {
    let store = Store::new(&options());
    let version = (ZERO_UNIX_MS + 5_000) << 16;
    store.apply(seconds(6), &item_of_peer(b"v", version, Life::Forever));
    store.refuse(b"k", version - 2);
    assert_eq!(value(&store, seconds(6), b"k"), Some(b"v".to_vec()));
    store.refuse(b"k", version + 2);
    assert_eq!(value(&store, seconds(6), b"k"), None);
    assert_eq!(store.refused(), 2);
}

#[test]
fn what_there_is_no_room_for_removes_an_older_value() {
    let store = Store::new(&Options {
        memory: 2 << 20,
        evict: false,
        ..options()
    });
    store.store(seconds(1), &set(b"k", b"older"));
    let fits = |number: &u32| {
        let key = number.to_le_bytes();
        let stored = set(&key, &[0; 1000]);
        store.store(seconds(1), &stored).0 != Outcome::OutOfMemory
    };
    assert!((0..).take_while(fits).count() > 1_000);
    let version = (ZERO_UNIX_MS + 5_000) << 16;
    let newer = item_of_peer(&[b'x'; 4_000], version, Life::Forever);
    assert_eq!(store.apply(seconds(6), &newer), Applied::Refused);
    assert_eq!(value(&store, seconds(6), b"k"), None);
    assert_eq!(store.refused(), 1);
}

#[test]
fn what_follows_a_removal_by_a_peer_whose_clock_is_ahead_is_newer() {
    let store = Store::new(&options());
    store.attach_peer(&[], true);
    let version = (ZERO_UNIX_MS + 3_600_000) << 16;
    store.apply(seconds(1), &Mutation::Tombstone { key: b"k", version });
    store.store(seconds(1), &set(b"k", b"v"));
    let cas = store.read(seconds(1), &Read::of(b"k"), |item| item.unwrap().cas);
    assert!(cas.0 > version);
}

#[test]
fn a_flush_takes_also_what_came_from_a_clock_that_is_ahead() {
    let store = Store::new(&options());
    let version = (ZERO_UNIX_MS + 3_600_000) << 16;
    store.apply(seconds(1), &item_of_peer(b"v", version, Life::Forever));
    store.flush(seconds(1));
    assert_eq!(value(&store, seconds(1), b"k"), None);
}

#[test]
fn the_limit_of_items_is_the_lower_one_and_rises_with_the_next_peer() {
    let store = Store::new(&options());
    for (peers, limit) in [(1_000, 1_000), (2_000, 2_000), (4 << 20, 1 << 20)] {
        store.heed_item_size_max(peers);
        assert_eq!(store.item_size_max(), limit);
    }
}
