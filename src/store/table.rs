//! Linear hashing: a table of chains that grows by eight buckets at a time and shrinks by one, so
//! that no insertion ever waits for millions of items to be rehashed.
//!
//! Buckets stand in pages, and pages in segments like everything else: what they take is within
//! the memory limit, and returns to the common pool. A page that finds no room in the open segment
//! waits for the next one; until then chains are a little longer.

use super::arena::Arena;
use super::blob::{Handle, NIL, part_words};
use super::pool::Pool;

/// Buckets that every table has, outside of pages.
const BUCKETS_MIN: usize = 16;
/// Buckets in a page.
const PAGE_BUCKETS: usize = 128;
/// Bytes of a page.
const PAGE_BYTES: usize = PAGE_BUCKETS * size_of::<Handle>();
/// Words of the buckets of a page.
const PAGE_WORDS: usize = PAGE_BYTES / 8;
/// Buckets that one insertion adds, once so many are due. The items of several buckets are fetched
/// from memory at the same time, so this costs hardly more than one.
const GROWTH_STEP: usize = 8;

/// Hash of a key, seeded by the store.
pub(super) type Hash = u64;

/// Buckets of one shard. The chains run through the items.
pub(super) struct Table {
    first: [Handle; BUCKETS_MIN],
    pages: Vec<Handle>,
    /// Buckets in use.
    count: usize,
    /// Keys in the table.
    len: usize,
}

impl Table {
    pub const fn new() -> Table {
        Table {
            first: [NIL; BUCKETS_MIN],
            pages: Vec::new(),
            count: BUCKETS_MIN,
            len: 0,
        }
    }

    /// Keys in the table.
    pub const fn len(&self) -> usize {
        self.len
    }

    pub fn find(&self, arena: &Arena, hash: Hash, key: &[u8]) -> Option<Handle> {
        let mut at = self.bucket(arena, self.bucket_of(hash));
        while at != NIL {
            if arena.key(at) == key {
                return Some(at);
            }
            at = arena.header(at).bucket_next;
        }
        None
    }

    pub fn insert(
        &mut self,
        arena: &mut Arena,
        rehash: impl Fn(&[u8]) -> Hash,
        hash: Hash,
        handle: Handle,
    ) {
        self.push(arena, self.bucket_of(hash), handle);
        self.len += 1;
        if self.len > self.count + self.count / 4 + GROWTH_STEP {
            self.fetch_to_grow(arena);
            for _ in 0..GROWTH_STEP {
                if !self.grow(arena, &rehash) {
                    break;
                }
            }
        }
    }

    /// The item moved from `old` to `new`, or `new` takes the place of `old`. `new` carries the
    /// chain's next link already.
    pub fn moved(&mut self, arena: &mut Arena, hash: Hash, old: Handle, new: Handle) {
        self.relink(arena, hash, old, new);
    }

    /// A page of buckets moved to `new`.
    pub fn page_moved(&mut self, arena: &Arena, new: Handle) {
        self.pages[arena.page_number(new)] = new;
    }

    /// Takes an item out.
    pub fn remove(&mut self, arena: &mut Arena, pool: &Pool, hash: Hash, handle: Handle) {
        let next = arena.header(handle).bucket_next;
        self.relink(arena, hash, handle, next);
        self.len -= 1;
        if self.count > BUCKETS_MIN && self.len < self.count / 2 {
            self.shrink(arena, pool);
        }
    }

    /// Number of buckets, for a walk over all of them.
    pub const fn buckets(&self) -> usize {
        self.count
    }

    /// Bytes that the pages of buckets take in the arena.
    pub const fn page_bytes(&self) -> usize {
        self.pages.len() * part_words(PAGE_BYTES) * 8
    }

    /// The first item of a bucket, [`NIL`] where it is empty or there is no such bucket.
    pub fn first_of(&self, arena: &Arena, bucket: usize) -> Handle {
        if bucket < self.count {
            self.bucket(arena, bucket)
        } else {
            NIL
        }
    }

