//! What touches do to a shard: a new life and version for the same value and cas unique.

use super::blob::{
    CUT, Content, FETCHED, FROM_PEER, Handle, OWN_CAS, STALE, TOMBSTONE, TOUCH_ONLY, WIN_SENT,
};
use super::clock::Moment;
use super::put::Put;
use super::shard::{Commons, NoRoom, Shard};
use super::table::Hash;
use crate::command::{Exptime, Outcome, Touch, Value, Version};

impl Shard {
    /// touch.
    pub fn touch(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        touch: &Touch<'_>,
    ) -> Result<Outcome, NoRoom> {
        self.counters.cmd_touch += 1;
        let Some(handle) = self.find_live(commons, moment, hash, touch.key) else {
            self.counters.touch_misses += 1;
            return Ok(Outcome::NotFound);
        };
        self.counters.touch_hits += 1;
        let found = (touch.key, handle);
        let handle = self.touch_found(commons, moment, hash, found, touch.exptime)?;
        self.bump(commons, moment, handle);
        Ok(Outcome::Touched)
    }

    /// A touch takes a new version, so that the later of two touches wins on both hosts, and keeps
    /// the cas unique, as memcached does. `Err(NoRoom)` only where looking for room has evicted the
    /// item itself.
    pub fn touch_found(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        (key, handle): (&[u8], Handle),
        exptime: Exptime,
    ) -> Result<Handle, NoRoom> {
        let deadline = moment.deadline(exptime);
        if !commons.replicated {
            self.arena.header_mut(handle).deadline = deadline;
            return Ok(handle);
        }
        let alone = if self.value_is_known_to_peer(handle) {
            TOUCH_ONLY
        } else {
            0
        };
        let replaced = self.arena.header(handle).version;
        let version = moment.next_version(self.last_version, replaced);
        let touch = (version, deadline, alone);
        self.touch_as(commons, moment, hash, handle, touch)
            .or_else(|no_room| {
                self.touch_without_room(commons, hash, key, (version, deadline))
                    .ok_or(no_room)
            })
    }

    /// A full store that may not evict has no room for a cas unique beside the version. A session
    /// that lives on with another one is better than one that does not: it travels whole.
    fn touch_without_room(
        &mut self,
        commons: &Commons,
        hash: Hash,
        key: &[u8],
        (version, deadline): (Version, u32),
    ) -> Option<Handle> {
        // Looking for room may have moved it, or evicted it.
        let handle = self.table.find(&self.arena, hash, key)?;
        let header = self.arena.header_mut(handle);
        if header.is(TOMBSTONE) {
            return None;
        }
        header.front.marks &= !(TOUCH_ONLY | FROM_PEER);
        header.deadline = deadline;
        header.version = version;
        self.last_version = self.last_version.max(version);
        self.record_change(commons, handle);
        Some(handle)
    }

    /// Gives an item a new deadline and version and keeps its cas unique and the time of its last
    /// use.
    pub fn touch_as(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        handle: Handle,
        (version, deadline, marks): (Version, u32, u8),
    ) -> Result<Handle, NoRoom> {
        let header = *self.arena.header(handle);
        let kept = header.front.marks & (STALE | WIN_SENT | FETCHED);
        if self.arena.keep_cas(handle) {
            let header = self.arena.header_mut(handle);
            header.front.marks = header.front.marks & (OWN_CAS | CUT) | kept | marks;
            header.deadline = deadline;
            header.version = version;
            self.last_version = self.last_version.max(version);
            self.record_change(commons, handle);
            return Ok(handle);
        }
        let key = self.arena.key(handle).to_vec();
        let value = self.arena.value(handle, &mut Vec::new()).to_vec();
        let put = Put {
            content: Content {
                key: &key,
                value: Value::whole(&value),
                own_cas: Some(header.version),
            },
            flags: header.flags,
            deadline,
            version,
            marks: kept | marks,
        };
        let handle = self.put(commons, moment, hash, &put)?;
        self.arena.header_mut(handle).used_at = header.used_at;
        Ok(handle)
    }
}
