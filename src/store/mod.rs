//! The store: shards under one lock each, and what they share.
//!
//! It knows no protocol, no socket and no clock: every call says what time it is. It is its own
//! replication log (`changes.rs`) and keeps the place where connections see how far the peer has
//! followed ([`Acknowledged`]).

mod acknowledged;
mod apply;
mod arena;
mod arithmetic;
mod blob;
mod changes;
pub mod clock;
mod conflicts;
mod counters;
mod deleting;
mod dump;
mod evicted;
mod flush;
mod lag;
mod limit;
mod list;
mod pages;
mod parts;
mod peer;
mod pool;
mod put;
mod reading;
mod recency;
mod removal;
mod replaced;
mod room;
mod shard;
mod statistics;
mod storing;
mod table;
#[cfg(test)]
mod tests;
mod touching;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use ahash::RandomState;
use parking_lot::{Mutex, MutexGuard};
use vrrp::time::Instant;

pub use self::acknowledged::Acknowledged;
use self::clock::Moment;
pub use self::counters::Counters;
pub use self::dump::{DumpCursor, DumpedItem};
pub use self::evicted::Evicted;
use self::evicted::EvictionLog;
use self::flush::DelayedFlush;
pub use self::lag::Lag;
use self::limit::RELIEF_ROUNDS;
use self::pool::Pool;
use self::shard::{Commons, NoRoom, Shard};
pub use self::statistics::Statistics;
use self::table::Hash;
use crate::command::{
    Arithmetic, Delete, ItemView, Outcome, Read, Store as StoreCommand, Ticket, Touch,
};

/// A shard is responsible for about this much memory, so that no walk over one takes long.
const SHARD_BYTES: usize = 4 << 20;
/// More shards than this would cost more in positions than they gain.
const SHARDS_MAX: usize = 4096;
/// Tombstones may take this fraction of the memory limit.
const TOMBSTONE_FRACTION: usize = 32;
/// What a store is made with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Memory for items in bytes: `-m`.
    pub memory: usize,
    /// Largest value in bytes: `-I`.
    pub item_size_max: usize,
    /// Worker threads; there are at least four shards for each.
    pub threads: usize,
    /// Seed of the table hash; unknown to clients.
    pub hash_seed: [u64; 4],
    /// Unix time of the zero of all instants, in milliseconds.
    pub zero_unix_ms: u64,
    /// Evict the least recently used item when memory runs out; otherwise refuse (`-M`).
    pub evict: bool,
    /// A peer is configured.
    pub replicated: bool,
}

/// All items of this node.
pub struct Store {
    shards: Box<[Padded]>,
    commons: Commons,
    zero_unix_ms: u64,
    /// How far the furthest clock heard of is ahead of ours, in milliseconds: versions made here
    /// follow it also while its owner is out of reach.
    clock_ahead_ms: AtomicU64,
    /// Items up to this version are flushed.
    watermark: AtomicU64,
    node_bit: AtomicU64,
    /// Shards with changes to send, one bit each.
    dirty: Box<[AtomicU64]>,
    acknowledged: Acknowledged,
    flush_due: Mutex<Option<DelayedFlush>>,
}

/// Keeps the locks of two shards off one cache line.
#[repr(align(128))]
struct Padded(Mutex<Shard>);

