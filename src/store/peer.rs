//! The store as the replication machine uses it.

use std::sync::atomic::Ordering;

use vrrp::time::Instant;

use super::Store;
use super::changes::Dropped;
use super::clock::UNIX_MS_MAX;
use super::limit::RELIEF_ROUNDS;
use super::pool::SEGMENT_BYTES;
use super::recency::RECENCY_ROUNDS;
use crate::command::{Applied, Mutation, Record, Version};

/// What one walk along a shard's change list came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Walk {
    /// Applying all that was handed out brings the peer to this position.
    pub position: u64,
    /// Whether more waits to be sent.
    pub more: bool,
    /// The position stays where it is until the peer has compared.
    pub comparison_due: bool,
}

impl Store {
    /// Which of the two nodes this is; part of every version from now on.
    pub fn set_node_bit(&self, bit: bool) {
        self.node_bit.store(u64::from(bit), Ordering::Relaxed);
    }

    /// A clock heard from the peer, in Unix milliseconds. Versions from now on keep up with it,
    /// so that what is written here once the peer is gone is newer than what it wrote before. A
    /// clock beyond [`UNIX_MS_MAX`] is followed up to there, or versions would reach their end.
    pub fn raise_clock(&self, now: Instant, unix_ms: u64) {
        let ahead_ms = unix_ms.min(UNIX_MS_MAX).saturating_sub(self.unix_ms(now));
        self.clock_ahead_ms.fetch_max(ahead_ms, Ordering::Relaxed);
    }

    /// Number of the last change of each shard.
    pub fn positions(&self) -> Vec<u64> {
        self.shards
            .iter()
            .map(|shard| shard.0.lock().cursors.last)
            .collect()
    }

    /// Number of the last change of each shard that the peer did not make itself.
    pub fn own_positions(&self) -> Vec<u64> {
        let shards = self.shards.iter();
        shards
            .map(|shard| shard.0.lock().cursors.last_own)
            .collect()
    }

    /// A peer is connected: each shard is sent from the given position on, or from its head where
    /// that is 0. `new_boot`: this boot of the peer was not met before, it has nothing of us.
    /// Marks every shard with something to send.
    pub fn attach_peer(&self, positions: &[u64], new_boot: bool) {
        for (index, shard) in self.shards.iter().enumerate() {
            let mut shard = shard.0.lock();
            let position = if new_boot {
                0
            } else {
                positions.get(index).copied().unwrap_or(0)
            };
            shard.attach_peer(&self.commons, position, new_boot);
            self.acknowledged.set(index, shard.vouched());
            if shard.has_unsent() {
                self.mark_dirty(index);
            }
        }
    }

