//! Where items live: segments of 64 KiB, filled from the front, emptied by moving what still lives.
//!
//! A [`Handle`] names a blob by segment and offset, so that a link between items costs four bytes.
//! Freeing only counts: a segment without a living blob goes back to the common [`Pool`] at once,
//! and a sparse one can be emptied by its owner, who knows which links to mend. So there are no size
//! classes, and a shift of value sizes strands nothing.
//!
//! Whoever places an item first [`reserve`](Arena::reserve)s the segments that it wants, so that
//! nothing fails half way.

#[cfg(test)]
mod check;
mod segments;

use super::blob::{CUT, Content, Front, HEADER_WORDS, Handle, Header, Kind, OWN_CAS};
use super::pool::{Pool, SEGMENT_WORDS, Words};

const OFFSET_BITS: u32 = SEGMENT_WORDS.trailing_zeros();

struct Segment {
    words: Words,
    used: usize,
    live: usize,
}

/// The segments of one shard.
pub(super) struct Arena {
    segments: Vec<Option<Segment>>,
    vacant: Vec<u32>,
    /// The segment that is being filled.
    open: usize,
    /// Taken from the pool for what is about to be placed.
    reserved: Vec<Words>,
    segments_held: usize,
    words_live: usize,
}

impl Arena {
    pub const fn new() -> Arena {
        Arena {
            segments: Vec::new(),
            vacant: Vec::new(),
            open: usize::MAX,
            reserved: Vec::new(),
            segments_held: 0,
            words_live: 0,
        }
    }

    /// The first word of an item or of a part.
    pub fn front(&self, handle: Handle) -> &Front {
        bytemuck::from_bytes(bytemuck::cast_slice(self.words(handle, 1)))
    }

    pub fn front_mut(&mut self, handle: Handle) -> &mut Front {
        bytemuck::from_bytes_mut(bytemuck::cast_slice_mut(self.words_mut(handle, 1)))
    }

    pub fn header(&self, item: Handle) -> &Header {
        bytemuck::from_bytes(bytemuck::cast_slice(self.words(item, HEADER_WORDS)))
    }

    pub fn header_mut(&mut self, item: Handle) -> &mut Header {
        let words = self.words_mut(item, HEADER_WORDS);
        bytemuck::from_bytes_mut(bytemuck::cast_slice_mut(words))
    }

    pub fn key(&self, item: Handle) -> &[u8] {
        let front = self.front(item);
        &self.body(item)[front.key_at()..front.value_at()]
    }

    /// The cas unique: the item's own, or its version.
    pub fn cas(&self, item: Handle) -> u64 {
        let header = self.header(item);
        if !header.is(OWN_CAS) {
            return header.version;
        }
        let cas = self.body(item).first_chunk();
        u64::from_le_bytes(*cas.expect("an own cas is 8 bytes"))
    }

    /// Makes the present cas unique the item's own, so that it stays when the version changes.
    /// False, and nothing done, where the item has no room for one.
    pub fn keep_cas(&mut self, item: Handle) -> bool {
        let header = *self.header(item);
        if !header.is(OWN_CAS) {
            if !header.is(CUT) {
                return false;
            }
            self.body_mut(item)[..8].copy_from_slice(&header.version.to_le_bytes());
            self.front_mut(item).marks |= OWN_CAS;
        }
        true
    }

    /// Bytes that an item takes with its value, wherever that is cut: the same on every host.
    pub fn bytes(&self, item: Handle) -> usize {
        let front = self.front(item);
        let parts = if front.is_cut() {
            front.length().next_multiple_of(8)
        } else {
            0
        };
        front.words_needed() * 8 + parts
    }

    /// Writes an item, for which segments were reserved.
    pub fn place(&mut self, pool: &Pool, content: &Content<'_>) -> Handle {
        let words = content.words();
        if words > self.room() {
            self.open_segment(pool);
        }
        let item = self.claim(words);
        *self.header_mut(item) = Header::new(Front::of_item(content));
        self.write_body(item, content);
        if content.is_cut() {
            self.write_parts(pool, item, content.value);
        }
        debug_assert!(self.reserved.is_empty(), "as many as were wanted");
        item
    }

