//! Touches on their way to the other store.

use super::*;

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
