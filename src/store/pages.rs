//! Where segments come from: maps of 2 MiB that the system is asked to back with one huge page
//! each, so that a random access to items costs one miss of the address translation, not two.
//!
//! A map is never given back. It is cut into segments, and what no store uses waits, for all
//! stores of the process, in one list.

use std::ops::{Deref, DerefMut};

use memmap2::{Advice, MmapMut};
use parking_lot::Mutex;

/// Words of 8 bytes in a segment: 64 KiB.
pub(super) const SEGMENT_WORDS: usize = 8192;
/// Bytes in a segment.
pub(super) const SEGMENT_BYTES: usize = SEGMENT_WORDS * 8;
/// Bytes of a huge page, and of a map.
const MAP_BYTES: usize = 2 << 20;

/// Segments that no store has.
static FREE: Mutex<Vec<&'static mut [u64]>> = Mutex::new(Vec::new());

/// The words of one segment. What they hold at first is not defined.
pub(super) struct Words(&'static mut [u64]);

impl Words {
    /// A segment that no other store uses, from a new map if there is none.
    pub fn take() -> Words {
        let mut free = FREE.lock();
        if free.is_empty() {
            // From the back, as they are taken from there: a map is touched from its start.
            free.extend(map().chunks_exact_mut(SEGMENT_WORDS).rev());
        }
        Words(free.pop().expect("a map has segments"))
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        FREE.lock().push(std::mem::take(&mut self.0));
    }
}

impl Deref for Words {
    type Target = [u64];

    #[inline]
    fn deref(&self) -> &[u64] {
        self.0
    }
}

impl DerefMut for Words {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u64] {
        self.0
    }
}

/// A new map. Where the system refuses one, a segment of the heap, which it may have instead.
fn map() -> &'static mut [u64] {
    let Some(map) = aligned_map() else {
        return vec![0; SEGMENT_WORDS].leak();
    };
    bytemuck::cast_slice_mut(map)
}

/// [`MAP_BYTES`] that one huge page can back. Linux aligns maps of that size since 6.7; before, a
/// map of twice the size has such a place in it, and the rest is never touched.
fn aligned_map() -> Option<&'static mut [u8]> {
    let mut map = MmapMut::map_anon(MAP_BYTES).ok()?;
    let mut start = distance_to_boundary(&map);
    if start != 0 {
        map = MmapMut::map_anon(2 * MAP_BYTES).ok()?;
        start = distance_to_boundary(&map);
    }
    // Only advice: a system without huge pages does without.
    let _ = map.advise_range(Advice::HugePage, start, MAP_BYTES);
    Some(&mut Box::leak(Box::new(map))[start..start + MAP_BYTES])
}

fn distance_to_boundary(map: &MmapMut) -> usize {
    map.as_ptr().addr().wrapping_neg() % MAP_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_begins_where_a_huge_page_can() {
        for _ in 0..3 {
            let map = aligned_map().expect("the system has a few MiB");
            assert_eq!(map.len(), 2 << 20);
            assert_eq!(map.as_ptr().addr() % (2 << 20), 0);
            map.fill(1);
        }
    }

    #[test]
    fn a_segment_that_is_dropped_can_be_taken_again() {
        let mut words = Words::take();
        assert_eq!(words.len(), 8192);
        words.fill(7);
        let at = words.as_ptr().addr();
        drop(words);
        // Other tests take and drop segments at the same time.
        let taken: Vec<Words> = (0..10_000).map(|_| Words::take()).collect();
        assert!(taken.iter().any(|words| words.as_ptr().addr() == at));
    }
}
