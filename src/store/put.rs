//! How an item comes into a shard, in place of whatever its key held.

use super::blob::{CUT, Content, Handle, OWN_CAS};
use super::clock::Moment;
use super::room::Room;
use super::shard::{Commons, NoRoom, Shard};
use super::table::Hash;
use crate::command::Version;

/// What an item becomes.
pub(super) struct Put<'a> {
    pub content: Content<'a>,
    pub flags: u32,
    pub deadline: u32,
    pub version: Version,
    /// `STALE`, `WIN_SENT`, `FETCHED`, `TOUCH_ONLY`, `FROM_PEER`.
    pub marks: u8,
}

impl Shard {
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
    pub fn place(
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
}
