//! What deletes do to a shard, as memcached's protocol.txt says.

use super::blob::{Content, FETCHED, Handle, STALE};
use super::clock::Moment;
use super::put::Put;
use super::shard::{Commons, NoRoom, Shard};
use super::table::Hash;
use crate::command::{Delete, Outcome, Value};

impl Shard {
    /// A delete. `Err(NoRoom)` only where a stale item could not be rewritten.
    pub fn delete(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        delete: &Delete<'_>,
    ) -> Result<Outcome, NoRoom> {
        let Some(handle) = self.find_live(commons, moment, hash, delete.key) else {
            self.counters.delete_misses += 1;
            if commons.replicated {
                // The peer may still hold what was evicted here.
                let version = self.version_for(moment, hash, delete.key);
                self.put_tombstone(commons, moment, hash, delete.key, version);
            }
            return Ok(Outcome::NotFound);
        };
        if delete
            .compare
            .is_some_and(|compare| compare != self.arena.cas(handle))
        {
            return Ok(Outcome::Exists);
        }
        self.counters.delete_hits += 1;
        if delete.invalidate || delete.drop_value {
            return self.mark_stale(commons, moment, hash, delete, handle);
        }
        if commons.replicated {
            let replaced = self.arena.header(handle).version;
            let version = moment.next_version(self.last_version, replaced);
            self.entomb(commons, handle, version);
        } else {
            self.unlink(commons, hash, handle);
        }
        Ok(Outcome::Deleted)
    }

    fn mark_stale(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        delete: &Delete<'_>,
        handle: Handle,
    ) -> Result<Outcome, NoRoom> {
        let header = *self.arena.header(handle);
        let (value, flags) = if delete.drop_value {
            (Vec::new(), 0)
        } else {
            (
                self.arena.value(handle, &mut Vec::new()).to_vec(),
                header.flags,
            )
        };
        let deadline = match delete.exptime {
            Some(exptime) if delete.invalidate => moment.deadline(exptime),
            _ => header.deadline,
        };
        // memcached clears the handed-out win, so that the next reader is asked to recache.
        let stale = if delete.invalidate { STALE } else { 0 };
        let put = Put {
            content: Content {
                key: delete.key,
                value: Value::whole(&value),
                own_cas: delete.new_cas,
            },
            flags,
            deadline,
            version: moment.next_version(self.last_version, header.version),
            marks: header.front.marks & FETCHED | stale,
        };
        self.put(commons, moment, hash, &put)
            .map(|_| Outcome::Deleted)
    }

    /// Drops a key whose store was refused, so that nobody reads the value it should have lost, here
    /// or on the peer, which may still hold what was evicted here.
    pub fn forget(&mut self, commons: &Commons, moment: &Moment, hash: Hash, key: &[u8]) {
        let live = self.find_live(commons, moment, hash, key);
        if !commons.replicated {
            if let Some(handle) = live {
                self.unlink(commons, hash, handle);
            }
            return;
        }
        let version = self.version_for(moment, hash, key);
        let left = self.try_tombstone(commons, moment, hash, key, version);
        // A store that evicts nothing has no room quite often, and hardly ever lacks what the peer
        // holds: that is not worth a comparison for each store that it refuses.
        if left.is_err() && commons.evict {
            self.forget_removal(version);
        }
    }
}
