//! The memory of all shards: a limit, what is used of it, and the segments that wait for reuse.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

pub(super) use super::pages::{SEGMENT_BYTES, SEGMENT_WORDS, Words};

/// Counts the segments that shards hold, and keeps emptied ones for whoever needs one next.
///
/// Emptied segments stay resident, and are taken before fresh ones: so the store never has more of
/// the system's memory than it once used within its limit.
pub(super) struct Pool {
    limit: AtomicUsize,
    /// Bytes in use by shards, idle segments excluded.
    used: AtomicUsize,
    idle: Mutex<Vec<Words>>,
}

impl Pool {
    pub fn new(limit: usize) -> Pool {
        Pool {
            limit: AtomicUsize::new(limit),
            used: AtomicUsize::new(0),
            idle: Mutex::new(Vec::new()),
        }
    }

    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes of segments that wait for reuse.
    pub fn idle_bytes(&self) -> usize {
        self.idle.lock().len() * SEGMENT_BYTES
    }

    /// Whether that many segments more stay within the limit.
    pub fn has_room(&self, segments: usize) -> bool {
        self.used() + segments * SEGMENT_BYTES <= self.limit()
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
        let within_limit = |used| Some(used + bytes).filter(|used| *used <= self.limit());
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        if self.used.fetch_update(set, fetch, within_limit).is_err() {
            return false;
        }
        let mut idle = self.idle.lock();
        let kept = idle.len().saturating_sub(count);
        let reused = idle.len() - kept;
        taken.extend(idle.drain(kept..));
        drop(idle);
        taken.extend((reused..count).map(|_| Words::take()));
        true
    }

    /// A segment for a caller who gives one back right after.
    pub fn take_beyond_limit(&self) -> Words {
        self.used.fetch_add(SEGMENT_BYTES, Ordering::Relaxed);
        let idle = self.idle.lock().pop();
        idle.unwrap_or_else(Words::take)
    }

    /// Takes a segment back.
    pub fn return_segment(&self, words: Words) {
        self.used.fetch_sub(SEGMENT_BYTES, Ordering::Relaxed);
        self.idle.lock().push(words);
    }
}
