//! What the store holds, summed over its shards.

use super::blob::{Handle, NIL};
use super::clock::unix_ms_of;
use super::pool::{SEGMENT_BYTES, SEGMENT_WORDS};
use super::{Counters, Store};

/// A summary of the store.
#[derive(Clone, Copy, Default, Debug)]
pub struct Statistics {
    /// What happened since start.
    pub counters: Counters,
    /// Live items, expired ones not yet reclaimed among them.
    pub items: u64,
    /// Tombstones kept for the peer.
    pub tombstones: u64,
    /// Bytes of the segments in use.
    pub bytes: u64,
    /// Bytes of items and tombstones alone: headers, keys and values.
    pub item_bytes: u64,
    /// Bytes held from the system: what is in use, and segments that wait for reuse.
    pub held_bytes: u64,
    /// The memory limit in bytes.
    pub limit: u64,
    /// Hash buckets.
    pub buckets: u64,
    /// Bytes of the hash buckets.
    pub bucket_bytes: u64,
    /// Segments in use.
    pub segments: u64,
    /// Words of 8 bytes in a segment.
    pub segment_words: u64,
    /// Words in segments that items, tombstones and hash buckets use.
    pub words: u64,
    /// Seconds since zero of the last use of the item that is longest unused.
    pub oldest_use_s: Option<u32>,
    /// For how many seconds the item evicted last had not been used.
    pub evicted_idle_s: u32,
    /// Seconds since zero of the flush watermark's time; `None` if nothing was ever flushed.
    pub flushed_at_s: Option<u64>,
}

impl Statistics {
    /// Segments that wait for reuse.
    pub const fn idle_segments(&self) -> u64 {
        self.held_bytes.saturating_sub(self.bytes) / SEGMENT_BYTES as u64
    }
}

impl Store {
    /// Sums all shards, one lock at a time.
    pub fn statistics(&self) -> Statistics {
        let pool = &self.commons.pool;
        let mut sum = Statistics {
            bytes: pool.used() as u64,
            held_bytes: (pool.used() + pool.idle_bytes()) as u64,
            limit: pool.limit() as u64,
            segment_words: SEGMENT_WORDS as u64,
            flushed_at_s: self.flushed_at_s(),
            ..Statistics::default()
        };
        let (mut last_eviction, mut pages_bytes) = ((0, 0), 0);
        for shard in &self.shards {
            let shard = shard.0.lock();
            sum.counters.add(&shard.counters);
            sum.items += shard.items() as u64;
            sum.tombstones += shard.tombstone_count as u64;
            sum.buckets += shard.table.buckets() as u64;
            pages_bytes += shard.table.page_bytes() as u64;
            sum.segments += shard.arena.segments() as u64;
            sum.words += shard.arena.words_live() as u64;
            last_eviction = last_eviction.max(shard.last_eviction.unwrap_or_default());
            let oldest = Some(shard.lru.front).filter(|front| *front != NIL);
            let oldest_use = oldest.map(|oldest| shard.arena.header(oldest).used_at);
            sum.oldest_use_s = [sum.oldest_use_s, oldest_use].into_iter().flatten().min();
        }
        sum.evicted_idle_s = last_eviction.1;
        sum.item_bytes = sum.words * 8 - pages_bytes;
        sum.bucket_bytes = sum.buckets * size_of::<Handle>() as u64;
        sum
    }

    /// Starts all counts anew (`stats reset`).
    pub fn reset_counters(&self) {
        for shard in &self.shards {
            shard.0.lock().counters = Counters::default();
        }
    }

    fn flushed_at_s(&self) -> Option<u64> {
        let watermark = Some(self.watermark()).filter(|watermark| *watermark > 0)?;
        Some(unix_ms_of(watermark).saturating_sub(self.zero_unix_ms) / 1000)
    }
}
