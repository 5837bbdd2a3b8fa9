//! The memory of all shards: a limit, what is used of it, and the segments that wait for reuse.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::pages::{MAP_BYTES, Maps};
pub(super) use super::pages::{SEGMENT_BYTES, SEGMENT_WORDS, Words};

/// Maps that are given up at a time.
const GIVE_UP_MAX: usize = 8;

/// Counts the segments that shards hold, and keeps emptied ones for whoever needs one next.
///
/// Emptied segments stay resident, and are taken before fresh ones: so the store never has more of
/// the system's memory than it once used within its limit. A lower limit is reached step by step,
/// so that no client waits for all that has to go.
pub(super) struct Pool {
    limit: AtomicUsize,
    /// What shards may use now: above the limit while that much is still in use.
    ceiling: AtomicUsize,
    /// Bytes in use by shards, idle segments excluded.
    used: AtomicUsize,
    maps: Mutex<Maps>,
}

impl Pool {
    pub fn new(limit: usize) -> Pool {
        Pool {
            limit: AtomicUsize::new(limit),
            ceiling: AtomicUsize::new(limit),
            used: AtomicUsize::new(0),
            maps: Mutex::default(),
        }
    }

    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
        self.lower_ceiling();
    }

    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether shards use more than the limit allows.
    pub fn is_above_limit(&self) -> bool {
        self.used() > self.limit()
    }

    /// Follows what is used down to the limit.
    pub fn lower_ceiling(&self) {
        let ceiling = self.limit().max(self.used());
        self.ceiling.store(ceiling, Ordering::Relaxed);
    }

    /// Bytes of segments that wait for reuse.
    pub fn idle_bytes(&self) -> usize {
        self.maps.lock().idle() * SEGMENT_BYTES
    }

    /// Bytes of maps that the system gave and that were not given up.
    #[cfg(test)]
    pub fn mapped_bytes(&self) -> usize {
        self.maps.lock().count() * MAP_BYTES
    }

    /// Whether that many segments more stay within the limit.
    pub fn has_room(&self, segments: usize) -> bool {
        self.used() + segments * SEGMENT_BYTES <= self.ceiling.load(Ordering::Relaxed)
    }

    /// Whether that many segments are within the limit at all.
    pub fn can_ever_hold(&self, segments: usize) -> bool {
        segments * SEGMENT_BYTES <= self.limit()
    }

    /// Takes segments. False, and nothing done, where the limit does not allow that many.
    pub fn take_segments(&self, count: usize, taken: &mut Vec<Words>) -> bool {
        if count == 0 {
            return true;
        }
        let bytes = count * SEGMENT_BYTES;
        let ceiling = self.ceiling.load(Ordering::Relaxed);
        let within_limit = |used| Some(used + bytes).filter(|used| *used <= ceiling);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        if self.used.fetch_update(set, fetch, within_limit).is_err() {
            return false;
        }
        let mut maps = self.maps.lock();
        taken.extend((0..count).map(|_| maps.take()));
        true
    }

    /// A segment for a caller who gives one back right after.
    pub fn take_beyond_limit(&self) -> Words {
        self.used.fetch_add(SEGMENT_BYTES, Ordering::Relaxed);
        self.maps.lock().take()
    }

    /// Takes a segment back.
    pub fn return_segment(&self, words: Words) {
        self.used.fetch_sub(SEGMENT_BYTES, Ordering::Relaxed);
        self.maps.lock().put_back(words);
    }

    /// A segment in place of one that is to leave.
    pub fn replace(&self) -> Words {
        self.maps.lock().take()
    }

    /// Gives up some of the maps that are more than the limit, and what is used, can fill. False if
    /// there are none; else shards have segments to replace.
    pub fn give_up_maps(&self) -> bool {
        // One more, so that what moves together has where to go.
        let wanted = self.limit().max(self.used()).div_ceil(MAP_BYTES) + 1;
        let mut maps = self.maps.lock();
        let surplus = maps.count().saturating_sub(wanted);
        if surplus == 0 {
            return false;
        }
        let dropped = maps.give_up(surplus.min(GIVE_UP_MAX));
        drop(maps);
        drop(dropped);
        true
    }
}
