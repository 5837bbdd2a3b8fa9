//! One shard: table, LRU, change list, tombstones and memory under one lock, so that a mutation
//! and its place in the replication order cannot come apart.
//!
//! This file moves items in and out. What commands mean is in `commands.rs`, what the peer sees in
//! `changes.rs`, what the peer does to us in `apply.rs`.

use std::sync::atomic::{AtomicUsize, Ordering};

use ahash::RandomState;

use super::arena::Arena;
use super::blob::{
    CUT, Content, FETCHED, FROM_PEER, Handle, Kind, NIL, OWN_CAS, STALE, TOMBSTONE, TOUCH_ONLY,
    WIN_SENT,
};
use super::clock::Moment;
use super::counters::Counters;
use super::evicted::EvictionLog;
use super::list::{Changes, List, Lru};
use super::pool::{Pool, SEGMENT_WORDS};
use super::replaced::Replaced;
use super::table::{Hash, Table};
use crate::command::{ItemView, Value, Version};

/// An item moves in the LRU at most once in this many seconds (memcached `ITEM_UPDATE_INTERVAL`).
const BUMP_INTERVAL_SECONDS: u32 = 60;
/// A shard moves items together once this fraction of its segments is dead.
const DEAD_FRACTION: usize = 16;
/// Dead words that make a segment worth emptying. Well above the words that two segments can lose
/// at their ends to a blob that did not fit, so that emptying always gains.
const EVACUATION_GAIN: usize = SEGMENT_WORDS / 5;
/// Dead words that make a segment worth emptying at any time: little in it is left to move.
const EVACUATION_GAIN_CHEAP: usize = SEGMENT_WORDS / 8 * 7;
/// So many more words have to die before segments are looked at again when none was worth it.
const EVACUATION_PATIENCE: usize = SEGMENT_WORDS / 4;
/// Bytes of keys that wait to be sent as recency hints; more are dropped, they are only hints.
const HINT_BYTES_MAX: usize = 16 * 1024;

/// What all shards of a store share.
pub(super) struct Commons {
    pub pool: Pool,
    pub hasher: RandomState,
    /// A peer is configured: changes are listed, removals leave tombstones.
    pub replicated: bool,
    /// Evict when memory runs out (memcached without `-M`).
    pub evict: bool,
    /// Bytes of tombstones a shard keeps before it forgets the oldest.
    pub tombstone_bytes_max: usize,
    /// Largest value in bytes; the lower of both nodes' limits.
    pub item_size_max: AtomicUsize,
    /// Largest value in bytes that this node was configured to take.
    pub item_size_configured: usize,
    /// What was evicted, while someone wants to know.
    pub evictions: EvictionLog,
}

impl Commons {
    pub fn item_size_max(&self) -> usize {
        self.item_size_max.load(Ordering::Relaxed)
    }

    pub fn hash(&self, key: &[u8]) -> Hash {
        self.hasher.hash_one(key)
    }
}

/// No memory for an item, after evicting all that this shard could.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoRoom {
    /// How many segments it takes.
    pub segments: usize,
}

/// How there came to be room for an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Room {
    /// It was there: all items are where they were.
    Free,
    /// Items were moved or evicted.
    Made,
}

/// What an item becomes.
pub(super) struct Put<'a> {
    pub content: Content<'a>,
    pub flags: u32,
    pub deadline: u32,
    pub version: Version,
    /// [`STALE`], [`WIN_SENT`], [`FETCHED`], [`TOUCH_ONLY`], [`FROM_PEER`].
    pub marks: u8,
}

/// A part of the store under one lock.
pub(super) struct Shard {
    pub arena: Arena,
    pub table: Table,
    pub lru: List<Lru>,
    /// Tombstones by age, through the links that live items use for the LRU.
    pub tombstones: List<Lru>,
    pub tombstone_count: usize,
    pub tombstone_bytes: usize,
    pub changes: List<Changes>,
    pub cursors: Cursors,
    /// Changes that were overwritten by the peer while they were on their way to it.
    pub contested: Vec<u64>,
    pub last_version: Version,
    pub counters: Counters,
    /// Of the last eviction: seconds since zero, and for how long the item had not been used.
    pub last_eviction: Option<(u32, u32)>,
    /// Keys read since the last hints were taken: length byte, key.
    pub hints: Vec<u8>,
    /// The comparison that the marks of listed items belong to.
    pub comparison: u64,
    /// Changes whose replies wait for those that took their place.
    pub replaced: Replaced,
    /// Where the background pass for expired items goes on.
    pub reap_bucket: usize,
    /// With fewer dead words no segment is worth emptying while there is something to evict.
    dead_suffices: usize,
}

