//! Removals, and what is removed without a word from a client, between two stores.

use super::*;

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
