//! Where segments come from: maps of 2 MiB that the system is asked to back with one huge page
//! each, so that a random access to items costs one miss of the address translation, not two.
//!
//! A map is cut into segments and goes back to the system with the last of them. As what lives is
//! spread over all maps, none would ever be free by chance: a store that has to become smaller
//! gives maps up, and then moves what is left in them to others, segment by segment.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use memmap2::{Advice, MmapMut};

/// Words of 8 bytes in a segment: 64 KiB.
pub(super) const SEGMENT_WORDS: usize = 8192;
/// Bytes in a segment.
pub(super) const SEGMENT_BYTES: usize = SEGMENT_WORDS * 8;
/// Bytes of a huge page, and of a map.
pub(super) const MAP_BYTES: usize = 2 << 20;

/// The words of one segment. What they hold at first is not defined.
pub(super) struct Words {
    words: &'static mut [u64],
    map: Arc<Map>,
}

impl Words {
    /// Its map was given up: whoever holds it is to move what is in it to another segment.
    pub fn is_to_leave(&self) -> bool {
        self.map.given_up.load(Ordering::Relaxed)
    }
}

impl Deref for Words {
    type Target = [u64];

    #[inline]
    fn deref(&self) -> &[u64] {
        self.words
    }
}

impl DerefMut for Words {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u64] {
        self.words
    }
}

/// Memory of the system, given back when it is dropped. Only [`Words`] cut from it touch it.
struct Map {
    _memory: MmapMut,
    /// Which of its store's maps it is.
    number: usize,
    given_up: AtomicBool,
}

/// A map and those of its segments that wait for reuse.
struct Cut {
    map: Arc<Map>,
    idle: Vec<Words>,
}

/// The maps of one store, and their segments that no shard has.
#[derive(Default)]
pub(super) struct Maps {
    /// By number.
    cuts: Vec<Option<Cut>>,
    vacant: Vec<usize>,
    /// Numbers of the maps with idle segments.
    open: Vec<usize>,
    idle: usize,
    /// Segments of the newest map that were never used.
    fresh: Vec<Words>,
}

impl Maps {
    /// A segment: one that was used before, as that one is resident, or a fresh one.
    pub fn take(&mut self) -> Words {
        if let Some(number) = self.open.last() {
            let cut = self.cuts[*number].as_mut().expect("an open map is held");
            let words = cut.idle.pop().expect("an open map has idle segments");
            if cut.idle.is_empty() {
                self.open.pop();
            }
            self.idle -= 1;
            return words;
        }
        if self.fresh.is_empty() {
            self.add_map();
        }
        self.fresh.pop().expect("a map has segments")
    }

    /// A segment that is not used any more waits for whoever needs one next.
    pub fn put_back(&mut self, words: Words) {
        if words.is_to_leave() {
            return;
        }
        let number = words.map.number;
        let cut = self.cuts[number].as_mut();
        let idle = &mut cut.expect("a map is held until it is given up").idle;
        if idle.is_empty() {
            self.open.push(number);
        }
        idle.push(words);
        self.idle += 1;
    }

    /// Segments that wait for reuse.
    pub const fn idle(&self) -> usize {
        self.idle
    }

    /// Maps held, without those that were given up.
    pub const fn count(&self) -> usize {
        self.cuts.len() - self.vacant.len()
    }

    /// Gives up so many maps, those with the most idle segments first. What it returns is to be
    /// dropped where no lock is held: a map that nothing lives in goes with it.
    pub fn give_up(&mut self, count: usize) -> impl Drop + use<> {
        let idle = |cut: &Option<Cut>| cut.as_ref().map(|cut| cut.idle.len());
        let numbers = 0..self.cuts.len();
        let mut held: Vec<(usize, usize)> = numbers
            .filter_map(|number| Some((idle(&self.cuts[number])?, number)))
            .collect();
        held.sort_unstable();
        let mut dropped = Vec::new();
        for (idle, number) in held.into_iter().rev().take(count) {
            let cut = self.cuts[number].take().expect("just listed");
            cut.map.given_up.store(true, Ordering::Relaxed);
            self.idle -= idle;
            self.vacant.push(number);
            dropped.extend(cut.idle);
        }
        let cuts = &self.cuts;
        self.open.retain(|number| cuts[*number].is_some());
        dropped.extend(self.fresh.extract_if(.., |words| words.is_to_leave()));
        dropped
    }

    fn add_map(&mut self) {
        let number = self.vacant.pop().unwrap_or(self.cuts.len());
        let (memory, start, bytes) = aligned_map();
        let (map, segments) = cut(memory, start, bytes, number);
        let idle = Vec::new();
        if number == self.cuts.len() {
            self.cuts.push(None);
        }
        self.cuts[number] = Some(Cut { map, idle });
        // From the back, as they are taken from there: a map is touched from its start.
        self.fresh.extend(segments.into_iter().rev());
    }
}

