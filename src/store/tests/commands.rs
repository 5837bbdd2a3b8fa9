//! What commands do, as clients see it.

use super::*;

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
