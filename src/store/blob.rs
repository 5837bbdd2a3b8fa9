//! What segments hold: items, the parts of values that are too large to stand in one, and the
//! pages of the hash table.
//!
//! An item is header, own cas, key and value in one piece. A value above [`INLINE_MAX`] is cut into
//! parts that may lie in any segment, each filled to whatever was free where it was written: the
//! item names the first part, each part its neighbours, so that whichever is moved, at most two
//! others have to be told. All blobs begin with the same word, [`Front`].

use bytemuck::{Pod, Zeroable};

use crate::command::Value;

/// Names a blob of one arena: segment number and word offset.
pub(super) type Handle = u32;
/// No blob.
pub(super) const NIL: Handle = u32::MAX;
/// Largest value in bytes that stands with its item, so that moving an item stays cheap.
pub(super) const INLINE_MAX: usize = 4 * 1024;

/// Words before the body of an item.
pub(super) const HEADER_WORDS: usize = size_of::<Header>() / 8;
/// Words before the bytes of a part.
pub(super) const PART_HEADER_WORDS: usize = size_of::<Part>() / 8;
/// A part is not begun where fewer words are free, unless it ends there: what the header of a part
/// takes of its space is bounded, and so is what is lost at the end of a segment.
const PART_WORDS_MIN: usize = 32;
/// Before the key of an item whose value is cut: cas unique, handle of the first part.
pub(super) const CUT_BYTES: usize = 12;

const FREED: u16 = 1 << 15;
const LISTED: u16 = 1 << 14;

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
/// The value is cut into parts. Such an item has room for a cas unique also where it has none.
pub(super) const CUT: u8 = 64;
/// The last change was a touch of a value that the peer has.
pub(super) const TOUCH_ONLY: u8 = 128;

/// Of what is no item: a page of hash buckets, not a part of a value.
const PAGE: u8 = 1;

/// What a blob is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A key, with its value or without.
    Item,
    /// A part of a value.
    Part,
    /// Buckets of the hash table.
    Page,
}

/// The first word of every blob.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Front {
    /// Bytes of the value, of this part of one, or of the buckets.
    length: u32,
    /// Words this blob occupies, also after it shrank, and [`FREED`] and [`LISTED`].
    words: u16,
    /// 0 tells a part or a page from an item.
    key_len: u8,
    pub marks: u8,
}

impl Front {
    pub fn of_item(content: &Content<'_>) -> Front {
        let cut = if content.is_cut() { CUT } else { 0 };
        Front {
            length: u32::try_from(content.value.len()).expect("values are below 4 GiB"),
            words: content.words() as u16,
            key_len: content.key.len() as u8,
            marks: cut | content.own_cas.map_or(0, |_| OWN_CAS),
        }
    }

    pub const fn of_part(length: usize) -> Front {
        Front {
            length: length as u32,
            words: part_words(length) as u16,
            key_len: 0,
            marks: 0,
        }
    }

    pub const fn of_page(bytes: usize) -> Front {
        Front {
            marks: PAGE,
            ..Front::of_part(bytes)
        }
    }

    pub const fn kind(&self) -> Kind {
        match (self.key_len, self.marks) {
            (0, PAGE) => Kind::Page,
            (0, _) => Kind::Part,
            _ => Kind::Item,
        }
    }

    /// Length in bytes of the value, or of this part of one.
    pub const fn length(&self) -> usize {
        self.length as usize
    }

    pub const fn set_length(&mut self, length: usize) {
        self.length = length as u32;
    }

    pub const fn is_freed(&self) -> bool {
        self.words & FREED != 0
    }

    pub const fn set_freed(&mut self) {
        self.words |= FREED;
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

    pub const fn words_occupied(&self) -> usize {
        (self.words & !(FREED | LISTED)) as usize
    }

    /// It occupies just what it needs from now on.
    pub const fn fit(&mut self) {
        self.words = self.words_needed() as u16 | self.words & LISTED;
    }

    /// The words it needs, which may be fewer than it occupies.
    pub const fn words_needed(&self) -> usize {
        if self.key_len == 0 {
            return part_words(self.length());
        }
        let value = if self.is_cut() { 0 } else { self.length() };
        HEADER_WORDS + (self.value_at() + value).div_ceil(8)
    }

    pub const fn is_cut(&self) -> bool {
        self.marks & CUT != 0
    }

    /// Where the key of an item begins, in bytes behind its header.
    pub const fn key_at(&self) -> usize {
        key_at(self.is_cut(), self.marks & OWN_CAS != 0)
    }

    /// Where the value of an item begins if it is not cut.
    pub const fn value_at(&self) -> usize {
        self.key_at() + self.key_len as usize
    }
}

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

/// What precedes every key.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Header {
    pub front: Front,
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
}

impl Header {
    /// An item in no list yet.
    pub const fn new(front: Front) -> Header {
        Header {
            front,
            version: 0,
            change: 0,
            lru: Links::NONE,
            changes: Links::NONE,
            bucket_next: NIL,
            deadline: 0,
            flags: 0,
            used_at: 0,
        }
    }

    pub const fn is(&self, mark: u8) -> bool {
        self.front.marks & mark != 0
    }

    /// Length of the value in bytes.
    pub const fn value_len(&self) -> usize {
        self.front.length()
    }
}

/// What precedes the bytes of a part, and of a page.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Part {
    pub front: Front,
    /// The part before it; of the first one the item itself; of a page its number.
    pub prev: Handle,
    pub next: Handle,
}

/// What a new item holds.
#[derive(Clone, Copy)]
pub(super) struct Content<'a> {
    pub key: &'a [u8],
    pub value: Value<'a>,
    pub own_cas: Option<u64>,
}

impl Content<'_> {
    /// Whether the value is too large to stand with its item.
    pub fn is_cut(&self) -> bool {
        self.value.len() > INLINE_MAX
    }

    /// Words of the item, parts excluded.
    pub fn words(&self) -> usize {
        let cut = self.is_cut();
        let value = if cut { 0 } else { self.value.len() };
        let body = key_at(cut, self.own_cas.is_some()) + self.key.len() + value;
        HEADER_WORDS + body.div_ceil(8)
    }
}

const fn key_at(cut: bool, own_cas: bool) -> usize {
    match (cut, own_cas) {
        (true, _) => CUT_BYTES,
        (false, true) => 8,
        (false, false) => 0,
    }
}

/// Words of a part with this many bytes.
pub(super) const fn part_words(length: usize) -> usize {
    PART_HEADER_WORDS + length.div_ceil(8)
}

/// How many of `left` bytes the part has that is written where `room` words are free. `None`: too
/// few are, it goes into a new segment.
pub(super) fn part_length(room: usize, left: usize) -> Option<usize> {
    let needed = part_words(left);
    if needed <= room {
        return Some(left);
    }
    (room >= PART_WORDS_MIN).then(|| (room - PART_HEADER_WORDS) * 8)
}
