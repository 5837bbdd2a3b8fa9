//! What the store holds, summed over its shards.

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
    /// Bytes in use: segments, outside values, hash buckets.
    pub bytes: u64,
    /// The memory limit in bytes.
    pub limit: u64,
    /// Hash buckets.
    pub buckets: u64,
}

impl Store {
    /// Sums all shards, one lock at a time.
    pub fn statistics(&self) -> Statistics {
        let mut sum = Statistics {
            bytes: self.commons.pool.used() as u64,
            limit: self.commons.pool.limit() as u64,
            ..Statistics::default()
        };
        for shard in &self.shards {
            let shard = shard.0.lock();
            sum.counters.add(&shard.counters);
            sum.items += shard.items() as u64;
            sum.tombstones += shard.tombstone_count as u64;
            sum.buckets += shard.table.buckets() as u64;
        }
        sum
    }

    /// Starts all counts anew (`stats reset`).
    pub fn reset_counters(&self) {
        for shard in &self.shards {
            shard.0.lock().counters = Counters::default();
        }
    }
}
