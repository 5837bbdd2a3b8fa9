//! What retrievals do to a shard, as memcached's protocol.txt says.

use super::blob::{Content, FETCHED, Handle, STALE, TOMBSTONE, WIN_SENT};
use super::clock::Moment;
use super::put::Put;
use super::shard::{Commons, NoRoom, Shard};
use super::table::Hash;
use crate::command::{Exptime, ItemView, Read, Value};

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
            match self.touch_found(commons, moment, hash, (read.key, handle), exptime) {
                Ok(at) => (handle, touched) = (at, true),
                Err(NoRoom { .. }) => return (seen(None), false),
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
}
