//! One shard: table, LRU, change list, tombstones and memory under one lock, so that a mutation
//! and its place in the replication order cannot come apart.
//!
//! This file says what a shard is made of and which of its items live. Items move in by `put.rs`,
//! out by `removal.rs`, and to the end of the LRU by `recency.rs`; `room.rs` finds memory for them.
//! What commands mean is in `reading.rs`, `storing.rs`, `deleting.rs`, `arithmetic.rs` and
//! `touching.rs`, what the peer sees in `changes.rs`, what the peer does to us in `apply.rs`.

use std::sync::atomic::{AtomicUsize, Ordering};

use ahash::RandomState;

use super::arena::Arena;
use super::blob::{FETCHED, FROM_PEER, Handle, NIL, TOMBSTONE, TOUCH_ONLY};
use super::clock::Moment;
use super::counters::Counters;
use super::evicted::EvictionLog;
use super::list::{Changes, List, Lru};
use super::pool::{Pool, SEGMENT_WORDS};
use super::replaced::Replaced;
use super::table::{Hash, Table};
use crate::command::Version;

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
    pub dead_suffices: usize,
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

    /// Whether a touch of this item may travel without its value.
    pub fn value_is_known_to_peer(&self, handle: Handle) -> bool {
        let header = self.arena.header(handle);
        let touched_in_this_boot = header.is(TOUCH_ONLY) && header.change > self.cursors.boot;
        self.peer_has(handle) || touched_in_this_boot
    }
}
