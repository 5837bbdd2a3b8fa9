//! What each command does to a shard, as memcached's protocol.txt says.

use super::blob::{Content, FETCHED, Handle, NIL, STALE, TOMBSTONE, TOUCH_ONLY, WIN_SENT};
use super::clock::Moment;
use super::shard::{Commons, NoRoom, Put, Shard};
use super::table::Hash;
use crate::command::{
    Arithmetic, Delete, Exptime, ItemView, Outcome, Read, Store, StoreMode, Touch, Value, number,
};

impl Shard {
    /// A retrieval. `seen` is called once, with the item or without one. The second result says
    /// whether the store changed.
    pub fn read<R>(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        read: &Read<'_>,
        seen: impl FnOnce(Option<&ItemView<'_>>) -> R,
    ) -> (R, bool) {
        // memcached counts a get that touches as a touch alone.
        let (gets, touches) = match read.touch {
            Some(_) => (0, 1),
            None => (1, 0),
        };
        self.counters.cmd_get += gets;
        self.counters.cmd_touch += touches;
        let found = self.find_live_counted(commons, moment, hash, read.key);
        let Some(mut handle) = found else {
            let counts_as_get = gets == 1 || read.is_meta;
            self.counters.get_misses += u64::from(counts_as_get);
            self.counters.touch_misses += u64::from(!counts_as_get);
            if touches == 1 && read.is_meta {
                self.counters.cmd_get += 1;
                self.counters.cmd_touch -= 1;
            }
            return match read.vivify {
                Some(exptime) => self.vivify(commons, moment, hash, read, exptime, seen),
                None => (seen(None), false),
            };
        };
        self.counters.get_hits += gets;
        self.counters.touch_hits += touches;
        let ttl_before = moment.ttl(self.arena.header(handle).deadline);
        let mut touched = false;
        if let Some(exptime) = read.touch {
            match self.touch_found(commons, moment, hash, handle, exptime) {
                Ok(at) => (handle, touched) = (at, true),
                // Looking for room may have moved the item, or evicted it.
                Err(NoRoom { .. }) => match self.find_live(commons, moment, hash, read.key) {
                    Some(at) => handle = at,
                    None => return (seen(None), false),
                },
            }
        }
        let ttl = if read.recache_before_touch {
            ttl_before
        } else {
            moment.ttl(self.arena.header(handle).deadline)
        };
        // No other reader would know what it was asked.
        let won = read.is_meta && self.hand_out_win(handle, read.recache, ttl);
        let mut rest = Vec::new();
        let mut view = self.view(moment, handle, &mut rest);
        view.ttl_before = ttl_before;
        view.won = won;
        view.win_sent &= !won;
        let result = seen(Some(&view));
        if read.bump {
            self.bump(commons, moment, handle);
        }
        (result, touched)
    }

    /// As [`Shard::find_live`], counting why an item that was there is none any more.
    fn find_live_counted(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        key: &[u8],
    ) -> Option<Handle> {
        let handle = self.table.find(&self.arena, hash, key)?;
        let header = self.arena.header(handle);
        if header.is(TOMBSTONE) {
            return None;
        }
        let flushed = header.version <= moment.watermark;
        if self.survives(commons, moment, hash, handle) {
            return Some(handle);
        }
        self.counters.get_flushed += u64::from(flushed);
        self.counters.get_expired += u64::from(!flushed);
        None
    }

    /// An empty item for a client that promised to fill it (`N`).
    fn vivify<R>(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        read: &Read<'_>,
        exptime: Exptime,
        seen: impl FnOnce(Option<&ItemView<'_>>) -> R,
    ) -> (R, bool) {
        let put = Put {
            content: Content {
                key: read.key,
                value: Value::default(),
                own_cas: read.new_cas,
            },
            flags: 0,
            deadline: moment.deadline(exptime),
            version: self.version_for(moment, hash, read.key),
            marks: WIN_SENT,
        };
        match self.put(commons, moment, hash, &put) {
            Ok(handle) => {
                let mut rest = Vec::new();
                let view = self.view(moment, handle, &mut rest);
                (
                    seen(Some(&ItemView {
                        ttl_before: None,
                        won: true,
                        win_sent: false,
                        ..view
                    })),
                    true,
                )
            }
            Err(NoRoom { .. }) => (seen(None), false),
        }
    }

    /// Whether this reader is the one to recache: the item is stale or nearly expired, and nobody
    /// else was asked.
    fn hand_out_win(&mut self, handle: Handle, recache: Option<i64>, ttl: Option<u32>) -> bool {
        let header = self.arena.header_mut(handle);
        let expiring = match (recache, ttl) {
            (Some(below), Some(ttl)) => i64::from(ttl) < below,
            _ => false,
        };
        let won = !header.is(WIN_SENT) && (header.is(STALE) || expiring);
        if won {
            header.front.marks |= WIN_SENT;
        }
        won
    }

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

    /// incr and decr.
    pub fn arithmetic(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        arithmetic: &Arithmetic<'_>,
    ) -> Result<Outcome, NoRoom> {
        let Some(handle) = self.find_live(commons, moment, hash, arithmetic.key) else {
            let Some((initial, exptime)) = arithmetic.initial else {
                *self.arithmetic_counter(arithmetic.decrement, false) += 1;
                return Ok(Outcome::NotFound);
            };
            let deadline = moment.deadline(exptime);
            let version = self.version_for(moment, hash, arithmetic.key);
            self.counters.total_items += 1;
            return self.put_number(
                commons,
                moment,
                hash,
                arithmetic,
                initial,
                NumberItem {
                    flags: 0,
                    deadline,
                    version,
                    marks: 0,
                    ttl_before: None,
                },
            );
        };
        if arithmetic
            .compare
            .is_some_and(|compare| compare != self.arena.cas(handle))
        {
            return Ok(Outcome::Exists);
        }
        let Some(present) = number(self.arena.value(handle, &mut Vec::new())) else {
            return Ok(Outcome::NonNumeric);
        };
        *self.arithmetic_counter(arithmetic.decrement, true) += 1;
        let value = if arithmetic.decrement {
            present.saturating_sub(arithmetic.delta)
        } else {
            present.wrapping_add(arithmetic.delta)
        };
        let header = self.arena.header(handle);
        let deadline = match arithmetic.exptime {
            Some(exptime) => moment.deadline(exptime),
            None => header.deadline,
        };
        let ttl_before = moment.ttl(header.deadline);
        let version = moment.next_version(self.last_version, header.version);
        // memcached writes over the old number where the new one fits, and the marks stay.
        let digits = value.checked_ilog10().unwrap_or(0) as usize + 1;
        let marks = if digits <= header.value_len() {
            header.front.marks & (STALE | WIN_SENT | FETCHED)
        } else {
            0
        };
        let item = NumberItem {
            flags: header.flags,
            deadline,
            version,
            marks,
            ttl_before,
        };
        self.put_number(commons, moment, hash, arithmetic, value, item)
    }

    fn put_number(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        arithmetic: &Arithmetic<'_>,
        value: u64,
        item: NumberItem,
    ) -> Result<Outcome, NoRoom> {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(value).as_bytes();
        let put = Put {
            content: Content {
                key: arithmetic.key,
                value: Value::whole(digits),
                own_cas: arithmetic.new_cas,
            },
            flags: item.flags,
            deadline: item.deadline,
            version: item.version,
            marks: item.marks,
        };
        let handle = self.put(commons, moment, hash, &put)?;
        Ok(Outcome::Number {
            value,
            cas: self.arena.cas(handle),
            ttl: moment.ttl(item.deadline),
            ttl_before: item.ttl_before,
        })
    }

    fn arithmetic_counter(&mut self, decrement: bool, hit: bool) -> &mut u64 {
        match (decrement, hit) {
            (false, true) => &mut self.counters.incr_hits,
            (false, false) => &mut self.counters.incr_misses,
            (true, true) => &mut self.counters.decr_hits,
            (true, false) => &mut self.counters.decr_misses,
        }
    }

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
        let handle = self.touch_found(commons, moment, hash, handle, touch.exptime)?;
        self.bump(commons, moment, handle);
        Ok(Outcome::Touched)
    }

    /// A touch takes a new version, so that the later of two touches wins on both hosts, and keeps
    /// the cas unique, as memcached does.
    fn touch_found(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        handle: Handle,
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
        self.touch_as(commons, moment, hash, handle, (version, deadline, alone))
    }

    /// Drops a key whose store was refused, so that nobody reads the value it should have lost.
    pub fn forget(&mut self, commons: &Commons, moment: &Moment, hash: Hash, key: &[u8]) {
        if let Some(handle) = self.find_live(commons, moment, hash, key) {
            if commons.replicated {
                let replaced = self.arena.header(handle).version;
                let version = moment.next_version(self.last_version, replaced);
                self.entomb(commons, handle, version);
            } else {
                self.unlink(commons, hash, handle);
            }
        }
    }

    /// The version of a change to a key, present or not.
    fn version_for(&self, moment: &Moment, hash: Hash, key: &[u8]) -> u64 {
        let existing = self.table.find(&self.arena, hash, key);
        let replaced = existing.map_or(0, |handle| self.arena.header(handle).version);
        moment.next_version(self.last_version, replaced)
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
                let next = header.bucket_next;
                if !header.is(TOMBSTONE) {
                    let hash = commons.hash(self.arena.key(at));
                    let survives = self.survives(commons, moment, hash, at);
                    self.counters.crawler_items_checked += 1;
                    self.counters.crawler_reclaimed += u64::from(!survives);
                }
                at = next;
            }
            self.reap_bucket += 1;
        }
        false
    }
}

/// What a number is stored with, besides key and digits.
struct NumberItem {
    flags: u32,
    deadline: u32,
    version: u64,
    marks: u8,
    /// Seconds that the number before it had to live.
    ttl_before: Option<u32>,
}

/// The number a value stands for, as C reads one: up to a zero byte. A value cut into parts is none:
/// memcached counts in none of its own chunked items either.
fn number(value: Value<'_>) -> Option<u64> {
    let value = value.as_whole()?;
    number::unsigned(value.split(|byte| *byte == 0).next()?)
}
