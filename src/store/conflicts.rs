//! Conflicts: a key changed on both hosts, neither knowing of the other's change.
//!
//! Each is counted on one host, and told to the other. The one whose newer change stays counts
//! when the older one arrives. If the older one was overwritten before it was sent, the other host
//! never sees it: then it is counted where it was lost. What was on its way is counted there only
//! if the connection breaks before it is acknowledged.

use super::Store;
use super::blob::{FROM_PEER, Handle, TOMBSTONE};
use super::shard::Shard;
use crate::command::{Conflicts, Mutation};

impl Store {
    /// Conflicts counted here.
    pub fn conflicts(&self) -> Conflicts {
        let mut sum = Conflicts::default();
        for shard in &self.shards {
            let counters = shard.0.lock().counters;
            sum.lost += counters.conflicts_lost;
            sum.won += counters.conflicts_won;
        }
        sum
    }
}

impl Shard {
    /// A change of the peer is older than what is here.
    pub fn note_won(&mut self, handle: Handle, mutation: &Mutation<'_>) {
        let newer = self.arena.header(handle).version > mutation.version();
        if newer && self.is_unknown_change(handle, mutation) {
            self.counters.conflicts_won += 1;
        }
    }

    /// A change of the peer is newer than what is here.
    pub fn note_lost(&mut self, handle: Handle, mutation: &Mutation<'_>) {
        if !self.is_unknown_change(handle, mutation) {
            return;
        }
        let change = self.arena.header(handle).change;
        if change > self.cursors.sent {
            self.counters.conflicts_lost += 1;
        } else {
            self.contested.push(change);
        }
    }

    /// The peer has got changes up to `position`, and counted what was contested among them.
    pub fn settle_contested(&mut self, position: u64) {
        if !self.contested.is_empty() {
            self.contested.retain(|change| *change > position);
        }
    }

    /// The connection that carried them is gone: the peer never gets what it has not acknowledged.
    pub fn count_contested(&mut self) {
        self.counters.conflicts_lost += self.contested.len() as u64;
        self.contested.clear();
    }

    /// A change made here that the peer has not acknowledged. Two removals do not contradict.
    fn is_unknown_change(&self, handle: Handle, mutation: &Mutation<'_>) -> bool {
        let header = self.arena.header(handle);
        let both_removed = header.is(TOMBSTONE) && matches!(mutation, Mutation::Tombstone { .. });
        !both_removed && !header.is(FROM_PEER) && header.change > self.cursors.acknowledged
    }
}
