//! The memory of all shards: a limit, what is used of it, and the segments that wait for reuse.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// Words of 8 bytes in a segment: 64 KiB.
pub(super) const SEGMENT_WORDS: usize = 8192;
/// Bytes in a segment.
pub(super) const SEGMENT_BYTES: usize = SEGMENT_WORDS * 8;
/// The bytes of a segment.
pub(super) type Words = Box<[u64]>;

/// Counts every byte that shards hold, and keeps emptied segments for whoever needs one next.
///
/// Emptied segments stay resident, so they count against the limit until they are given back to
/// the system to make room for something that is not a segment.
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

    /// Whether `bytes` more stay within the limit.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.used() + bytes <= self.limit()
    }

    /// A segment. The caller asked [`Pool::has_room`] first, or gives one back right after.
    pub fn take_segment(&self) -> Words {
        self.used.fetch_add(SEGMENT_BYTES, Ordering::Relaxed);
        let idle = self.idle.lock().pop();
        idle.unwrap_or_else(|| vec![0u64; SEGMENT_WORDS].into_boxed_slice())
    }

    /// Takes a segment back.
    pub fn return_segment(&self, words: Words) {
        self.used.fetch_sub(SEGMENT_BYTES, Ordering::Relaxed);
        self.idle.lock().push(words);
    }

    /// Counts memory that is not a segment: outside values, hash buckets. Idle segments are given
    /// back to the system where both together would not fit.
    pub fn add(&self, bytes: usize) {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let mut idle = self.idle.lock();
        while used + idle.len() * SEGMENT_BYTES > self.limit() && idle.pop().is_some() {}
    }

    /// Takes memory counted by [`Pool::add`] off again.
    pub fn subtract(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}
