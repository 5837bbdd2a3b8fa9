//! Where items live: segments of 64 KiB, filled from the front, emptied by moving what still lives.
//!
//! An item is one blob: header, own cas, key, value. A [`Handle`] names it by segment and offset,
//! so that a link between items costs four bytes. Freeing only counts: a segment without a living
//! blob goes back to the common [`Pool`] at once, and a sparse one can be emptied by its owner, who
//! knows which links to mend. So there are no size classes, and a shift of value sizes strands
//! nothing.
//!
//! Values above [`INLINE_MAX`] live outside, one allocation each, so that moving stays cheap.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::pool::{Pool, SEGMENT_WORDS, Words};

/// Names a blob of one arena: segment number and word offset.
pub(super) type Handle = u32;
/// No blob.
pub(super) const NIL: Handle = u32::MAX;
/// Largest value in bytes that lives inside a segment.
pub(super) const INLINE_MAX: usize = 4 * 1024;

const OFFSET_BITS: u32 = SEGMENT_WORDS.trailing_zeros();
const HEADER_WORDS: usize = size_of::<Header>() / 8;
const FREED: u16 = 1 << 15;
const LISTED: u16 = 1 << 14;
/// What the allocator adds to an outside value: reference counts, chunk header, rounding.
const OUTSIDE_OVERHEAD: usize = 48;

/// Neighbours in an intrusive list.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Links {
    pub prev: Handle,
    pub next: Handle,
}

impl Links {
    pub const NONE: Links = Links {
        prev: NIL,
        next: NIL,
    };
}

/// The removal of a key, kept until the peer knows of it.
pub(super) const TOMBSTONE: u8 = 1;
/// The last change came from the peer.
pub(super) const FROM_PEER: u8 = 2;
/// The cas unique is not the version and stands before the key.
pub(super) const OWN_CAS: u8 = 4;
/// Read since it was stored.
pub(super) const FETCHED: u8 = 8;
/// Marked stale by a meta delete or an older cas.
pub(super) const STALE: u8 = 16;
/// The win was handed to a client.
pub(super) const WIN_SENT: u8 = 32;
/// The value lives outside the segment.
pub(super) const OUTSIDE: u8 = 64;
/// The last change was a touch of a value that the peer has.
pub(super) const TOUCH_ONLY: u8 = 128;

/// What precedes every key.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Header {
    pub version: u64,
    /// Number of the last change in this shard.
    pub change: u64,
    pub lru: Links,
    pub changes: Links,
    pub bucket_next: Handle,
    /// Ticks since zero at which it expires; 0 is never.
    pub deadline: u32,
    pub flags: u32,
    /// Seconds since zero of the last use.
    pub used_at: u32,
    value_len: u32,
    /// Words this blob occupies, also after it shrank, and [`FREED`].
    words: u16,
    key_len: u8,
    pub marks: u8,
}

impl Header {
    pub const fn is(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }

    /// Length of the value in bytes.
    pub const fn value_len(&self) -> usize {
        self.value_len as usize
    }

    /// The peer listed this key in the running comparison.
    pub const fn is_listed(&self) -> bool {
        self.words & LISTED != 0
    }

    pub const fn set_listed(&mut self, listed: bool) {
        self.words = if listed {
            self.words | LISTED
        } else {
            self.words & !LISTED
        };
    }

    const fn key_at(&self) -> usize {
        if self.is(OWN_CAS) { 8 } else { 0 }
    }

    const fn value_at(&self) -> usize {
        self.key_at() + self.key_len as usize
    }

    /// The words it needs, which may be fewer than it occupies.
    pub const fn words_needed(&self) -> usize {
        let value = if self.is(OUTSIDE) {
            4
        } else {
            self.value_len as usize
        };
        words_of(self.value_at() + value)
    }

    const fn words_occupied(&self) -> usize {
        (self.words & !(FREED | LISTED)) as usize
    }
}

const fn words_of(body: usize) -> usize {
    HEADER_WORDS + body.div_ceil(8)
}

/// What a new blob holds.
#[derive(Clone, Copy)]
pub(super) struct Content<'a> {
    pub key: &'a [u8],
    pub value: &'a [u8],
    pub own_cas: Option<u64>,
}

