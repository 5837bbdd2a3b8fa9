//! How far the peer is behind, for people.

use super::Store;
use super::blob::{Handle, NIL};
use super::shard::Shard;

/// List entries looked at over all shards for one answer; what lies beyond is estimated.
const STEPS: usize = 1024;
/// List entries looked at in one shard at least.
const STEPS_MIN: usize = 2;

/// What the peer has not acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lag {
    /// Changes. A key that changed twice counts twice, although it will be sent once.
    pub changes: u64,
    /// Bytes of keys and values to send, exact up to some hundred items and estimated from the
    /// oldest ones beyond.
    pub bytes: u64,
}

impl Store {
    /// Changes of the peer that were not stored here: too large, or no memory.
    pub fn refused(&self) -> u64 {
        let counters = self
            .shards
            .iter()
            .map(|shard| shard.0.lock().counters.peer_refused);
        counters.sum()
    }

    /// The number of the last change, and that of the last one which the peer has acknowledged,
    /// each summed over all shards.
    pub fn position(&self) -> (u64, u64) {
        let cursors = self.shards.iter().map(|shard| shard.0.lock().cursors);
        cursors.fold((0, 0), |(last, acknowledged), cursors| {
            (last + cursors.last, acknowledged + cursors.acknowledged)
        })
    }

    /// What the peer has not acknowledged of the changes made here; a flush counts as one.
    pub fn lag(&self) -> Lag {
        let slot = self.acknowledged.watermark_slot() as usize;
        let flush = u64::from(self.acknowledged.position(slot) < self.watermark());
        let behind = |shard: &Shard| {
            let cursors = shard.cursors;
            cursors.last_own.saturating_sub(cursors.acknowledged)
        };
        let shards: Vec<u64> = self
            .shards
            .iter()
            .map(|shard| behind(&shard.0.lock()))
            .collect();
        let lagging = shards.iter().filter(|changes| **changes > 0).count();
        let steps = (STEPS / lagging.max(1)).max(STEPS_MIN);
        let bytes = self
            .shards
            .iter()
            .zip(&shards)
            .filter(|(_, changes)| **changes > 0);
        Lag {
            changes: flush + shards.iter().sum::<u64>(),
            bytes: bytes
                .map(|(shard, _)| shard.0.lock().bytes_behind(steps))
                .sum(),
        }
    }
}

impl Shard {
    /// Bytes of what the peer has not acknowledged, from at most `steps` list entries.
    fn bytes_behind(&self, steps: usize) -> u64 {
        let mut at = self.cursors.next_to_acknowledge;
        let (mut bytes, mut reached) = (0, self.cursors.acknowledged);
        for _ in 0..steps {
            if at == NIL {
                return bytes;
            }
            bytes += self.bytes_to_send(at);
            reached = self.arena.header(at).change;
            at = self.changes.next(&self.arena, at);
        }
        let seen = reached.saturating_sub(self.cursors.acknowledged).max(1);
        let all = self
            .cursors
            .last_own
            .saturating_sub(self.cursors.acknowledged);
        (u128::from(bytes) * u128::from(all.max(seen)) / u128::from(seen)) as u64
    }

    fn bytes_to_send(&self, handle: Handle) -> u64 {
        if self.is_withheld(handle) {
            return 0;
        }
        (self.arena.key(handle).len() + self.arena.header(handle).value_len()) as u64
    }
}