    /// Overwrites an item with one of about the same size. False, and nothing done, where the new
    /// one does not fit or would leave an eighth of the place unused.
    pub fn replace(&mut self, item: Handle, content: &Content<'_>) -> bool {
        let front = *self.front(item);
        let (have, need) = (front.words_occupied(), content.words());
        if front.is_cut() != content.is_cut() || need > have || need + have / 8 < have {
            return false;
        }
        if content.is_cut() && !self.rewrite_parts(item, content.value) {
            return false;
        }
        let own_cas = content.own_cas.map_or(0, |_| OWN_CAS);
        let new = self.front_mut(item);
        new.set_length(content.value.len());
        new.marks = front.marks & !OWN_CAS | own_cas;
        self.write_body(item, content);
        self.count_live(place(item).0, need, front.words_needed());
        true
    }

    /// Drops the value and the own cas of an item in place: what a tombstone needs is less.
    pub fn shrink_to_key(&mut self, pool: &Pool, item: Handle) {
        let front = *self.front(item);
        if front.is_cut() {
            self.free_parts(pool, item);
        }
        let key = front.key_at()..front.value_at();
        self.body_mut(item).copy_within(key, 0);
        let new = self.front_mut(item);
        new.marks &= !(OWN_CAS | CUT);
        new.set_length(0);
        let needed = new.words_needed();
        self.count_live(place(item).0, needed, front.words_needed());
    }

    /// Frees an item that no list, bucket or cursor names any more.
    pub fn free(&mut self, pool: &Pool, item: Handle) {
        if self.front(item).is_cut() {
            self.free_parts(pool, item);
        }
        self.forget(pool, item);
    }

    /// Moves an item to where room is, without its parts, or a page.
    pub fn relocate(&mut self, pool: &Pool, old: Handle) -> Handle {
        let front = *self.front(old);
        let words = front.words_needed();
        if words > self.room() {
            self.open_segment(pool);
        }
        let new = self.claim(words);
        self.copy_words(place(old), place(new), words);
        self.front_mut(new).fit();
        if front.kind() == Kind::Item && front.is_cut() {
            self.item_moved(new);
        }
        self.forget(pool, old);
        new
    }

    /// Copies words from one segment to another.
    pub(super) fn copy_words(&mut self, from: (usize, usize), to: (usize, usize), count: usize) {
        let [source, target] = self
            .segments
            .get_disjoint_mut([from.0, to.0])
            .expect("the open segment is never emptied");
        let (source, target) = (expect_held_mut(source), expect_held_mut(target));
        target.words[to.1..to.1 + count].copy_from_slice(&source.words[from.1..from.1 + count]);
    }

    /// The first words of a blob.
    pub(super) fn words(&self, handle: Handle, count: usize) -> &[u64] {
        let (number, at) = place(handle);
        &expect_held(&self.segments[number]).words[at..at + count]
    }

    pub(super) fn words_mut(&mut self, handle: Handle, count: usize) -> &mut [u64] {
        let (number, at) = place(handle);
        &mut expect_held_mut(&mut self.segments[number]).words[at..at + count]
    }

    /// What follows the header of an item.
    pub(super) fn body(&self, item: Handle) -> &[u8] {
        let words = self.words(item, self.front(item).words_occupied());
        bytemuck::cast_slice(&words[HEADER_WORDS..])
    }

    pub(super) fn body_mut(&mut self, item: Handle) -> &mut [u8] {
        let words = self.words_mut(item, self.front(item).words_occupied());
        bytemuck::cast_slice_mut(&mut words[HEADER_WORDS..])
    }

    /// Own cas, key and value of an item; of a value that is cut nothing.
    fn write_body(&mut self, item: Handle, content: &Content<'_>) {
        let front = *self.front(item);
        let body = self.body_mut(item);
        if let Some(cas) = content.own_cas {
            body[..8].copy_from_slice(&cas.to_le_bytes());
        }
        let (key, value) = body[front.key_at()..].split_at_mut(content.key.len());
        key.copy_from_slice(content.key);
        if !front.is_cut() {
            let mut bytes = content.value;
            bytes.take_into(&mut value[..front.length()]);
        }
    }
}

/// Segment number and word offset.
pub(super) const fn place(handle: Handle) -> (usize, usize) {
    (
        (handle >> OFFSET_BITS) as usize,
        handle as usize & (SEGMENT_WORDS - 1),
    )
}

const fn handle_of(number: usize, at: usize) -> Handle {
    (number << OFFSET_BITS | at) as Handle
}

fn expect_held(segment: &Option<Segment>) -> &Segment {
    segment.as_ref().expect("a handle names a held segment")
}

fn expect_held_mut(segment: &mut Option<Segment>) -> &mut Segment {
    segment.as_mut().expect("a handle names a held segment")
}
