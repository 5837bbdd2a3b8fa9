//! The other direction: what we have of the peer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::comparing::Comparing;
use super::record::Changes;
use crate::command::{Applied, Life, Mutation, Record};
use crate::store::Store;
use vrrp::time::Instant;

/// Touched keys whose values we still wait for; more are not remembered, they expire unread.
const WANTED_MAX: usize = 10_000;

/// Positions in the shards of one boot of the peer.
#[derive(Default)]
pub(super) struct Receiving {
    /// The boot of the peer these positions belong to, 0 before the first.
    pub boot_id: u64,
    /// Applied up to here, per shard of the peer.
    pub applied: Vec<u64>,
    /// Shards whose position the peer does not know yet.
    unacknowledged: BTreeSet<u32>,
    /// Keys that were touched there and are not here, and whether we asked for them on the present
    /// connection.
    wanted: BTreeMap<Vec<u8>, bool>,
    /// We have everything the peer vouched for on the present connection.
    pub has_all: bool,
    /// The peer lists its keys: positions wait until it has ended.
    pub(super) comparing: Option<Comparing>,
    /// Comparisons that were begun.
    pub(super) comparisons: u64,
    /// Changes received since start.
    pub records: u64,
}

impl Receiving {
    /// A connection to this boot of the peer begins. True if the boot is a new one.
    pub fn attach(&mut self, boot_id: u64, shards: usize) -> bool {
        self.has_all = false;
        self.comparing = None;
        self.unacknowledged.clear();
        self.wanted.values_mut().for_each(|asked| *asked = false);
        if self.boot_id == boot_id && self.applied.len() == shards {
            return false;
        }
        *self = Receiving {
            boot_id,
            applied: vec![0; shards],
            records: self.records,
            comparisons: self.comparisons,
            ..Receiving::default()
        };
        true
    }

    /// Applies changes that are `age` old. `None`: a malformed record or an unknown shard.
    pub fn apply(
        &mut self,
        now: Instant,
        store: &Store,
        changes: &Changes<'_>,
        age: Duration,
    ) -> Option<()> {
        let position = *self.applied.get(changes.shard as usize)?;
        for record in changes.records() {
            self.records += 1;
            match record? {
                Record::Mutation(mutation) => {
                    self.apply_one(now, store, aged(mutation, age));
                    self.mark_held(store, &mutation);
                }
                Record::Listed(key) => self.mark_listed(store, key),
                Record::TooLarge { key, version } => {
                    store.refuse(key, version);
                    self.mark_listed(store, key);
                }
            }
        }
        let position = position.max(changes.position);
        if let Some(comparing) = &mut self.comparing {
            comparing.move_to(changes.shard as usize, position);
        } else {
            self.applied[changes.shard as usize] = position;
            self.unacknowledged.insert(changes.shard);
        }
        Some(())
    }

    /// Positions of the peer's shards, all of which it is to be told.
    pub(super) fn move_all_to(&mut self, positions: Vec<u64>) {
        self.applied = positions;
        self.unacknowledged.extend(0..self.applied.len() as u32);
    }

    fn apply_one(&mut self, now: Instant, store: &Store, mutation: Mutation<'_>) {
        let applied = store.apply(now, &mutation);
        if applied == Applied::Want {
            self.want(mutation.key());
        } else if !self.wanted.is_empty() {
            self.wanted.remove(mutation.key());
        }
    }

    /// What the peer no longer has itself never comes: where there are many, those that it was asked
    /// for make room. Their values come all the same, unless the connection breaks before.
    fn want(&mut self, key: &[u8]) {
        if self.wanted.len() >= WANTED_MAX {
            self.wanted.retain(|_, asked| !*asked);
        }
        if self.wanted.len() < WANTED_MAX {
            self.wanted.insert(key.to_vec(), false);
        }
    }

    /// The wanted keys that were not asked for yet.
    pub fn take_unasked(&mut self) -> Vec<Vec<u8>> {
        let unasked = self.wanted.iter_mut().filter(|(_, asked)| !**asked);
        let keys = unasked.map(|(key, asked)| {
            *asked = true;
            key.clone()
        });
        keys.collect()
    }

    /// Whether the peer waits for positions.
    pub fn owes_acknowledgement(&self) -> bool {
        !self.unacknowledged.is_empty()
    }

    /// The positions that the peer does not know yet.
    pub fn take_acknowledgements(&mut self) -> impl Iterator<Item = (u32, u64)> {
        let shards = std::mem::take(&mut self.unacknowledged);
        shards
            .into_iter()
            .map(|shard| (shard, self.applied[shard as usize]))
    }
}

/// The mutation as it is after waiting for `age` on the way.
fn aged(mutation: Mutation<'_>, age: Duration) -> Mutation<'_> {
    let spent = age.as_millis() as u64;
    let older = |life| match life {
        Life::Forever => Life::Forever,
        Life::Remaining { millis } => Life::Remaining {
            millis: millis.saturating_sub(spent),
        },
    };
    match mutation {
        Mutation::Item {
            key,
            value,
            flags,
            life,
            version,
            cas,
            marks,
        } => Mutation::Item {
            key,
            value,
            flags,
            life: older(life),
            version,
            cas,
            marks,
        },
        Mutation::Touch {
            key,
            version,
            cas,
            life,
        } => Mutation::Touch {
            key,
            version,
            cas,
            life: older(life),
        },
        Mutation::Tombstone { .. } => mutation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_whose_values_never_come_do_not_keep_others_from_being_asked_for() {
        let mut receiving = Receiving::default();
        for number in 0..10_000 {
            receiving.want(format!("gone-{number}").as_bytes());
        }
        assert_eq!(receiving.take_unasked().len(), 10_000);
        receiving.want(b"one more");
        assert_eq!(receiving.take_unasked(), [b"one more".to_vec()]);
    }
}
