//! What storage commands do to a shard, as memcached's protocol.txt says.

use super::blob::{Content, Handle, STALE, WIN_SENT};
use super::clock::Moment;
use super::put::Put;
use super::shard::{Commons, NoRoom, Shard};
use super::table::Hash;
use crate::command::{Outcome, Store, StoreMode, Value};

impl Shard {
    /// A store in any mode. `Err(NoRoom)` leaves the shard as it was but for evictions.
    pub fn store(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        store: &Store<'_>,
    ) -> Result<Outcome, NoRoom> {
        self.counters.cmd_set += 1;
        let live = self.find_live(commons, moment, hash, store.key);
        let is_cas = matches!(store.mode, StoreMode::Set | StoreMode::Replace);
        let mut life = (moment.deadline(store.exptime), 0);
        match (store.compare, live) {
            (None, _) => {}
            // memcached looks at the cas unique of an add nowhere, and 0 compares in a cas alone.
            (Some(_), _) if store.mode == StoreMode::Add => {}
            (Some(0), _) if !is_cas => {}
            (Some(_), None) => {
                self.counters.cas_misses += u64::from(is_cas);
                if is_cas {
                    return Ok(Outcome::NotFound);
                }
            }
            (Some(compare), Some(handle)) => {
                let cas = self.arena.cas(handle);
                let is_older = is_cas && store.invalidate && 0 < compare && compare < cas;
                if compare != cas && !is_older {
                    self.counters.cas_badval += u64::from(is_cas);
                    return Ok(Outcome::Exists);
                }
                self.counters.cas_hits += u64::from(is_cas);
                if compare != cas {
                    life = self.life_of_stale(handle);
                }
            }
        }
        match (store.mode, live) {
            (StoreMode::Add, Some(handle)) => {
                // A failed add makes the item young, but is no read (memcached `do_item_update`).
                self.keep(commons, moment, handle);
                Ok(Outcome::NotStored)
            }
            (StoreMode::Replace, None) => Ok(Outcome::NotStored),
            (StoreMode::Append | StoreMode::Prepend, Some(handle)) => {
                self.extend(commons, moment, hash, store, handle)
            }
            (StoreMode::Append | StoreMode::Prepend, None) => match store.vivify {
                Some(exptime) => {
                    let life = (moment.deadline(exptime), 0);
                    self.store_value(commons, moment, hash, store, life)
                }
                None => Ok(Outcome::NotStored),
            },
            (StoreMode::Set | StoreMode::Add, _) | (StoreMode::Replace, Some(_)) => {
                self.store_value(commons, moment, hash, store, life)
            }
        }
    }

    /// Deadline and marks of what an older cas unique stores (`I`): the value is stale, its life
    /// stays, and so does that somebody was asked to recache it (memcached `CAS_STALE`).
    fn life_of_stale(&self, handle: Handle) -> (u32, u8) {
        let header = self.arena.header(handle);
        (header.deadline, STALE | header.front.marks & WIN_SENT)
    }

    fn store_value(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        store: &Store<'_>,
        (deadline, marks): (u32, u8),
    ) -> Result<Outcome, NoRoom> {
        if store.value.len() > commons.item_size_max() {
            // The protocol lets our own limit pass; the peer's may be lower.
            self.counters.store_too_large += 1;
            self.forget(commons, moment, hash, store.key);
            return Ok(Outcome::TooLarge);
        }
        let put = Put {
            content: Content {
                key: store.key,
                value: Value::whole(store.value),
                own_cas: store.new_cas,
            },
            flags: store.flags,
            deadline,
            version: self.version_for(moment, hash, store.key),
            marks,
        };
        let handle = self.put(commons, moment, hash, &put)?;
        self.counters.total_items += 1;
        Ok(Outcome::Stored {
            cas: self.arena.cas(handle),
        })
    }

    /// append and prepend: flags and life stay.
    fn extend(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        store: &Store<'_>,
        handle: Handle,
    ) -> Result<Outcome, NoRoom> {
        let header = self.arena.header(handle);
        let length = header.value_len() + store.value.len();
        if length > commons.item_size_max() {
            return Ok(Outcome::NotStored);
        }
        let mut value = Vec::with_capacity(length);
        if store.mode == StoreMode::Prepend {
            value.extend_from_slice(store.value);
        }
        self.arena
            .value(handle, &mut Vec::new())
            .append_to(&mut value);
        if store.mode == StoreMode::Append {
            value.extend_from_slice(store.value);
        }
        let header = self.arena.header(handle);
        let put = Put {
            content: Content {
                key: store.key,
                value: Value::whole(&value),
                own_cas: store.new_cas,
            },
            flags: header.flags,
            deadline: header.deadline,
            version: moment.next_version(self.last_version, header.version),
            marks: 0,
        };
        let handle = self.put(commons, moment, hash, &put)?;
        self.counters.total_items += 1;
        Ok(Outcome::Stored {
            cas: self.arena.cas(handle),
        })
    }

    /// The version of a change to a key, present or not.
    pub fn version_for(&self, moment: &Moment, hash: Hash, key: &[u8]) -> u64 {
        let existing = self.table.find(&self.arena, hash, key);
        let replaced = existing.map_or(0, |handle| self.arena.header(handle).version);
        moment.next_version(self.last_version, replaced)
    }
}
