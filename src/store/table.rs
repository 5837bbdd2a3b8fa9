//! Linear hashing: a table of chains that grows and shrinks by one bucket at a time, so that no
//! insertion ever waits for millions of items to be rehashed.

use super::arena::{Arena, Handle, NIL};
use super::pool::Pool;

const BUCKETS_MIN: usize = 16;
/// Buckets are reserved in steps of a quarter, so that little is allocated in vain.
const RESERVE_STEP: usize = 4;

/// Hash of a key, seeded by the store.
pub(super) type Hash = u64;

/// Buckets of one shard. The chains run through the items.
pub(super) struct Table {
    buckets: Vec<Handle>,
    /// Keys in the table.
    len: usize,
}

impl Table {
    pub fn new(pool: &Pool) -> Table {
        let buckets = vec![NIL; BUCKETS_MIN];
        pool.add(buckets.capacity() * size_of::<Handle>());
        Table { buckets, len: 0 }
    }

    /// Keys in the table.
    pub const fn len(&self) -> usize {
        self.len
    }

    pub fn find(&self, arena: &Arena, hash: Hash, key: &[u8]) -> Option<Handle> {
        let mut at = self.buckets[self.bucket_of(hash)];
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
        pool: &Pool,
        rehash: impl Fn(&[u8]) -> Hash,
        hash: Hash,
        handle: Handle,
    ) {
        self.push(arena, self.bucket_of(hash), handle);
        self.len += 1;
        if self.len > self.buckets.len() + self.buckets.len() / 4 {
            self.grow(arena, pool, rehash);
        }
    }

    /// The item moved from `old` to `new`, or `new` takes the place of `old`. `new` carries the
    /// chain's next link already.
    pub fn moved(&mut self, arena: &mut Arena, hash: Hash, old: Handle, new: Handle) {
        self.relink(arena, hash, old, new);
    }

    /// Takes an item out.
    pub fn remove(&mut self, arena: &mut Arena, pool: &Pool, hash: Hash, handle: Handle) {
        let next = arena.header(handle).bucket_next;
        self.relink(arena, hash, handle, next);
        self.len -= 1;
        if self.buckets.len() > BUCKETS_MIN && self.len < self.buckets.len() / 2 {
            self.shrink(arena, pool);
        }
    }

    /// Number of buckets, for a walk over all of them.
    pub const fn buckets(&self) -> usize {
        self.buckets.len()
    }

    /// Bytes of the buckets, as the pool counts them.
    pub fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Handle>()
    }

    /// The first item of a bucket, [`NIL`] where it is empty or there is no such bucket.
    pub fn first_of(&self, bucket: usize) -> Handle {
        self.buckets.get(bucket).copied().unwrap_or(NIL)
    }

    fn relink(&mut self, arena: &mut Arena, hash: Hash, old: Handle, heir: Handle) {
        let bucket = self.bucket_of(hash);
        let mut at = self.buckets[bucket];
        if at == old {
            self.buckets[bucket] = heir;
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
        let count = self.buckets.len();
        let power = 1usize << (usize::BITS - 1 - count.leading_zeros());
        let wide = hash as usize & (2 * power - 1);
        if wide < count {
            wide
        } else {
            wide & (power - 1)
        }
    }

    fn grow(&mut self, arena: &mut Arena, pool: &Pool, rehash: impl Fn(&[u8]) -> Hash) {
        if self.buckets.len() == self.buckets.capacity() {
            let step = self.buckets.len() / RESERVE_STEP;
            self.buckets.reserve_exact(step);
            pool.add(step * size_of::<Handle>());
        }
        let count = self.buckets.len();
        let power = 1usize << (usize::BITS - 1 - count.leading_zeros());
        self.buckets.push(NIL);
        let mut at = std::mem::replace(&mut self.buckets[count - power], NIL);
        while at != NIL {
            let next = arena.header(at).bucket_next;
            let bucket = self.bucket_of(rehash(arena.key(at)));
            self.push(arena, bucket, at);
            at = next;
        }
    }

    fn shrink(&mut self, arena: &mut Arena, pool: &Pool) {
        let mut at = self.buckets.pop().expect("more buckets than the fewest");
        let count = self.buckets.len();
        let power = 1usize << (usize::BITS - 1 - count.leading_zeros());
        while at != NIL {
            let next = arena.header(at).bucket_next;
            self.push(arena, count - power, at);
            at = next;
        }
        if self.buckets.capacity() > 2 * count {
            let before = self.buckets.capacity();
            self.buckets.shrink_to(count + count / RESERVE_STEP);
            pool.subtract((before - self.buckets.capacity()) * size_of::<Handle>());
        }
    }

    fn push(&mut self, arena: &mut Arena, bucket: usize, handle: Handle) {
        arena.header_mut(handle).bucket_next = self.buckets[bucket];
        self.buckets[bucket] = handle;
    }
}
