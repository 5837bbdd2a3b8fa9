//! Memory for items: from the pool, by moving items together, by evicting.

use super::blob::{Content, FETCHED, Handle, Kind, NIL, TOMBSTONE};
use super::clock::Moment;
use super::pool::SEGMENT_WORDS;
use super::shard::{Commons, NoRoom, Shard};

/// A shard moves items together once this fraction of its segments is dead.
const DEAD_FRACTION: usize = 16;
/// Dead words that make a segment worth emptying. Well above the words that two segments can lose
/// at their ends to a blob that did not fit, so that emptying always gains.
const EVACUATION_GAIN: usize = SEGMENT_WORDS / 5;
/// Dead words that make a segment worth emptying at any time: little in it is left to move.
const EVACUATION_GAIN_CHEAP: usize = SEGMENT_WORDS / 8 * 7;
/// So many more words have to die before segments are looked at again when none was worth it.
const EVACUATION_PATIENCE: usize = SEGMENT_WORDS / 4;

/// How there came to be room for an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Room {
    /// It was there: all items are where they were.
    Free,
    /// Items were moved or evicted.
    Made,
}

impl Shard {
    /// Reserves the segments that an item wants: from the pool, by moving items together, by
    /// evicting.
    pub fn make_room(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        content: &Content<'_>,
    ) -> Result<Room, NoRoom> {
        let mut room = Room::Free;
        loop {
            let segments = self.arena.segments_wanted(content);
            if self.arena.reserve(&commons.pool, segments) {
                return Ok(room);
            }
            room = Room::Made;
            if !commons.pool.can_ever_hold(segments) || !self.give_way(commons, moment) {
                return Err(NoRoom { segments });
            }
        }
    }

    /// One step towards a free segment: moves items together where enough of them is dead, or
    /// evicts one. False if there is nothing to be gained.
    pub fn give_way(&mut self, commons: &Commons, moment: &Moment) -> bool {
        let dead = self.arena.words_dead();
        let held = self.arena.segments() * SEGMENT_WORDS;
        let gain = match dead > SEGMENT_WORDS.max(held / DEAD_FRACTION) {
            true => EVACUATION_GAIN,
            false => EVACUATION_GAIN_CHEAP,
        };
        // As dead words become fewer by segments that emptied themselves, so do those that suffice.
        self.dead_suffices = self
            .dead_suffices
            .min(dead + EVACUATION_PATIENCE)
            .max(SEGMENT_WORDS);
        dead >= self.dead_suffices && self.evacuate_sparsest(commons, gain)
            || commons.evict && self.evict_oldest(commons, moment)
            || self.evacuate_sparsest(commons, EVACUATION_GAIN)
    }

    /// Empties the segment with the most dead words, if that gains so many. Over the limit by one
    /// segment until it is empty.
    fn evacuate_sparsest(&mut self, commons: &Commons, gain: usize) -> bool {
        let dead_before = self.arena.words_dead();
        let Some((number, _)) = self.arena.sparsest().filter(|(_, dead)| *dead >= gain) else {
            self.dead_suffices = dead_before + EVACUATION_PATIENCE;
            return false;
        };
        self.dead_suffices = SEGMENT_WORDS;
        let mut at = 0;
        while let Some(old) = self.arena.next_live(number, at) {
            at = self.arena.word_after(old);
            match self.arena.front(old).kind() {
                Kind::Part => self.arena.relocate_part(&commons.pool, old),
                Kind::Item => {
                    let new = self.arena.relocate(&commons.pool, old);
                    self.moved(commons, old, new);
                }
                Kind::Page => {
                    let new = self.arena.relocate(&commons.pool, old);
                    self.table.page_moved(&self.arena, new);
                }
            }
            self.counters.items_moved += 1;
        }
        self.counters.segments_emptied += 1;
        true
    }

    fn moved(&mut self, commons: &Commons, old: Handle, new: Handle) {
        let hash = commons.hash(self.arena.key(new));
        self.table.moved(&mut self.arena, hash, old, new);
        if self.arena.header(new).is(TOMBSTONE) {
            self.tombstones.moved(&mut self.arena, old, new);
        } else {
            self.lru.moved(&mut self.arena, old, new);
        }
        self.changes.moved(&mut self.arena, old, new);
        for cursor in [
            &mut self.cursors.next_to_send,
            &mut self.cursors.next_to_acknowledge,
        ] {
            if *cursor == old {
                *cursor = new;
            }
        }
    }

    /// Evicts the least recently used item. False if there is none.
    pub fn evict_oldest(&mut self, commons: &Commons, moment: &Moment) -> bool {
        let handle = self.lru.front;
        if handle == NIL {
            return false;
        }
        let hash = commons.hash(self.arena.key(handle));
        if !self.survives(commons, moment, hash, handle) {
            return true;
        }
        let header = self.arena.header(handle);
        self.counters.evictions += 1;
        self.counters.evicted_nonzero += u64::from(header.deadline != 0);
        let idle = moment.seconds.saturating_sub(header.used_at);
        self.last_eviction = Some((moment.seconds, idle));
        self.counters.evicted_unfetched += u64::from(!header.is(FETCHED));
        let version = header.version;
        if commons.evictions.is_on() {
            commons
                .evictions
                .note(&self.view(moment, handle, &mut Vec::new()));
        }
        if self.peer_may_have_older(commons, handle) {
            self.entomb(commons, handle, version);
        } else {
            self.unlink(commons, hash, handle);
        }
        true
    }
}
