use super::*;

/// A reader of meta commands, as life and win show to it.
fn read_meta(store: &Store, now: Instant, key: &[u8]) -> (Option<u32>, bool) {
    let read = Read {
        is_meta: true,
        ..Read::of(key)
    };
    let seen = |item: Option<&ItemView<'_>>| {
        let item = item.expect("it is there");
        (item.ttl, item.won)
    };
    store.read(now, &read, seen).0
}

/// Life, stale mark, whether the win was handed out, and whether it was read.
fn marks(store: &Store, now: Instant, key: &[u8]) -> (Option<u32>, bool, bool, bool) {
    let read = Read {
        bump: false,
        ..Read::of(key)
    };
    let seen = |item: Option<&ItemView<'_>>| {
        let item = item.expect("it is there");
        (item.ttl, item.stale, item.win_sent, item.fetched)
    };
    store.read(now, &read, seen).0
}

/// An item of 100 seconds that was marked stale with 30 seconds to live.
fn stale(store: &Store, now: Instant, value: &[u8]) {
    let with_life = StoreCommand {
        exptime: Exptime(100),
        ..set(b"k", value)
    };
    store.store(now, &with_life);
    let invalidate = Delete {
        invalidate: true,
        exptime: Some(Exptime(30)),
        ..delete(b"k")
    };
    assert_eq!(store.delete(now, &invalidate).0, Outcome::Deleted);
}

fn older(mode: StoreMode) -> StoreCommand<'static> {
    StoreCommand {
        mode,
        compare: Some(1),
        invalidate: true,
        exptime: Exptime(50),
        ..set(b"k", b"y")
    }
}

#[test]
fn what_an_older_cas_stores_is_stale_and_keeps_life_and_win() {
    for mode in [StoreMode::Set, StoreMode::Replace] {
        let store = Store::new(&options());
        let now = seconds(1);
        stale(&store, now, b"x");
        assert_eq!(marks(&store, now, b"k"), (Some(30), true, false, false));
        assert_eq!(read_meta(&store, now, b"k"), (Some(30), true));
        assert!(matches!(
            store.store(now, &older(mode)).0,
            Outcome::Stored { .. }
        ));
        assert_eq!(marks(&store, now, b"k"), (Some(30), true, true, false));
        assert_eq!(value(&store, now, b"k").as_deref(), Some(&b"y"[..]));
    }
}

#[test]
fn what_an_older_cas_stores_leaves_the_win_to_the_next_reader_if_nobody_had_it() {
    let store = Store::new(&options());
    let now = seconds(1);
    stale(&store, now, b"x");
    store.store(now, &older(StoreMode::Set));
    assert_eq!(read_meta(&store, now, b"k"), (Some(30), true));
    assert_eq!(read_meta(&store, now, b"k"), (Some(30), false));
}

#[test]
fn only_a_reader_that_can_be_told_gets_the_win() {
    let store = Store::new(&options());
    let now = seconds(1);
    stale(&store, now, b"x");
    value(&store, now, b"k");
    assert_eq!(marks(&store, now, b"k"), (Some(30), true, false, true));
    assert_eq!(read_meta(&store, now, b"k"), (Some(30), true));
}

#[test]
fn the_life_and_the_win_that_an_older_cas_kept_travel_to_the_peer() {
    let (store, peer) = (Store::new(&options()), Store::new(&options()));
    let now = seconds(1);
    stale(&store, now, b"x");
    read_meta(&store, now, b"k");
    store.store(now, &older(StoreMode::Set));
    synchronize(&store, &peer, now);
    assert_eq!(marks(&peer, now, b"k"), (Some(30), true, true, false));
}