/// Cuts the `bytes` behind `start` into segments.
fn cut(mut memory: MmapMut, start: usize, bytes: usize, number: usize) -> (Arc<Map>, Vec<Words>) {
    let words = memory[start..start + bytes].as_mut_ptr().cast::<u64>();
    let map = Arc::new(Map {
        _memory: memory,
        number,
        given_up: AtomicBool::new(false),
    });
    let segment = |index: usize| {
        // SAFETY: each segment is a part of the map that no other one has and that nothing else
        // reads or writes, it begins at a multiple of 64 KiB, and any bytes are words. The map
        // stays as long as the `Arc` that stands beside the reference, and `Words` hands it out
        // for no longer than itself is borrowed.
        let words = unsafe {
            std::slice::from_raw_parts_mut(words.add(index * SEGMENT_WORDS), SEGMENT_WORDS)
        };
        let map = map.clone();
        Words { words, map }
    };
    let segments = (0..bytes / SEGMENT_BYTES).map(segment).collect();
    (map, segments)
}

/// A map, where its segments begin, and their bytes. Linux aligns maps of 2 MiB to a huge page
/// since 6.7; before, a map of twice the size has such a place in it, and the rest is never touched.
/// Where the system refuses that much, it is a map of one segment.
fn aligned_map() -> (MmapMut, usize, usize) {
    let of = |bytes| MmapMut::map_anon(bytes).map(|map| (distance_to_boundary(&map), map));
    let (start, map) = match of(MAP_BYTES) {
        Ok((0, map)) => (0, map),
        _ => match of(2 * MAP_BYTES) {
            Ok(found) => found,
            Err(_) => {
                let map = MmapMut::map_anon(SEGMENT_BYTES);
                return (map.expect("the system has 64 KiB"), 0, SEGMENT_BYTES);
            }
        },
    };
    // Only advice: a system without huge pages does without.
    let _ = map.advise_range(Advice::HugePage, start, MAP_BYTES);
    (map, start, MAP_BYTES)
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
            let (mut map, start, bytes) = aligned_map();
            let map = &mut map[start..start + bytes];
            assert_eq!(map.len(), 2 << 20);
            assert_eq!(map.as_ptr().addr() % (2 << 20), 0);
            map.fill(1);
        }
    }

    #[test]
    fn a_segment_that_is_put_back_is_taken_before_a_fresh_one() {
        let mut maps = Maps::default();
        let mut words = maps.take();
        assert_eq!(words.len(), 8192);
        words.fill(7);
        let at = words.as_ptr().addr();
        let other = maps.take();
        assert_eq!((maps.idle(), maps.count()), (0, 1));
        maps.put_back(words);
        assert_eq!((maps.idle(), maps.count()), (1, 1));
        assert_eq!(maps.take().as_ptr().addr(), at);
        assert_ne!(other.as_ptr().addr(), at);
    }

    #[test]
    fn the_segments_of_a_map_lie_apart() {
        let mut maps = Maps::default();
        let mut taken: Vec<Words> = (0..32).map(|_| maps.take()).collect();
        assert_eq!(maps.count(), 1);
        for (number, words) in (0..).zip(&mut taken) {
            words.fill(number);
        }
        for (number, words) in (0..).zip(&taken) {
            assert!(words.iter().all(|word| *word == number));
        }
    }

    #[test]
    fn the_emptiest_maps_are_given_up_and_gone_when_nobody_holds_a_segment() {
        let mut maps = Maps::default();
        let mut taken: Vec<Words> = (0..64).map(|_| maps.take()).collect();
        let second = taken.split_off(32);
        let second_map = Arc::downgrade(&second[0].map);
        let (mut kept, mut idle) = (second.into_iter(), taken.into_iter());
        let held = [
            kept.next().expect("32 segments"),
            idle.next().expect("32 segments"),
        ];
        kept.for_each(|words| maps.put_back(words));
        idle.take(5).for_each(|words| maps.put_back(words));
        drop(maps.give_up(1));
        assert_eq!((maps.count(), maps.idle()), (1, 5));
        assert_eq!(held.each_ref().map(Words::is_to_leave), [true, false]);
        assert!(second_map.upgrade().is_some(), "one segment is still held");
        let [left, stays] = held;
        maps.put_back(left);
        maps.put_back(stays);
        assert!(second_map.upgrade().is_none(), "the system has it back");
        assert_eq!((maps.count(), maps.idle()), (1, 6));
    }
}