    fn bucket(&self, arena: &Arena, bucket: usize) -> Handle {
        match bucket.checked_sub(BUCKETS_MIN) {
            None => self.first[bucket],
            Some(paged) => {
                arena.page(self.pages[paged / PAGE_BUCKETS], PAGE_WORDS)[paged % PAGE_BUCKETS]
            }
        }
    }

    fn bucket_mut<'a>(&'a mut self, arena: &'a mut Arena, bucket: usize) -> &'a mut Handle {
        match bucket.checked_sub(BUCKETS_MIN) {
            None => &mut self.first[bucket],
            Some(paged) => {
                let page = arena.page_mut(self.pages[paged / PAGE_BUCKETS], PAGE_WORDS);
                &mut page[paged % PAGE_BUCKETS]
            }
        }
    }

    fn relink(&mut self, arena: &mut Arena, hash: Hash, old: Handle, heir: Handle) {
        let bucket = self.bucket_of(hash);
        let mut at = self.bucket(arena, bucket);
        if at == old {
            *self.bucket_mut(arena, bucket) = heir;
            return;
        }
        while arena.header(at).bucket_next != old {
            at = arena.header(at).bucket_next;
        }
        arena.header_mut(at).bucket_next = heir;
    }

    /// With `n` buckets and `p` the largest power of two not above it: a hash names one of `2p`
    /// places, of which those not split off yet lie `p` lower.
    fn bucket_of(&self, hash: Hash) -> usize {
        let power = 1usize << self.count.ilog2();
        let wide = hash as usize & (2 * power - 1);
        if wide < self.count {
            wide
        } else {
            wide & (power - 1)
        }
    }

    /// Reads the items of the buckets that are split next, chain by chain in turn: what each read
    /// waits for does not depend on the others, so the processor waits for all at once.
    fn fetch_to_grow(&self, arena: &Arena) {
        let power = 1usize << self.count.ilog2();
        let first = self.count - power;
        let mut items: [Handle; GROWTH_STEP] =
            std::array::from_fn(|step| self.bucket(arena, (first + step) & (power - 1)));
        while items.iter().any(|item| *item != NIL) {
            for item in items.iter_mut().filter(|item| **item != NIL) {
                std::hint::black_box(arena.key(*item).first());
                *item = arena.header(*item).bucket_next;
            }
        }
    }

    /// Adds a bucket and splits its chain off. False where there is no room for another page now.
    fn grow(&mut self, arena: &mut Arena, rehash: impl Fn(&[u8]) -> Hash) -> bool {
        let count = self.count;
        if (count - BUCKETS_MIN) / PAGE_BUCKETS == self.pages.len() {
            let Some(page) = arena.place_page(self.pages.len(), PAGE_BYTES) else {
                return false;
            };
            self.pages.push(page);
        }
        let power = 1usize << count.ilog2();
        self.count += 1;
        *self.bucket_mut(arena, count) = NIL;
        let mut at = std::mem::replace(self.bucket_mut(arena, count - power), NIL);
        while at != NIL {
            let next = arena.header(at).bucket_next;
            let bucket = self.bucket_of(rehash(arena.key(at)));
            self.push(arena, bucket, at);
            at = next;
        }
        true
    }

    fn shrink(&mut self, arena: &mut Arena, pool: &Pool) {
        let last = self.count - 1;
        let mut at = self.bucket(arena, last);
        self.count = last;
        let power = 1usize << last.ilog2();
        while at != NIL {
            let next = arena.header(at).bucket_next;
            self.push(arena, last - power, at);
            at = next;
        }
        if (last - BUCKETS_MIN).is_multiple_of(PAGE_BUCKETS) {
            let page = self.pages.pop().expect("the last bucket stood in a page");
            arena.forget(pool, page);
        }
    }

    fn push(&mut self, arena: &mut Arena, bucket: usize, handle: Handle) {
        let first = std::mem::replace(self.bucket_mut(arena, bucket), handle);
        arena.header_mut(handle).bucket_next = first;
    }
}
