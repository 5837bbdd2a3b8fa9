//! How items leave a shard: without a trace, or leaving a tombstone for the peer.

use super::blob::{Content, Handle, NIL, TOMBSTONE};
use super::clock::Moment;
use super::shard::{Commons, NoRoom, Shard};
use super::table::Hash;
use crate::command::{Value, Version};

impl Shard {
    /// Takes an item out of LRU or tombstones and out of the change list.
    pub fn leave_lists(&mut self, handle: Handle) {
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
        let left = self.try_tombstone(commons, moment, hash, key, version);
        if left.is_err() {
            self.forget_removal(version);
        }
    }

    /// The same, where there is room.
    pub fn try_tombstone(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        key: &[u8],
        version: Version,
    ) -> Result<(), NoRoom> {
        if let Some(handle) = self.table.find(&self.arena, hash, key) {
            self.entomb(commons, handle, version);
            return Ok(());
        }
        let content = Content {
            key,
            value: Value::default(),
            own_cas: None,
        };
        let handle = self.place(commons, moment, (hash, None), &content)?;
        self.bury(commons, handle, version);
        Ok(())
    }

    /// A removal that leaves no tombstone, and is a change all the same.
    pub fn forget_removal(&mut self, version: Version) {
        self.cursors.last += 1;
        self.cursors.last_own = self.cursors.last;
        self.forget_change(self.cursors.last, version);
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

    /// Reclaims expired and flushed items, looking at `buckets` buckets from where the last pass
    /// ended. True when the pass went through the whole table.
    pub fn reap(&mut self, commons: &Commons, moment: &Moment, buckets: usize) -> bool {
        for _ in 0..buckets {
            if self.reap_bucket >= self.table.buckets() {
                self.reap_bucket = 0;
                self.counters.crawler_starts += 1;
                return true;
            }
            let mut at = self.table.first_of(&self.arena, self.reap_bucket);
            while at != NIL {
                let header = self.arena.header(at);
                let mut next = header.bucket_next;
                if !header.is(TOMBSTONE) {
                    let hash = commons.hash(self.arena.key(at));
                    let survives = self.survives(commons, moment, hash, at);
                    self.counters.crawler_items_checked += 1;
                    self.counters.crawler_reclaimed += u64::from(!survives);
                    if !survives {
                        // Its tombstone may have cost another one its place: perhaps the next.
                        next = self.table.first_of(&self.arena, self.reap_bucket);
                    }
                }
                at = next;
            }
            self.reap_bucket += 1;
        }
        false
    }
}
