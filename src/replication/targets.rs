//! Positions that the peer has to reach, and how far it is from them.

use crate::store::Store;

/// Positions to be reached, one per shard.
#[derive(Debug)]
pub(super) struct Targets {
    positions: Vec<u64>,
    /// Shards that are not there yet.
    pub unmet: usize,
    /// Changes to go.
    pub remaining: u64,
}

impl Targets {
    pub fn new(positions: Vec<u64>, store: &Store) -> Targets {
        let acknowledged = store.acknowledged();
        let behind = positions
            .iter()
            .enumerate()
            .map(|(shard, target)| target.saturating_sub(acknowledged.position(shard)));
        let (unmet, remaining) = behind
            .filter(|behind| *behind > 0)
            .fold((0, 0), |(unmet, remaining), behind| {
                (unmet + 1, remaining + behind)
            });
        Targets {
            positions,
            unmet,
            remaining,
        }
    }

    pub fn advance(&mut self, shard: usize, from: u64, to: u64) {
        let target = self.positions[shard];
        if from < target {
            self.remaining -= to.min(target) - from;
            self.unmet -= usize::from(to >= target);
        }
    }
}
