//! The memory limit over all shards: room for one at the cost of others, and a limit that is lowered.

use vrrp::time::Instant;

use super::Store;
use super::clock::Moment;

/// How often a store without room evicts from other shards before it gives up.
pub(super) const RELIEF_ROUNDS: usize = 64;

impl Store {
    /// Changes the memory limit (`cache_memlimit`). Where more is in use, [`Store::give_back`]
    /// brings that down.
    pub fn set_memory_limit(&self, bytes: usize) {
        self.commons.pool.set_limit(bytes);
    }

    /// A step towards a limit that was lowered: evicts a segment's worth of items, or gives a few
    /// maps back to the system. False if there is nothing to do. No lock is held for longer than
    /// it takes to empty or to copy one segment.
    pub fn give_back(&self, now: Instant) -> bool {
        let pool = &self.commons.pool;
        if pool.is_above_limit()
            && self.commons.evict
            && self.shrink_fullest(&self.moment(now), None)
        {
            pool.lower_ceiling();
            return true;
        }
        if !pool.give_up_maps() {
            return false;
        }
        for shard in &self.shards {
            let leave = || shard.0.lock().arena.leave_map(pool);
            std::iter::from_fn(leave).for_each(drop);
        }
        true
    }

    /// Makes room for that many segments at the cost of other shards, the fullest first. False if
    /// none has anything to give.
    pub(super) fn relieve(&self, moment: &Moment, except: usize, segments: usize) -> bool {
        let pool = &self.commons.pool;
        let mut relieved = false;
        if !self.commons.evict || !pool.can_ever_hold(segments) {
            return false;
        }
        while !pool.has_room(segments) {
            if !self.shrink_fullest(moment, Some(except)) {
                return relieved;
            }
            relieved = true;
        }
        true
    }

    /// Takes a segment from the shard that has the most. False if that has none to give.
    fn shrink_fullest(&self, moment: &Moment, except: Option<usize>) -> bool {
        let others = self.shards.iter().enumerate();
        let fullest = others
            .filter(|(index, _)| Some(*index) != except)
            .map(|(index, shard)| (shard.0.lock().arena.segments(), index))
            .max_by_key(|(segments, _)| *segments);
        fullest.is_some_and(|(_, index)| self.shrink(moment, index))
    }

    /// Evicts from a shard until it has given up a segment. False if it has none to give.
    fn shrink(&self, moment: &Moment, index: usize) -> bool {
        let mut shard = self.shards[index].0.lock();
        let (before, segments) = (shard.cursors.last_own, shard.arena.segments());
        let mut gives = true;
        while gives && shard.arena.segments() >= segments {
            gives = shard.give_way(&self.commons, moment);
        }
        shard.arena.release_if_empty(&self.commons.pool);
        self.mark_if_changed(index, before, &shard);
        shard.arena.segments() < segments
    }
}
