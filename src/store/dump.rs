//! A walk over all live items in small steps, for listings and histograms.
//!
//! Each step holds one lock for a bounded time, and the store changes between steps. An item that
//! lives through the whole walk is shown at least once; it is shown again where its table grew or
//! shrank meanwhile.

use vrrp::time::Instant;

use super::Store;
use super::blob::{FETCHED, Handle, NIL, TOMBSTONE};
use super::clock::Moment;
use super::shard::Shard;
use crate::command::Version;

/// Items and empty buckets that one step looks at.
const STEP: usize = 128;

/// Where a walk goes on. The default is its start.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct DumpCursor {
    shard: usize,
    bucket: usize,
    /// Buckets of the shard at the last step.
    buckets: usize,
}

/// A live item without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DumpedItem<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Length of the value in bytes.
    pub value_len: usize,
    /// Opaque client flags.
    pub flags: u32,
    /// The cas unique.
    pub cas: u64,
    /// The version of its last change.
    pub version: Version,
    /// Unix time in seconds at which it expires; `None` is never.
    pub expires_unix_s: Option<u64>,
    /// Unix time in seconds of its last use.
    pub used_unix_s: u64,
    /// Whether it was read since it was stored.
    pub fetched: bool,
    /// Bytes it takes in memory: header, key and value, rounded to words; the headers of parts
    /// aside, so that both hosts say the same.
    pub bytes: usize,
}