/// Positions in the change list. One peer, so one set of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursors {
    /// Number of the last change.
    pub last: u64,
    /// Number of the last change that did not come from the peer.
    pub last_own: u64,
    /// The next item to send.
    pub next_to_send: Handle,
    /// Changes up to here were sent or need not be.
    pub sent: u64,
    /// The first item whose change the peer has not acknowledged.
    pub next_to_acknowledge: Handle,
    /// Changes up to here are acknowledged.
    pub acknowledged: u64,
    /// The peer lacks the value of a touch that it has acknowledged: no reply from the first of
    /// these changes on leaves before it has the second, which brings the value.
    pub wanted: Option<(u64, u64)>,
    /// The last change before the peer's present boot was seen: up to here it has nothing of us.
    pub boot: u64,
    /// A tombstone was forgotten that the peer has not seen: it has to compare.
    pub comparison_due: bool,
    /// The peer compares: the walk lists the keys it need not be sent.
    pub listing: bool,
    /// The highest version of a forgotten tombstone.
    pub forgotten_version: Version,
    /// The lowest number of a tombstone forgotten since the last comparison began: until the peer
    /// has compared it is told no position from there on. `u64::MAX` where none is.
    pub forgotten_change: u64,
}

impl Shard {
    pub fn new() -> Shard {
        Shard {
            arena: Arena::new(),
            table: Table::new(),
            lru: List::new(),
            tombstones: List::new(),
            tombstone_count: 0,
            tombstone_bytes: 0,
            changes: List::new(),
            cursors: Cursors {
                last: 0,
                last_own: 0,
                next_to_send: NIL,
                sent: 0,
                next_to_acknowledge: NIL,
                acknowledged: 0,
                wanted: None,
                boot: 0,
                comparison_due: false,
                listing: false,
                forgotten_version: 0,
                forgotten_change: u64::MAX,
            },
            contested: Vec::new(),
            last_version: 0,
            counters: Counters::default(),
            last_eviction: None,
            hints: Vec::new(),
            comparison: 0,
            replaced: Replaced::default(),
            reap_bucket: 0,
            dead_suffices: SEGMENT_WORDS,
        }
    }

    /// Live items.
    pub fn items(&self) -> usize {
        self.table.len() - self.tombstone_count
    }

    /// The item of a key, unless it is a tombstone, expired or flushed. What is dead is reclaimed.
    pub fn find_live(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        key: &[u8],
    ) -> Option<Handle> {
        let handle = self.table.find(&self.arena, hash, key)?;
        if self.arena.header(handle).is(TOMBSTONE) {
            return None;
        }
        self.survives(commons, moment, hash, handle)
            .then_some(handle)
    }

    /// Whether a live item still is one; if it is expired or flushed, it goes.
    pub fn survives(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        handle: Handle,
    ) -> bool {
        let header = self.arena.header(handle);
        let flushed = header.version <= moment.watermark;
        if !flushed && !moment.is_past(header.deadline) {
            return true;
        }
        let version = header.version;
        if !header.is(FETCHED) {
            self.counters.expired_unfetched += u64::from(!flushed);
        }
        if !flushed && self.peer_may_have_older(commons, handle) {
            self.entomb(commons, handle, version);
        } else {
            self.unlink(commons, hash, handle);
        }
        self.counters.reclaimed += 1;
        false
    }

    /// Whether a removal must travel: the peer has not acknowledged the item's last change, so it
    /// may hold an older value.
    pub fn peer_may_have_older(&self, commons: &Commons, handle: Handle) -> bool {
        commons.replicated && !self.peer_has(handle)
    }

