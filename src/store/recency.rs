//! Which items were used last: the order of eviction, here and on the peer.

use super::blob::{FETCHED, Handle, NIL, TOMBSTONE};
use super::clock::Moment;
use super::shard::{Commons, Shard};

/// An item moves in the LRU at most once in this many seconds (memcached `ITEM_UPDATE_INTERVAL`).
const BUMP_INTERVAL_SECONDS: u32 = 60;
/// Bytes of keys that wait to be sent as recency hints; more are dropped, they are only hints.
const HINT_BYTES_MAX: usize = 16 * 1024;
/// The peer has other shards than we have, so the order of use is told of all at the same pace: the
/// colder half of each, then the colder half of what is left, and so on. The more recently an item
/// was used, the finer is its place.
pub(super) const RECENCY_ROUNDS: usize = 8;

impl Shard {
    /// Counts a use: marks the item fetched and moves it in the LRU once a minute.
    pub fn bump(&mut self, commons: &Commons, moment: &Moment, handle: Handle) {
        let header = self.arena.header_mut(handle);
        if !header.is(FETCHED) {
            header.front.marks |= FETCHED;
        }
        self.keep(commons, moment, handle);
    }

    /// Moves an item in the LRU once a minute, without counting a read.
    pub fn keep(&mut self, commons: &Commons, moment: &Moment, handle: Handle) {
        let header = self.arena.header(handle);
        if moment.seconds.saturating_sub(header.used_at) < BUMP_INTERVAL_SECONDS {
            return;
        }
        self.renew(moment, handle);
        let key = self.arena.key(handle);
        if commons.replicated && self.hints.len() + 1 + key.len() <= HINT_BYTES_MAX {
            self.hints.push(key.len() as u8);
            self.hints.extend_from_slice(key);
        }
    }

    /// Makes an item the most recently used.
    pub fn renew(&mut self, moment: &Moment, handle: Handle) {
        self.counters.moves_within_lru += 1;
        self.arena.header_mut(handle).used_at = moment.seconds;
        self.lru.unlink(&mut self.arena, handle);
        self.lru.push_back(&mut self.arena, handle);
    }

    /// The keys of one of [`RECENCY_ROUNDS`], least recently used first: a length byte before each.
    pub fn keys_of_round(&self, round: usize) -> Vec<u8> {
        let items = self.items();
        let warmer = match round + 1 {
            RECENCY_ROUNDS => 0,
            next => items >> next,
        };
        let before = |handle: &Handle| Some(self.lru.previous(&self.arena, *handle));
        let by_use = std::iter::successors(Some(self.lru.back), before);
        let by_use = by_use.take_while(|handle| *handle != NIL);
        let of_round: Vec<Handle> = by_use.take(items >> round).skip(warmer).collect();
        let mut keys = Vec::new();
        for handle in of_round.into_iter().rev() {
            let key = self.arena.key(handle);
            keys.push(key.len() as u8);
            keys.extend_from_slice(key);
        }
        keys
    }

    /// A key that was read on the peer: keep it as long as the peer does.
    pub fn apply_hint(&mut self, commons: &Commons, moment: &Moment, key: &[u8]) {
        let hash = commons.hash(key);
        if let Some(handle) = self.table.find(&self.arena, hash, key)
            && !self.arena.header(handle).is(TOMBSTONE)
        {
            self.renew(moment, handle);
        }
    }
}
