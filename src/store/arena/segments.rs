//! Segments are opened, filled from the front, and leave when nothing in them lives.

use super::{Arena, OFFSET_BITS, Segment, expect_held_mut, handle_of, place};
use crate::store::blob::{Handle, NIL};
use crate::store::pool::{Pool, SEGMENT_WORDS, Words};

impl Arena {
    /// Takes segments from the pool for the next blobs. False, and nothing done, where the limit
    /// does not allow it.
    pub fn reserve(&mut self, pool: &Pool, segments: usize) -> bool {
        let missing = segments.saturating_sub(self.reserved.len());
        pool.take_segments(missing, &mut self.reserved)
    }

    /// The segment with the most dead words besides the open one, and how many they are.
    pub fn sparsest(&self) -> Option<(usize, usize)> {
        let held = self
            .segments
            .iter()
            .enumerate()
            .filter(|(number, _)| *number != self.open);
        held.filter_map(|(number, segment)| Some((number, SEGMENT_WORDS - segment.as_ref()?.live)))
            .max_by_key(|(_, dead)| *dead)
            .filter(|(_, dead)| *dead > 0)
    }

    /// The next living blob of a segment at or after word `at`.
    pub fn next_live(&self, number: usize, mut at: usize) -> Option<Handle> {
        let segment = self.segments[number].as_ref()?;
        while at < segment.used {
            let handle = handle_of(number, at);
            let front = self.front(handle);
            if !front.is_freed() {
                return Some(handle);
            }
            at += front.words_occupied();
        }
        None
    }

    /// The word after a blob, where the next one of its segment starts.
    pub fn word_after(&self, handle: Handle) -> usize {
        place(handle).1 + self.front(handle).words_occupied()
    }

    /// Words of this arena that no living blob uses, the rest of the open segment excluded.
    pub fn words_dead(&self) -> usize {
        self.segments_held * SEGMENT_WORDS - self.words_live - self.room()
    }

    /// Words that living blobs use.
    pub const fn words_live(&self) -> usize {
        self.words_live
    }

    /// Segments held.
    pub const fn segments(&self) -> usize {
        self.segments_held
    }

    /// Words free at the end of the open segment.
    pub(in crate::store) fn room(&self) -> usize {
        let open = self.segments.get(self.open).and_then(Option::as_ref);
        open.map_or(0, |segment| SEGMENT_WORDS - segment.used)
    }

    /// Starts filling a fresh segment, a reserved one if there is any; what was left of the last
    /// one counts as dead.
    pub(in crate::store) fn open_segment(&mut self, pool: &Pool) {
        self.release_if_empty(pool);
        let reserved = self.reserved.pop();
        let segment = Segment {
            words: reserved.unwrap_or_else(|| pool.take_beyond_limit()),
            used: 0,
            live: 0,
        };
        self.segments_held += 1;
        self.open = if let Some(number) = self.vacant.pop() {
            self.segments[number as usize] = Some(segment);
            number as usize
        } else {
            assert!(
                self.segments.len() < NIL as usize >> OFFSET_BITS,
                "a shard below 32 GiB"
            );
            self.segments.push(Some(segment));
            self.segments.len() - 1
        };
    }

    /// Takes words of the open segment for a blob, which must fit.
    pub(in crate::store) fn claim(&mut self, words: usize) -> Handle {
        let number = self.open;
        let segment = expect_held_mut(&mut self.segments[number]);
        let at = segment.used;
        assert!(at + words <= SEGMENT_WORDS, "the caller made room");
        segment.used += words;
        segment.live += words;
        self.words_live += words;
        handle_of(number, at)
    }

    /// A blob that needed `before` words needs `now` of them.
    pub(in crate::store) fn count_live(&mut self, number: usize, now: usize, before: usize) {
        let segment = expect_held_mut(&mut self.segments[number]);
        segment.live = segment.live + now - before;
        self.words_live = self.words_live + now - before;
    }

    /// The words of a blob are free.
    pub(in crate::store) fn forget(&mut self, pool: &Pool, handle: Handle) {
        let needed = self.front(handle).words_needed();
        self.front_mut(handle).set_freed();
        let (number, _) = place(handle);
        self.count_live(number, 0, needed);
        let segment = expect_held_mut(&mut self.segments[number]);
        if segment.live > 0 {
            return;
        }
        if number == self.open {
            segment.used = 0;
        } else {
            self.release(pool, number);
        }
    }

    /// Gives back the open segment if nothing lives in it.
    pub fn release_if_empty(&mut self, pool: &Pool) {
        let open = self.segments.get(self.open).and_then(Option::as_ref);
        if open.is_some_and(|segment| segment.live == 0) {
            self.release(pool, self.open);
            self.open = usize::MAX;
        }
    }

    /// Moves one segment whose map was given up, with all that is in it; handles stay as they are.
    /// `None`: there is none. The old words are to be dropped where no lock is held, as their map
    /// may go with them.
    pub fn leave_map(&mut self, pool: &Pool) -> Option<Words> {
        let held = self.segments.iter_mut().flatten();
        let segment = held.into_iter().find(|held| held.words.is_to_leave())?;
        let mut words = pool.replace();
        words[..segment.used].copy_from_slice(&segment.words[..segment.used]);
        Some(std::mem::replace(&mut segment.words, words))
    }

    fn release(&mut self, pool: &Pool, number: usize) {
        let segment = self.segments[number]
            .take()
            .expect("a held segment is released once");
        self.vacant.push(number as u32);
        self.segments_held -= 1;
        pool.return_segment(segment.words);
    }
}
