//! A comparison, as the side that compares: the peer forgot tombstones and lists what it holds.
//!
//! What it does not list, though it once had it, was deleted there. Changes that arrive meanwhile
//! list their keys too. Positions wait until all is done, so that a comparison that is cut off is
//! repeated. Dropping goes in steps: the node has other things to do.

use super::receiving::Receiving;
use crate::command::{Mutation, Version};
use crate::store::Store;

/// Items looked at in one step, and the rest of a shard.
const STEP_ITEMS: usize = 2_048;

/// What is known of the comparison so far.
pub(super) struct Comparing {
    number: u64,
    forgotten: Version,
    /// What the peer had acknowledged of each shard of this store when it began. What it has
    /// acknowledged since, it may not have listed.
    acknowledged: Vec<u64>,
    /// Where the peer's shards are, to be told in the end.
    positions: Vec<u64>,
    /// Every key was listed; shards of this store from here on are still to be gone through.
    dropping: Option<usize>,
    dropped: usize,
}

impl Comparing {
    pub fn move_to(&mut self, shard: usize, position: u64) {
        self.positions[shard] = position;
    }
}

impl Receiving {
    /// The peer begins to list its keys; it forgot tombstones up to this version.
    pub fn begin_comparison(&mut self, store: &Store, forgotten: Version) {
        let acknowledged = store.acknowledged();
        let shards = 0..store.shards();
        self.comparisons += 1;
        self.comparing = Some(Comparing {
            number: self.comparisons,
            forgotten,
            acknowledged: shards.map(|shard| acknowledged.position(shard)).collect(),
            positions: self.applied.clone(),
            dropping: None,
            dropped: 0,
        });
    }

    /// The peer holds this key and need not send it.
    pub(super) fn mark_listed(&self, store: &Store, key: &[u8]) {
        if let Some(comparing) = &self.comparing {
            store.mark_listed(comparing.number, key);
        }
    }

    /// A change was applied or found older than what is here: either way the peer holds the key,
    /// unless the change is its removal.
    pub(super) fn mark_held(&self, store: &Store, mutation: &Mutation<'_>) {
        match mutation {
            Mutation::Tombstone { .. } => {}
            Mutation::Item { key, .. } | Mutation::Touch { key, .. } => {
                self.mark_listed(store, key);
            }
        }
    }

    /// Every key was listed: what was not, and was known to the peer, is about to go.
    pub fn end_listing(&mut self) {
        if let Some(comparing) = &mut self.comparing {
            comparing.dropping = Some(0);
        }
    }

    /// Whether [`Receiving::drop_some`] has something to do.
    pub fn is_dropping(&self) -> bool {
        self.comparing
            .as_ref()
            .is_some_and(|comparing| comparing.dropping.is_some())
    }

    /// One step after [`Receiving::end_listing`]. The number of keys that are gone once the last
    /// one is done.
    pub fn drop_some(&mut self, store: &Store) -> Option<usize> {
        let comparing = self.comparing.as_mut()?;
        let next = comparing.dropping.as_mut()?;
        let mut seen = 0;
        while *next < store.shards() {
            if seen >= STEP_ITEMS {
                return None;
            }
            let acknowledged = comparing.acknowledged[*next];
            let (number, forgotten) = (comparing.number, comparing.forgotten);
            let step = store.drop_unlisted(*next, number, acknowledged, forgotten);
            *next += 1;
            seen += step.seen;
            comparing.dropped += step.keys;
        }
        let ended = self.comparing.take()?;
        self.move_all_to(ended.positions);
        Some(ended.dropped)
    }
}
