//! Values that are cut: written, rewritten, read, freed and moved part by part.

use super::arena::{Arena, place};
use super::blob::{
    CUT_BYTES, Content, Front, Handle, Kind, NIL, PART_HEADER_WORDS, Part, part_length, part_words,
};
use super::pool::{Pool, SEGMENT_WORDS};
use crate::command::Value;

impl Arena {
    /// Segments that placing an item takes beside the open one.
    pub fn segments_wanted(&self, content: &Content<'_>) -> usize {
        let (mut room, mut segments) = (self.room(), 0);
        if content.words() > room {
            (room, segments) = (SEGMENT_WORDS, 1);
        }
        if !content.is_cut() {
            return segments;
        }
        room -= content.words();
        let mut left = content.value.len();
        while left > 0 {
            if let Some(length) = part_length(room, left) {
                left -= length;
                room -= part_words(length);
            } else {
                room = SEGMENT_WORDS;
                segments += 1;
            }
        }
        segments
    }

    /// The value of an item. `rest` has the parts after the first one.
    pub fn value<'a>(&'a self, item: Handle, rest: &'a mut Vec<&'a [u8]>) -> Value<'a> {
        let front = self.front(item);
        if !front.is_cut() {
            return Value::whole(&self.body(item)[front.value_at()..][..front.length()]);
        }
        let first = self.first_part(item);
        rest.extend(
            self.parts_from(self.part(first).next)
                .map(|part| self.part_bytes(part)),
        );
        Value::cut(self.part_bytes(first), rest)
    }

    /// Cuts a value into parts behind an item that has none.
    pub(super) fn write_parts(&mut self, pool: &Pool, item: Handle, mut value: Value<'_>) {
        let (mut prev, mut left) = (item, value.len());
        while left > 0 {
            let length = self.open_for_part(pool, left);
            let part = self.append_part(prev, length);
            value.take_into(self.part_bytes_mut(part));
            prev = part;
            left -= length;
        }
    }

    /// Writes a value over the parts of an older one of about the same size. False, and nothing
    /// done, where it does not fit or would leave an eighth of them unused.
    pub(super) fn rewrite_parts(&mut self, item: Handle, mut value: Value<'_>) -> bool {
        let (mut before, mut have, mut last) = (0, 0, NIL);
        for part in self.parts_from(self.first_part(item)) {
            let front = self.front(part);
            before += front.length();
            have += front.words_occupied();
            last = part;
        }
        before -= self.front(last).length();
        let Some(length) = value.len().checked_sub(before).filter(|length| *length > 0) else {
            return false;
        };
        let (needed, occupied) = (part_words(length), self.front(last).words_occupied());
        if needed > occupied || occupied - needed > have / 8 {
            return false;
        }
        let words_before = self.front(last).words_needed();
        self.front_mut(last).set_length(length);
        self.count_live(place(last).0, needed, words_before);
        self.front_mut(item).set_length(value.len());
        let mut part = self.first_part(item);
        while part != NIL {
            value.take_into(self.part_bytes_mut(part));
            part = self.part(part).next;
        }
        true
    }

    /// Frees the parts of an item's value.
    pub(super) fn free_parts(&mut self, pool: &Pool, item: Handle) {
        let mut part = self.first_part(item);
        while part != NIL {
            let next = self.part(part).next;
            self.forget(pool, part);
            part = next;
        }
    }

    /// Moves a part to where room is, cut again where that is in two places.
    pub fn relocate_part(&mut self, pool: &Pool, old: Handle) {
        let Part { front, prev, next } = *self.part(old);
        let (mut prev, mut moved) = (prev, 0);
        while moved < front.length() {
            let length = self.open_for_part(pool, front.length() - moved);
            let part = self.append_part(prev, length);
            let words = part_words(length) - PART_HEADER_WORDS;
            let (from, to) = (place(old), place(part));
            self.copy_words(
                (from.0, from.1 + PART_HEADER_WORDS + moved / 8),
                (to.0, to.1 + PART_HEADER_WORDS),
                words,
            );
            prev = part;
            moved += length;
        }
        self.part_mut(prev).next = next;
        if next != NIL {
            self.part_mut(next).prev = prev;
        }
        self.forget(pool, old);
    }

    /// The item has moved: its first part is told.
    pub(super) fn item_moved(&mut self, item: Handle) {
        let first = self.first_part(item);
        self.part_mut(first).prev = item;
    }

    /// How long a part can be where the next one is written.
    fn open_for_part(&mut self, pool: &Pool, left: usize) -> usize {
        part_length(self.room(), left).unwrap_or_else(|| {
            self.open_segment(pool);
            part_length(self.room(), left).expect("an empty segment has room for a part")
        })
    }

    /// An unwritten part behind another, or behind the item itself.
    fn append_part(&mut self, prev: Handle, length: usize) -> Handle {
        let front = Front::of_part(length);
        let part = self.claim(front.words_needed());
        *self.part_mut(part) = Part {
            front,
            prev,
            next: NIL,
        };
        if self.front(prev).kind() == Kind::Part {
            self.part_mut(prev).next = part;
        } else {
            self.body_mut(prev)[CUT_BYTES - 4..CUT_BYTES].copy_from_slice(&part.to_le_bytes());
        }
        part
    }

    /// A page for hash buckets, if the open segment has room for it.
    pub fn place_page(&mut self, number: usize, bytes: usize) -> Option<Handle> {
        let front = Front::of_page(bytes);
        if front.words_needed() > self.room() {
            return None;
        }
        let page = self.claim(front.words_needed());
        *self.part_mut(page) = Part {
            front,
            prev: number as u32,
            next: NIL,
        };
        Some(page)
    }

    /// Which page of the table it is.
    pub fn page_number(&self, page: Handle) -> usize {
        self.part(page).prev as usize
    }

    /// The buckets of a page with so many words of them.
    #[inline]
    pub fn page(&self, page: Handle, words: usize) -> &[Handle] {
        let words = self.words(page, PART_HEADER_WORDS + words);
        bytemuck::cast_slice(&words[PART_HEADER_WORDS..])
    }

    #[inline]
    pub fn page_mut(&mut self, page: Handle, words: usize) -> &mut [Handle] {
        let words = self.words_mut(page, PART_HEADER_WORDS + words);
        bytemuck::cast_slice_mut(&mut words[PART_HEADER_WORDS..])
    }

    pub(super) fn first_part(&self, item: Handle) -> Handle {
        let slot = self.body(item)[CUT_BYTES - 4..].first_chunk();
        u32::from_le_bytes(*slot.expect("a handle is 4 bytes"))
    }

    pub(super) fn parts_from(&self, first: Handle) -> impl Iterator<Item = Handle> {
        let known = |part: Handle| (part != NIL).then_some(part);
        std::iter::successors(known(first), move |part| known(self.part(*part).next))
    }

    pub(super) fn part(&self, part: Handle) -> &Part {
        bytemuck::from_bytes(bytemuck::cast_slice(self.words(part, PART_HEADER_WORDS)))
    }

    fn part_mut(&mut self, part: Handle) -> &mut Part {
        let words = self.words_mut(part, PART_HEADER_WORDS);
        bytemuck::from_bytes_mut(bytemuck::cast_slice_mut(words))
    }

    fn part_bytes(&self, part: Handle) -> &[u8] {
        let front = self.front(part);
        let words = self.words(part, front.words_needed());
        &bytemuck::cast_slice(words)[PART_HEADER_WORDS * 8..][..front.length()]
    }

    fn part_bytes_mut(&mut self, part: Handle) -> &mut [u8] {
        let front = *self.front(part);
        let words = self.words_mut(part, front.words_needed());
        &mut bytemuck::cast_slice_mut(words)[PART_HEADER_WORDS * 8..][..front.length()]
    }
}