impl Store {
    /// An empty store.
    pub fn new(options: &Options) -> Store {
        let count = shard_count(options);
        let pool = Pool::new(options.memory);
        let shards = (0..count)
            .map(|_| Padded(Mutex::new(Shard::new())))
            .collect();
        let [a, b, c, d] = options.hash_seed;
        Store {
            shards,
            commons: Commons {
                pool,
                hasher: RandomState::with_seeds(a, b, c, d),
                replicated: options.replicated,
                evict: options.evict,
                tombstone_bytes_max: options.memory / TOMBSTONE_FRACTION / count,
                item_size_max: AtomicUsize::new(options.item_size_max),
                item_size_configured: options.item_size_max,
                evictions: EvictionLog::default(),
            },
            zero_unix_ms: options.zero_unix_ms.min(clock::UNIX_MS_MAX),
            clock_ahead_ms: AtomicU64::new(0),
            watermark: AtomicU64::new(0),
            node_bit: AtomicU64::new(0),
            dirty: (0..count.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            acknowledged: Acknowledged::new(count),
            flush_due: Mutex::new(None),
        }
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Bytes of the longest value that a peer may send: its own limit may not be known to it yet
    /// as the lower one, so what this node was configured with counts.
    pub fn value_bytes_max(&self) -> usize {
        self.commons.item_size_configured
    }

    /// The largest item in bytes: the lower limit of both nodes, once they have met.
    pub fn item_size_max(&self) -> usize {
        self.commons.item_size_max()
    }

    /// How far the peer has followed.
    pub fn acknowledged(&self) -> &Acknowledged {
        &self.acknowledged
    }

    /// Unix milliseconds of `now`, as this node reckons them.
    pub fn unix_ms(&self, now: Instant) -> u64 {
        self.zero_unix_ms + now.as_millis()
    }

    /// A retrieval of one key. `seen` is called once while the shard is locked.
    pub fn read<R>(
        &self,
        now: Instant,
        read: &Read<'_>,
        seen: impl FnOnce(Option<&ItemView<'_>>) -> R,
    ) -> (R, Option<Ticket>) {
        let hash = self.commons.hash(read.key);
        let (index, mut shard) = self.lock(hash);
        let moment = self.moment(now);
        let before = shard.cursors.last_own;
        let (result, changed) = shard.read(&self.commons, &moment, hash, read, seen);
        self.mark_if_changed(index, before, &shard);
        (result, changed.then(|| self.ticket(index, &shard)))
    }

    /// A store in any mode.
    pub fn store(&self, now: Instant, store: &StoreCommand<'_>) -> (Outcome, Ticket) {
        self.mutate(now, store.key, |shard, commons, moment, hash| {
            shard.store(commons, moment, hash, store)
        })
    }

    /// A delete.
    pub fn delete(&self, now: Instant, delete: &Delete<'_>) -> (Outcome, Ticket) {
        self.mutate(now, delete.key, |shard, commons, moment, hash| {
            shard.delete(commons, moment, hash, delete)
        })
    }

    /// incr or decr.
    pub fn arithmetic(&self, now: Instant, arithmetic: &Arithmetic<'_>) -> (Outcome, Ticket) {
        self.mutate(now, arithmetic.key, |shard, commons, moment, hash| {
            shard.arithmetic(commons, moment, hash, arithmetic)
        })
    }

    /// A touch without a value in its answer.
    pub fn touch(&self, now: Instant, touch: &Touch<'_>) -> (Outcome, Ticket) {
        self.mutate(now, touch.key, |shard, commons, moment, hash| {
            shard.touch(commons, moment, hash, touch)
        })
    }

    /// A store of this key was refused as too large: its old value goes (memcached behaviour).
    pub fn forget(&self, now: Instant, key: &[u8]) -> Ticket {
        let (_, ticket) = self.mutate(now, key, |shard, commons, moment, hash| {
            shard.counters.store_too_large += 1;
            shard.forget(commons, moment, hash, key);
            Ok(Outcome::TooLarge)
        });
        ticket
    }

    /// Reclaims expired items in one shard, looking at `buckets` buckets. True when the pass has
    /// gone through the whole shard.
    pub fn reap(&self, now: Instant, shard: usize, buckets: usize) -> bool {
        let mut locked = self.shards[shard].0.lock();
        let moment = self.moment(now);
        let before = locked.cursors.last_own;
        let ended = locked.reap(&self.commons, &moment, buckets);
        self.mark_if_changed(shard, before, &locked);
        ended
    }

    /// The peer is configured to take items up to this size. If that is less, neither are larger
    /// ones taken here, so that nothing is lost on it; the next peer may be configured otherwise.
    pub fn heed_item_size_max(&self, bytes: usize) {
        let lower = self.commons.item_size_configured.min(bytes);
        self.commons.item_size_max.store(lower, Ordering::Relaxed);
    }

    fn mutate(
        &self,
        now: Instant,
        key: &[u8],
        mut change: impl FnMut(&mut Shard, &Commons, &Moment, Hash) -> Result<Outcome, NoRoom>,
    ) -> (Outcome, Ticket) {
        let hash = self.commons.hash(key);
        let mut rounds = 0;
        loop {
            let (index, mut shard) = self.lock(hash);
            let moment = self.moment(now);
            let (before, counted) = (shard.cursors.last_own, shard.counters);
            let outcome = match change(&mut shard, &self.commons, &moment, hash) {
                Ok(outcome) => outcome,
                Err(NoRoom { segments }) if rounds < RELIEF_ROUNDS => {
                    shard.counters.take_back_command(&counted);
                    drop(shard);
                    rounds = if self.relieve(&moment, index, segments) {
                        rounds + 1
                    } else {
                        RELIEF_ROUNDS
                    };
                    continue;
                }
                Err(NoRoom { .. }) => {
                    shard.counters.store_no_memory += 1;
                    shard.forget(&self.commons, &moment, hash, key);
                    Outcome::OutOfMemory
                }
            };
            self.mark_if_changed(index, before, &shard);
            return (outcome, self.ticket(index, &shard));
        }
    }

    fn lock(&self, hash: Hash) -> (usize, MutexGuard<'_, Shard>) {
        // The table uses the low bits, so shards take the high ones.
        let index = (hash >> 32) as usize & (self.shards.len() - 1);
        (index, self.shards[index].0.lock())
    }

    fn moment(&self, now: Instant) -> Moment {
        let moment = Moment::new(now, self.zero_unix_ms);
        let ahead_ms = self.clock_ahead_ms.load(Ordering::Relaxed);
        Moment {
            clock: moment.clock.saturating_add(clock::version_at(ahead_ms)),
            watermark: self.watermark.load(Ordering::Acquire),
            node_bit: self.node_bit.load(Ordering::Relaxed),
            ..moment
        }
    }

    fn ticket(&self, index: usize, shard: &Shard) -> Ticket {
        Ticket {
            shard: index as u32,
            change: shard.cursors.last_own,
        }
    }

    fn mark_if_changed(&self, index: usize, before: u64, shard: &Shard) {
        if shard.cursors.last_own != before {
            self.mark_dirty(index);
        }
    }

    fn mark_dirty(&self, index: usize) {
        let (word, bit) = (&self.dirty[index / 64], 1 << (index % 64));
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::AcqRel);
        }
    }
}

fn shard_count(options: &Options) -> usize {
    let by_memory = options.memory / SHARD_BYTES;
    let by_threads = (4 * options.threads).min(options.memory / (SHARD_BYTES / 4));
    by_memory
        .max(by_threads)
        .clamp(1, SHARDS_MAX)
        .next_power_of_two()
}