impl Content<'_> {
    const fn is_outside(&self) -> bool {
        self.value.len() > INLINE_MAX
    }

    /// Words inside a segment.
    pub const fn words(&self) -> usize {
        let cas = if self.own_cas.is_some() { 8 } else { 0 };
        let value = if self.is_outside() {
            4
        } else {
            self.value.len()
        };
        words_of(cas + self.key.len() + value)
    }

    /// Bytes outside of segments, as the pool counts them.
    pub const fn outside_bytes(&self) -> usize {
        if self.is_outside() {
            self.value.len() + OUTSIDE_OVERHEAD
        } else {
            0
        }
    }
}

struct Segment {
    words: Words,
    used: usize,
    live: usize,
}

/// The segments and outside values of one shard.
pub(super) struct Arena {
    segments: Vec<Option<Segment>>,
    vacant: Vec<u32>,
    /// The segment that is being filled.
    open: usize,
    outside: Vec<Option<Arc<[u8]>>>,
    outside_vacant: Vec<u32>,
    segments_held: usize,
    words_live: usize,
}

impl Arena {
    pub const fn new() -> Arena {
        Arena {
            segments: Vec::new(),
            vacant: Vec::new(),
            open: usize::MAX,
            outside: Vec::new(),
            outside_vacant: Vec::new(),
            segments_held: 0,
            words_live: 0,
        }
    }

    pub fn header(&self, handle: Handle) -> &Header {
        let (segment, at) = place(handle);
        let words = &self.segment(segment).words[at..at + HEADER_WORDS];
        bytemuck::from_bytes(bytemuck::cast_slice(words))
    }

    pub fn header_mut(&mut self, handle: Handle) -> &mut Header {
        let (segment, at) = place(handle);
        let words = &mut self.segment_mut(segment).words[at..at + HEADER_WORDS];
        bytemuck::from_bytes_mut(bytemuck::cast_slice_mut(words))
    }

    pub fn key(&self, handle: Handle) -> &[u8] {
        let header = self.header(handle);
        &self.body(handle)[header.key_at()..header.value_at()]
    }

    pub fn value(&self, handle: Handle) -> &[u8] {
        let header = self.header(handle);
        let value = &self.body(handle)[header.value_at()..];
        if header.is(OUTSIDE) {
            let slot = outside_slot(value);
            self.outside[slot]
                .as_ref()
                .expect("an outside value lives as long as its item")
        } else {
            &value[..header.value_len()]
        }
    }

    /// The cas unique: the item's own, or its version.
    pub fn cas(&self, handle: Handle) -> u64 {
        let header = self.header(handle);
        if header.is(OWN_CAS) {
            u64::from_le_bytes(
                *self
                    .body(handle)
                    .first_chunk()
                    .expect("an own cas is 8 bytes"),
            )
        } else {
            header.version
        }
    }

    /// Bytes that a blob and its outside value take.
    pub fn bytes(&self, handle: Handle) -> usize {
        let header = self.header(handle);
        let outside = if header.is(OUTSIDE) {
            header.value_len() + OUTSIDE_OVERHEAD
        } else {
            0
        };
        header.words_needed() * 8 + outside
    }

    /// Whether a blob of `words` fits the open segment.
    pub fn fits(&self, words: usize) -> bool {
        let open = self.segments.get(self.open).and_then(Option::as_ref);
        open.is_some_and(|segment| segment.used + words <= SEGMENT_WORDS)
    }