    /// Whether the peer has this very item: it sent it in its present boot, or acknowledged it.
    pub fn peer_has(&self, handle: Handle) -> bool {
        self.peer_had(handle, self.cursors.acknowledged)
    }

    /// The same for a time when it had acknowledged `acknowledged`.
    pub fn peer_had(&self, handle: Handle, acknowledged: u64) -> bool {
        let header = self.arena.header(handle);
        let from_this_boot = header.is(FROM_PEER) && header.change > self.cursors.boot;
        from_this_boot || header.change <= acknowledged
    }

    /// Stores an item in place of whatever the key held.
    pub fn put(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        put: &Put<'_>,
    ) -> Result<Handle, NoRoom> {
        let key = put.content.key;
        let existing = self.table.find(&self.arena, hash, key);
        let handle = match existing {
            Some(handle) if self.arena.replace(handle, &put.content) => {
                self.leave_lists(handle);
                handle
            }
            _ => self.place(commons, moment, (hash, existing), &put.content)?,
        };
        let header = self.arena.header_mut(handle);
        let kept = header.front.marks & (OWN_CAS | CUT);
        header.front.marks = kept | put.marks;
        header.flags = put.flags;
        header.deadline = put.deadline;
        header.version = put.version;
        header.used_at = moment.seconds;
        self.last_version = self.last_version.max(put.version);
        self.lru.push_back(&mut self.arena, handle);
        self.record_change(commons, handle);
        Ok(handle)
    }

    /// A new blob in place of the key's old one, in no list yet.
    fn place(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        (hash, existing): (Hash, Option<Handle>),
        content: &Content<'_>,
    ) -> Result<Handle, NoRoom> {
        let existing = match self.make_room(commons, moment, content)? {
            Room::Free => existing,
            // The old one may have moved or gone: look again.
            Room::Made => self.table.find(&self.arena, hash, content.key),
        };
        let handle = self.arena.place(&commons.pool, content);
        match existing {
            Some(old) => {
                self.leave_lists(old);
                let next = self.arena.header(old).bucket_next;
                self.arena.header_mut(handle).bucket_next = next;
                self.table.moved(&mut self.arena, hash, old, handle);
                self.arena.free(&commons.pool, old);
            }
            None => {
                let rehash = |key: &[u8]| commons.hash(key);
                self.table.insert(&mut self.arena, rehash, hash, handle);
            }
        }
        Ok(handle)
    }

    /// Takes an item out of LRU or tombstones and out of the change list.
    fn leave_lists(&mut self, handle: Handle) {
        if self.arena.header(handle).is(TOMBSTONE) {
            self.tombstones.unlink(&mut self.arena, handle);
            self.count_tombstone(handle, false);
        } else {
            self.lru.unlink(&mut self.arena, handle);
        }
        self.leave_changes(handle);
    }

    fn count_tombstone(&mut self, handle: Handle, added: bool) {
        let bytes = self.arena.key(handle).len() + 64;
        if added {
            self.tombstone_count += 1;
            self.tombstone_bytes += bytes;
        } else {
            self.tombstone_count -= 1;
            self.tombstone_bytes -= bytes;
        }
    }

    /// Removes a key without a trace.
    pub fn unlink(&mut self, commons: &Commons, hash: Hash, handle: Handle) {
        self.leave_lists(handle);
        self.table
            .remove(&mut self.arena, &commons.pool, hash, handle);
        self.arena.free(&commons.pool, handle);
    }

    /// Turns a live item into a tombstone.
    pub fn entomb(&mut self, commons: &Commons, handle: Handle, version: Version) {
        self.leave_lists(handle);
        self.arena.shrink_to_key(&commons.pool, handle);
        let header = self.arena.header_mut(handle);
        header.front.marks = 0;
        header.deadline = 0;
        self.bury(commons, handle, version);
    }