impl Store {
    /// Shows the next few live items to `each`, in no order, and moves the cursor. At most 128 are
    /// shown at a time, perhaps none. False when the walk has ended.
    ///
    /// Tombstones, expired and flushed items are left out. `each` runs while a shard is locked.
    pub fn dump(
        &self,
        now: Instant,
        cursor: &mut DumpCursor,
        each: impl FnMut(&DumpedItem<'_>),
    ) -> bool {
        let Some(shard) = self.shards.get(cursor.shard) else {
            return false;
        };
        let moment = self.moment(now);
        if !shard.0.lock().dump(&moment, cursor, each) {
            *cursor = DumpCursor {
                shard: cursor.shard + 1,
                ..DumpCursor::default()
            };
        }
        cursor.shard < self.shards.len()
    }
}

impl Store {
    /// Length in bytes of the value of a live item. Counts as no use of it, and is not counted.
    pub fn value_len(&self, now: Instant, key: &[u8]) -> Option<usize> {
        let hash = self.commons.hash(key);
        let (_, shard) = self.lock(hash);
        let handle = shard.table.find(&shard.arena, hash, key)?;
        let is_alive = shard.is_alive(&self.moment(now), handle);
        is_alive.then(|| shard.arena.header(handle).value_len())
    }
}

impl DumpCursor {
    /// A table shrinks by pouring its last bucket into a lower one, perhaps one that was shown
    /// already: the walk goes back to the lowest of them. Bucket `n` is poured into the one that
    /// lies the largest power of two within `n` below it.
    fn follow(&mut self, buckets: usize) {
        if buckets < self.buckets {
            let power = self.buckets.next_power_of_two() / 2;
            self.bucket = self.bucket.min(buckets.saturating_sub(power));
        }
        self.buckets = buckets;
    }
}

impl Shard {
    /// Shows items of this shard. False when its last bucket was shown.
    fn dump(
        &self,
        moment: &Moment,
        cursor: &mut DumpCursor,
        mut each: impl FnMut(&DumpedItem<'_>),
    ) -> bool {
        cursor.follow(self.table.buckets());
        let mut steps = 0;
        while steps < STEP && cursor.bucket < cursor.buckets {
            let mut at = self.table.first_of(&self.arena, cursor.bucket);
            steps += 1;
            while at != NIL {
                if self.is_alive(moment, at) {
                    each(&self.dumped(moment, at));
                    steps += 1;
                }
                at = self.arena.header(at).bucket_next;
            }
            cursor.bucket += 1;
        }
        cursor.bucket < cursor.buckets
    }

    fn is_alive(&self, moment: &Moment, handle: Handle) -> bool {
        let header = self.arena.header(handle);
        !header.is(TOMBSTONE)
            && header.version > moment.watermark
            && !moment.is_past(header.deadline)
    }

    fn dumped(&self, moment: &Moment, handle: Handle) -> DumpedItem<'_> {
        let header = self.arena.header(handle);
        DumpedItem {
            key: self.arena.key(handle),
            value_len: header.value_len(),
            flags: header.flags,
            cas: self.arena.cas(handle),
            version: header.version,
            expires_unix_s: moment.expires_unix_s(header.deadline),
            used_unix_s: moment.zero_unix_ms / 1000 + u64::from(header.used_at),
            fetched: header.is(FETCHED),
            bytes: self.arena.bytes(handle),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::command::{Delete, Exptime, Store as StoreCommand, StoreMode};
    use crate::store::Options;

    const ZERO_UNIX_MS: u64 = 1_700_000_000_000;

    fn store(replicated: bool) -> Store {
        Store::new(&Options {
            memory: 8 << 20,
            item_size_max: 1 << 20,
            threads: 1,
            hash_seed: [1, 2, 3, 4],
            zero_unix_ms: ZERO_UNIX_MS,
            evict: true,
            replicated,
        })
    }

    fn set(store: &Store, now: Instant, key: &str, exptime: i64, value: &[u8]) {
        let command = StoreCommand {
            key: key.as_bytes(),
            value,
            flags: 7,
            exptime: Exptime(exptime),
            mode: StoreMode::Set,
            compare: None,
            new_cas: Some(42),
            invalidate: false,
            vivify: None,
        };
        store.store(now, &command);
    }

    fn delete(store: &Store, now: Instant, key: &str) {
        let (key, exptime, drop_value) = (key.as_bytes(), None, false);
        let (compare, new_cas, invalidate) = (None, None, false);
        let command = Delete {
            key,
            compare,
            new_cas,
            invalidate,
            exptime,
            drop_value,
        };
        store.delete(now, &command);
    }

    fn walk(store: &Store, now: Instant, mut between: impl FnMut(usize)) -> (Vec<String>, usize) {
        let (mut cursor, mut keys, mut steps) = (DumpCursor::default(), Vec::new(), 0);
        loop {
            let before = keys.len();
            let more = store.dump(now, &mut cursor, |item| {
                keys.push(String::from_utf8_lossy(item.key).into_owned());
            });
            assert!(keys.len() - before <= 2 * STEP, "a step is bounded");
            if !more {
                return (keys, steps);
            }
            between(steps);
            steps += 1;
        }
    }

    #[test]
    fn a_walk_shows_every_live_item_once_and_nothing_dead() {
        let store = store(true);
        let start = Instant::from_millis(1_000);
        set(&store, start, "flushed", 0, b"");
        store.flush(start);
        for number in 0..5_000 {
            set(&store, start, &format!("key-{number}"), 0, b"value");
        }
        set(&store, start, "expired", 1, b"");
        delete(&store, start, "key-17");
        let (keys, steps) = walk(&store, Instant::from_millis(10_000), |_| {});
        let unique: BTreeSet<&String> = keys.iter().collect();
        assert_eq!((keys.len(), unique.len()), (4_999, 4_999));
        assert!(!keys.iter().any(|key| key == "key-17"));
        assert!(steps > 30, "{steps}");
    }

    #[test]
    fn an_item_that_stays_is_shown_however_the_table_grows_and_shrinks() {
        let store = store(false);
        let now = Instant::from_millis(1_000);
        for number in 0..500 {
            set(&store, now, &format!("stays-{number}"), 0, b"");
        }
        for number in 0..8_000 {
            set(&store, now, &format!("goes-{number}"), 0, b"");
        }
        let (keys, _) = walk(&store, now, |step| {
            for number in (step * 300..(step + 1) * 300).filter(|number| *number < 8_000) {
                delete(&store, now, &format!("goes-{number}"));
            }
            for number in 0..if step > 30 { 200 } else { 0 } {
                set(&store, now, &format!("comes-{step}-{number}"), 0, b"");
                if step > 60 {
                    delete(&store, now, &format!("comes-{}-{number}", step - 30));
                }
            }
            assert!(step < 10_000, "the walk ends");
        });
        let staying: BTreeSet<&String> = keys
            .iter()
            .filter(|key| key.starts_with("stays-"))
            .collect();
        assert_eq!(staying.len(), 500);
    }

    #[test]
    fn an_item_is_shown_with_its_times_flags_and_cas() {
        let store = store(false);
        set(&store, Instant::from_millis(5_000), "k", 100, &[b'v'; 10]);
        set(
            &store,
            Instant::from_millis(7_000),
            "large",
            0,
            &[b'v'; 10_000],
        );
        let mut shown = Vec::new();
        let mut cursor = DumpCursor::default();
        loop {
            let more = store.dump(Instant::from_millis(8_000), &mut cursor, |item| {
                let DumpedItem {
                    value_len,
                    flags,
                    cas,
                    fetched,
                    bytes,
                    ..
                } = *item;
                shown.push((item.expires_unix_s, item.used_unix_s));
                assert_eq!((flags, cas, fetched), (7, 42, false));
                assert_eq!(
                    (value_len, bytes),
                    if item.key == b"k" {
                        (10, 80)
                    } else {
                        (10_000, 10_080)
                    }
                );
            });
            if !more {
                break;
            }
        }
        shown.sort_unstable();
        let expected = [(None, 1_700_000_007), (Some(1_700_000_105), 1_700_000_005)];
        assert_eq!(shown, expected);
    }
}