    /// Starts filling a fresh segment; what was left of the last one counts as dead.
    pub fn open_segment(&mut self, pool: &Pool) {
        self.seal(pool);
        let segment = Segment {
            words: pool.take_segment(),
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

    /// Writes a blob into the open segment, where it must fit.
    pub fn place(&mut self, pool: &Pool, content: &Content<'_>) -> Handle {
        let words = content.words();
        let (number, at) = self.claim(words);
        let outside = content
            .is_outside()
            .then(|| self.place_outside(pool, content));
        let header = Header {
            version: 0,
            change: 0,
            lru: Links::NONE,
            changes: Links::NONE,
            bucket_next: NIL,
            deadline: 0,
            flags: 0,
            used_at: 0,
            value_len: u32::try_from(content.value.len()).expect("values are below 4 GiB"),
            words: words as u16,
            key_len: content.key.len() as u8,
            marks: content.own_cas.map_or(0, |_| OWN_CAS) | outside.map_or(0, |_| OUTSIDE),
        };
        let segment = self.segment_mut(number);
        let blob: &mut [u8] = bytemuck::cast_slice_mut(&mut segment.words[at..at + words]);
        let (head, body) = blob.split_at_mut(size_of::<Header>());
        head.copy_from_slice(bytemuck::bytes_of(&header));
        write_body(body, content, outside);
        handle_of(number, at)
    }

    /// Overwrites a blob with one of about the same size. False, and nothing done, where the new
    /// one does not fit or would leave an eighth of the place unused.
    pub fn replace(&mut self, handle: Handle, content: &Content<'_>) -> bool {
        let header = *self.header(handle);
        let (have, need) = (header.words_occupied(), content.words());
        if header.is(OUTSIDE) || content.is_outside() || need > have || need + have / 8 < have {
            return false;
        }
        let freed = header.words_needed() - need.min(header.words_needed());
        let grown = need - need.min(header.words_needed());
        let marks = header.marks & !OWN_CAS | content.own_cas.map_or(0, |_| OWN_CAS);
        let value_len = content.value.len() as u32;
        *self.header_mut(handle) = Header {
            value_len,
            marks,
            ..header
        };
        let body = self.body_mut(handle);
        write_body(body, content, None);
        let (number, _) = place(handle);
        self.count_live(number, grown, freed);
        true
    }

    /// Drops the value and the own cas of a blob in place: what a tombstone needs is less.
    pub fn shrink_to_key(&mut self, pool: &Pool, handle: Handle) {
        let header = *self.header(handle);
        self.drop_outside(pool, handle);
        let (from, to) = (header.key_at(), header.value_at());
        let body = self.body_mut(handle);
        body.copy_within(from..to, 0);
        let header = self.header_mut(handle);
        let before = header.words_needed();
        header.marks &= !(OWN_CAS | OUTSIDE);
        header.value_len = 0;
        let after = header.words_needed();
        self.count_live(place(handle).0, 0, before - after);
    }

    /// Frees a blob that no list, bucket or cursor names any more.
    pub fn free(&mut self, pool: &Pool, handle: Handle) {
        self.drop_outside(pool, handle);
        self.forget(pool, handle);
    }

    /// Moves a blob into the open segment, where it must fit, with its outside value.
    pub fn relocate(&mut self, pool: &Pool, handle: Handle) -> Handle {
        let header = *self.header(handle);
        let words = header.words_needed();
        let (number, at) = self.claim(words);
        let (from, from_at) = place(handle);
        let to = handle_of(number, at);
        if number == from {
            self.segment_mut(number)
                .words
                .copy_within(from_at..from_at + words, at);
        } else {
            let [source, target] = self
                .segments
                .get_disjoint_mut([from, number])
                .expect("two different segments of this arena");
            let (source, target) = (expect_held(source), expect_held(target));
            target.words[at..at + words].copy_from_slice(&source.words[from_at..from_at + words]);
        }
        self.header_mut(to).words = words as u16 | header.words & LISTED;
        self.forget(pool, handle);
        to
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
            let header = self.header(handle);
            if header.words & FREED == 0 {
                return Some(handle);
            }
            at += header.words_occupied();
        }
        None
    }

    /// The word after a blob, where the next one of its segment starts.
    pub fn word_after(&self, handle: Handle) -> usize {
        place(handle).1 + self.header(handle).words_occupied()
    }

    /// Words of this arena that no living blob uses, the rest of the open segment excluded.
    pub fn words_dead(&self) -> usize {
        let open = self.segments.get(self.open).and_then(Option::as_ref);
        let open_rest = open.map_or(0, |segment| SEGMENT_WORDS - segment.used);
        self.segments_held * SEGMENT_WORDS - self.words_live - open_rest
    }

    /// Words that living blobs use.
    pub const fn words_live(&self) -> usize {
        self.words_live
    }

    /// Segments held.
    pub fn segments(&self) -> usize {
        self.segments_held
    }

    fn segment(&self, number: usize) -> &Segment {
        expect_held_ref(&self.segments[number])
    }

    fn segment_mut(&mut self, number: usize) -> &mut Segment {
        expect_held(&mut self.segments[number])
    }

    fn body(&self, handle: Handle) -> &[u8] {
        let (number, at) = place(handle);
        let end = at + self.header(handle).words_occupied();
        bytemuck::cast_slice(&self.segment(number).words[at + HEADER_WORDS..end])
    }

    fn body_mut(&mut self, handle: Handle) -> &mut [u8] {
        let (number, at) = place(handle);
        let end = at + self.header(handle).words_occupied();
        bytemuck::cast_slice_mut(&mut self.segment_mut(number).words[at + HEADER_WORDS..end])
    }

    fn claim(&mut self, words: usize) -> (usize, usize) {
        let number = self.open;
        let segment = self.segment_mut(number);
        let at = segment.used;
        assert!(at + words <= SEGMENT_WORDS, "the caller made room");
        segment.used += words;
        segment.live += words;
        self.words_live += words;
        (number, at)
    }

    fn count_live(&mut self, number: usize, grown: usize, freed: usize) {
        let segment = self.segment_mut(number);
        segment.live = segment.live + grown - freed;
        self.words_live = self.words_live + grown - freed;
    }

    fn forget(&mut self, pool: &Pool, handle: Handle) {
        let needed = self.header(handle).words_needed();
        self.header_mut(handle).words |= FREED;
        let (number, _) = place(handle);
        self.count_live(number, 0, needed);
        if self.segment(number).live > 0 {
            return;
        }
        if number == self.open {
            self.segment_mut(number).used = 0;
        } else {
            self.release(pool, number);
        }
    }

    /// Gives back the open segment if nothing lives in it.
    fn seal(&mut self, pool: &Pool) {
        let open = self.open;
        let empty = self
            .segments
            .get(open)
            .and_then(Option::as_ref)
            .is_some_and(|s| s.live == 0);
        if empty {
            self.release(pool, open);
        }
        self.open = usize::MAX;
    }

    fn release(&mut self, pool: &Pool, number: usize) {
        let segment = self.segments[number]
            .take()
            .expect("a held segment is released once");
        self.vacant.push(number as u32);
        self.segments_held -= 1;
        pool.return_segment(segment.words);
    }

    fn place_outside(&mut self, pool: &Pool, content: &Content<'_>) -> u32 {
        pool.add(content.outside_bytes());
        let value = Some(Arc::from(content.value));
        if let Some(slot) = self.outside_vacant.pop() {
            self.outside[slot as usize] = value;
            slot
        } else {
            self.outside.push(value);
            (self.outside.len() - 1) as u32
        }
    }

    fn drop_outside(&mut self, pool: &Pool, handle: Handle) {
        let header = self.header(handle);
        if header.is(OUTSIDE) {
            let bytes = header.value_len() + OUTSIDE_OVERHEAD;
            let slot = outside_slot(&self.body(handle)[header.value_at()..]);
            self.outside[slot] = None;
            self.outside_vacant.push(slot as u32);
            pool.subtract(bytes);
        }
    }
}

fn expect_held(segment: &mut Option<Segment>) -> &mut Segment {
    segment.as_mut().expect("a handle names a held segment")
}

fn expect_held_ref(segment: &Option<Segment>) -> &Segment {
    segment.as_ref().expect("a handle names a held segment")
}

const fn place(handle: Handle) -> (usize, usize) {
    (
        (handle >> OFFSET_BITS) as usize,
        handle as usize & (SEGMENT_WORDS - 1),
    )
}

const fn handle_of(number: usize, at: usize) -> Handle {
    (number << OFFSET_BITS | at) as Handle
}

fn outside_slot(bytes: &[u8]) -> usize {
    u32::from_le_bytes(*bytes.first_chunk().expect("an outside slot is 4 bytes")) as usize
}

fn write_body(body: &mut [u8], content: &Content<'_>, outside: Option<u32>) {
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        body[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    if let Some(cas) = content.own_cas {
        put(&cas.to_le_bytes());
    }
    put(content.key);
    match outside {
        Some(slot) => put(&slot.to_le_bytes()),
        None => put(content.value),
    }
}