    /// The shards with changes to send since the last call, in order.
    pub fn take_dirty(&self, mut each: impl FnMut(usize)) {
        for (word_index, word) in self.dirty.iter().enumerate() {
            if word.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let mut bits = word.swap(0, Ordering::AcqRel);
            while bits != 0 {
                each(word_index * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }

    /// Whether any shard has changes to send.
    pub fn has_dirty(&self) -> bool {
        self.dirty
            .iter()
            .any(|word| word.load(Ordering::Acquire) != 0)
    }

    /// Hands out changes of one shard from where the last walk ended, until `emit` returns false
    /// or `steps` list entries were looked at.
    pub fn walk(
        &self,
        now: Instant,
        shard: usize,
        steps: usize,
        emit: impl FnMut(Record<'_>) -> bool,
    ) -> Walk {
        let mut locked = self.shards[shard].0.lock();
        let position = locked.send(&self.commons, &self.moment(now), steps, emit);
        Walk {
            position,
            more: locked.has_unsent(),
            comparison_due: locked.cursors.comparison_due,
        }
    }

    /// The peer has applied everything of this shard up to `position`. False if that was never
    /// sent: the peer is confused.
    pub fn acknowledge(&self, shard: usize, position: u64) -> bool {
        let Some(locked) = self.shards.get(shard) else {
            return false;
        };
        let mut locked = locked.0.lock();
        if position > locked.cursors.sent {
            return false;
        }
        locked.acknowledge(&self.commons, position);
        // A reply that has left cannot be taken back.
        let vouched = locked.vouched().max(self.acknowledged.position(shard));
        self.acknowledged.set(shard, vouched);
        true
    }

    /// The peer has echoed this flush watermark.
    pub fn acknowledge_watermark(&self, watermark: Version) {
        self.acknowledged.set(self.shards.len(), watermark);
    }

    /// Applies a mutation of the peer.
    pub fn apply(&self, now: Instant, mutation: &Mutation<'_>) -> Applied {
        let hash = self.commons.hash(mutation.key());
        let mut rounds = 0;
        loop {
            let (index, mut shard) = self.lock(hash);
            let moment = self.moment(now);
            let before = shard.cursors.last_own;
            let applied = shard.apply(&self.commons, &moment, hash, mutation);
            self.mark_if_changed(index, before, &shard);
            let segments = match mutation {
                Mutation::Item { value, .. } => value.len() / SEGMENT_BYTES + 2,
                Mutation::Tombstone { .. } | Mutation::Touch { .. } => 1,
            };
            drop(shard);
            if applied != Applied::Refused {
                return applied;
            }
            if rounds == RELIEF_ROUNDS {
                self.lock(hash).1.counters.peer_refused += 1;
                return applied;
            }
            rounds = if self.relieve(&moment, index, segments) {
                rounds + 1
            } else {
                RELIEF_ROUNDS
            };
        }
    }

    /// The peer holds an item that is too large for this node: an older one here goes.
    pub fn refuse(&self, key: &[u8], version: Version) {
        let hash = self.commons.hash(key);
        let (_, mut shard) = self.lock(hash);
        shard.refuse_version(&self.commons, hash, key, version);
    }

    /// The peer lacks the value of a touched item.
    pub fn send_whole(&self, key: &[u8]) {
        let hash = self.commons.hash(key);
        let (index, mut shard) = self.lock(hash);
        shard.send_whole(&self.commons, hash, key);
        self.mark_dirty(index);
    }

    /// Keys read here, for the peer's LRU: a length byte before each key. Goes from shard to shard,
    /// beginning with `first`, until `bytes_max` bytes are together, and returns where to begin the
    /// next time. What a shard collects meanwhile is bounded there.
    pub fn take_hints(&self, first: usize, bytes_max: usize, hints: &mut Vec<u8>) -> usize {
        for step in 0..self.shards.len() {
            let index = (first + step) % self.shards.len();
            let mut shard = self.shards[index].0.lock();
            if hints.len() + shard.hints.len() > bytes_max {
                return index;
            }
            hints.append(&mut shard.hints);
        }
        first
    }

    /// Steps of [`Store::keys_by_recency`].
    pub const fn recency_steps(&self) -> usize {
        RECENCY_ROUNDS * self.shards.len()
    }

    /// Some keys, a length byte before each: step by step those of all shards, least recently used
    /// first. A new boot of the peer gets them after its copy, so that it evicts what we would.
    pub fn keys_by_recency(&self, step: usize) -> Vec<u8> {
        let (round, shard) = (step / self.shards.len(), step % self.shards.len());
        self.shards[shard].0.lock().keys_of_round(round)
    }

    /// A key that was read on the peer.
    pub fn apply_hint(&self, now: Instant, key: &[u8]) {
        let (_, mut shard) = self.lock(self.commons.hash(key));
        shard.apply_hint(&self.commons, &self.moment(now), key);
    }

    /// Tombstones were forgotten that the peer has not seen: it has to compare.
    pub fn comparison_due(&self) -> bool {
        self.shards
            .iter()
            .any(|shard| shard.0.lock().cursors.comparison_due)
    }

    /// Lets every shard be walked from its head, listing what the peer need not be sent. Returns
    /// the highest version of a forgotten tombstone.
    pub fn begin_comparison(&self) -> Version {
        let mut forgotten = 0;
        for (index, shard) in self.shards.iter().enumerate() {
            let mut shard = shard.0.lock();
            shard.begin_comparison();
            forgotten = forgotten.max(shard.cursors.forgotten_version);
            self.mark_dirty(index);
        }
        forgotten
    }

    /// Whether any shard has still keys to list.
    pub fn is_listing(&self) -> bool {
        self.shards
            .iter()
            .any(|shard| shard.0.lock().cursors.listing)
    }

    /// A comparison was cut off: it has to be repeated.
    pub fn request_comparison(&self) {
        self.shards[0].0.lock().cursors.comparison_due = true;
    }

    /// The peer listed this key in its comparison of that number, which is above those before.
    /// Marks of earlier ones are taken off shard by shard, as they are met.
    pub fn mark_listed(&self, comparison: u64, key: &[u8]) {
        let hash = self.commons.hash(key);
        let (_, mut shard) = self.lock(hash);
        shard.begin_listing(comparison);
        if let Some(handle) = shard.table.find(&shard.arena, hash, key) {
            shard.arena.front_mut(handle).set_listed(true);
        }
    }

    /// The peer has listed all its keys: what it had of this shard when it began, with what was
    /// `acknowledged` then, and did not list is gone.
    pub fn drop_unlisted(
        &self,
        shard: usize,
        comparison: u64,
        acknowledged: u64,
        forgotten: Version,
    ) -> Dropped {
        let mut shard = self.shards[shard].0.lock();
        shard.begin_listing(comparison);
        shard.drop_unlisted(&self.commons, acknowledged, forgotten)
    }

    /// Changes not yet acknowledged by the peer, over all shards.
    pub fn changes_unacknowledged(&self) -> u64 {
        self.shards
            .iter()
            .map(|shard| {
                let cursors = shard.0.lock().cursors;
                cursors.last_own.saturating_sub(cursors.acknowledged)
            })
            .sum()
    }

    /// Whether the peer has acknowledged every change of ours.
    pub fn is_acknowledged(&self) -> bool {
        self.shards.iter().all(|shard| {
            let cursors = shard.0.lock().cursors;
            cursors.acknowledged >= cursors.last_own
        })
    }

    /// Shards that list changes of the peer itself beyond what it has been told: it learns with
    /// the next heartbeat that there is nothing for it.
    pub fn mark_lagging(&self) {
        for (index, shard) in self.shards.iter().enumerate() {
            if shard.0.lock().has_unsent() {
                self.mark_dirty(index);
            }
        }
    }
}