#[test]
fn a_touch_leaves_an_item_stale_on_both_hosts() {
    // Inline, and cut into parts.
    for length in [1, 20_000] {
        let (a, b) = (Store::new(&options()), Store::new(&options()));
        let now = seconds(1);
        a.attach_peer(&[], true);
        stale(&a, now, &vec![b'x'; length]);
        synchronize(&a, &b, now);
        let exptime = Exptime(70);
        a.touch(now, &Touch { key: b"k", exptime });
        synchronize(&a, &b, now);
        for store in [&a, &b] {
            let (ttl, is_stale, win_sent, _) = marks(store, now, b"k");
            assert_eq!((ttl, is_stale, win_sent), (Some(70), true, false));
        }
    }
}

#[test]
fn an_older_cas_extends_nothing_and_is_no_matter_to_an_add() {
    let store = Store::new(&options());
    let now = seconds(1);
    let outcome = |mode| store.store(now, &older(mode)).0;
    assert_eq!(outcome(StoreMode::Append), Outcome::NotStored);
    assert_eq!(outcome(StoreMode::Replace), Outcome::NotFound);
    assert!(matches!(outcome(StoreMode::Add), Outcome::Stored { .. }));
    assert_eq!(outcome(StoreMode::Add), Outcome::NotStored);
    assert_eq!(outcome(StoreMode::Append), Outcome::Exists);
    assert_eq!(outcome(StoreMode::Prepend), Outcome::Exists);
    assert_eq!(marks(&store, now, b"k"), (Some(50), false, false, false));
}

#[test]
fn a_cas_of_0_is_no_older_one_and_compares_in_no_append() {
    let store = Store::new(&options());
    let now = seconds(1);
    store.store(now, &set(b"k", b"x"));
    let zero = |mode| StoreCommand {
        compare: Some(0),
        ..older(mode)
    };
    let outcome = |mode| store.store(now, &zero(mode)).0;
    assert_eq!(outcome(StoreMode::Set), Outcome::Exists);
    assert!(matches!(outcome(StoreMode::Append), Outcome::Stored { .. }));
    assert_eq!(value(&store, now, b"k").as_deref(), Some(&b"xy"[..]));
}

#[test]
fn a_number_that_fits_over_the_old_one_keeps_its_marks() {
    let store = Store::new(&options());
    let now = seconds(1);
    stale(&store, now, b"98");
    read_meta(&store, now, b"k");
    store.arithmetic(now, &incr(b"k", 1, false));
    assert_eq!(marks(&store, now, b"k"), (Some(30), true, true, true));
    store.arithmetic(now, &incr(b"k", 1, false));
    assert_eq!(value(&store, now, b"k").as_deref(), Some(&b"100"[..]));
    store.arithmetic(now, &incr(b"k", 900, false));
    assert_eq!(marks(&store, now, b"k"), (Some(30), false, false, false));
}

#[test]
fn values_are_numbers_as_strtoull_reads_them() {
    let store = Store::new(&options());
    let now = seconds(1);
    for (present, after) in [
        (&b"1 2"[..], Some(2)),
        (b"9\t", Some(10)),
        (b"9\r\n", Some(10)),
        (b"1\x0b2", Some(2)),
        (b"\t\n\x0b9", Some(10)),
        (b"+9", Some(10)),
        (b"1\0x", Some(2)),
        (b"-0", Some(1)),
        (b"-9", None),
        (b"-9223372036854775808", None),
        (b"-9223372036854775809", Some(9_223_372_036_854_775_808)),
        (b"000000000000000000000000000000001", Some(2)),
        (b"18446744073709551614", Some(u64::MAX)),
        (b"18446744073709551616", None),
        (b"1a", None),
        (b"1\xa02", None),
        (b"-", None),
        (b"- 9", None),
        (b" ", None),
        (b"\0", None),
        (b"", None),
    ] {
        store.store(now, &set(b"n", present));
        let found = match store.arithmetic(now, &incr(b"n", 1, false)).0 {
            Outcome::Number { value, .. } => Some(value),
            Outcome::NonNumeric => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(found, after, "{}", present.escape_ascii());
    }
}