    /// A tombstone for a key that holds nothing, or a newer version for the one it has.
    pub fn put_tombstone(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        key: &[u8],
        version: Version,
    ) {
        if let Some(handle) = self.table.find(&self.arena, hash, key) {
            self.entomb(commons, handle, version);
            return;
        }
        let content = Content {
            key,
            value: Value::default(),
            own_cas: None,
        };
        match self.place(commons, moment, (hash, None), &content) {
            Ok(handle) => self.bury(commons, handle, version),
            Err(NoRoom { .. }) => {
                self.cursors.last += 1;
                self.cursors.last_own = self.cursors.last;
                self.forget_change(self.cursors.last, version);
            }
        }
    }

    fn bury(&mut self, commons: &Commons, handle: Handle, version: Version) {
        let header = self.arena.header_mut(handle);
        header.front.marks = TOMBSTONE;
        header.version = version;
        self.last_version = self.last_version.max(version);
        self.tombstones.push_back(&mut self.arena, handle);
        self.count_tombstone(handle, true);
        self.record_change(commons, handle);
        while self.tombstone_bytes > commons.tombstone_bytes_max {
            self.forget_tombstone(commons);
        }
    }

    fn forget_tombstone(&mut self, commons: &Commons) {
        let handle = self.tombstones.front;
        let header = self.arena.header(handle);
        self.forget_change(header.change, header.version);
        self.unlink(commons, commons.hash(self.arena.key(handle)), handle);
    }

    /// A removal cannot be kept for the peer: it has to compare, and to be told no position beyond.
    fn forget_change(&mut self, change: u64, version: Version) {
        let cursors = &mut self.cursors;
        cursors.comparison_due = true;
        cursors.forgotten_version = cursors.forgotten_version.max(version);
        cursors.forgotten_change = cursors.forgotten_change.min(change);
    }

    /// Gives a change its number and its place at the end of the change list.
    pub fn record_change(&mut self, commons: &Commons, handle: Handle) {
        if !commons.replicated {
            return;
        }
        self.leave_changes(handle);
        let cursors = &mut self.cursors;
        cursors.last += 1;
        let header = self.arena.header_mut(handle);
        header.change = cursors.last;
        if !header.is(FROM_PEER) {
            cursors.last_own = cursors.last;
        }
        if cursors.next_to_send == NIL {
            cursors.next_to_send = handle;
        }
        if cursors.next_to_acknowledge == NIL {
            cursors.next_to_acknowledge = handle;
        }
        self.changes.push_back(&mut self.arena, handle);
    }

    fn leave_changes(&mut self, handle: Handle) {
        let header = self.arena.header(handle);
        if header.change > self.cursors.acknowledged && !header.is(FROM_PEER) {
            let (next, sent) = (self.cursors.last + 1, self.cursors.sent);
            self.replaced.note(header.change, next, sent);
        }
        let next = self.changes.next(&self.arena, handle);
        if self.cursors.next_to_send == handle {
            self.cursors.next_to_send = next;
        }
        if self.cursors.next_to_acknowledge == handle {
            self.cursors.next_to_acknowledge = next;
        }
        self.changes.unlink(&mut self.arena, handle);
    }

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

    /// An item as a reader sees it. `rest` is where the view keeps what it needs to show a value
    /// that is cut.
    pub fn view<'a>(
        &'a self,
        moment: &Moment,
        handle: Handle,
        rest: &'a mut Vec<&'a [u8]>,
    ) -> ItemView<'a> {
        let header = self.arena.header(handle);
        ItemView {
            key: self.arena.key(handle),
            value: self.arena.value(handle, rest),
            flags: header.flags,
            cas: self.arena.cas(handle),
            ttl: moment.ttl(header.deadline),
            ttl_before: moment.ttl(header.deadline),
            idle: moment.seconds.saturating_sub(header.used_at),
            fetched: header.is(FETCHED),
            stale: header.is(STALE),
            won: false,
            win_sent: header.is(WIN_SENT),
        }
    }

    /// Reserves the segments that an item wants: from the pool, by moving items together, by
    /// evicting.
    fn make_room(
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

    /// Whether a touch of this item may travel without its value.
    pub fn value_is_known_to_peer(&self, handle: Handle) -> bool {
        let header = self.arena.header(handle);
        let touched_in_this_boot = header.is(TOUCH_ONLY) && header.change > self.cursors.boot;
        self.peer_has(handle) || touched_in_this_boot
    }
}
