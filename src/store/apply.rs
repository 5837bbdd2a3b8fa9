//! What the peer's mutations do to a shard: last writer wins by version.

use super::blob::{Content, FROM_PEER, Handle, STALE, TOMBSTONE, WIN_SENT};
use super::clock::Moment;
use super::put::Put;
use super::shard::{Commons, NoRoom, Shard};
use super::table::Hash;
use crate::command::{Applied, MARK_STALE, MARK_WIN_SENT, Mutation, Value, Version};

impl Shard {
    /// Applies a mutation of the peer. Whatever it returns, the peer's position moves.
    pub fn apply(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        mutation: &Mutation<'_>,
    ) -> Applied {
        self.last_version = self.last_version.max(mutation.version());
        let existing = self.table.find(&self.arena, hash, mutation.key());
        let applied = match existing {
            Some(handle) if !self.yields(handle, mutation) => {
                self.note_won(handle, mutation);
                Applied::Older
            }
            _ => self.accept(commons, moment, hash, existing, mutation),
        };
        match applied {
            Applied::Done => self.counters.peer_applied += 1,
            Applied::Older => self.counters.peer_older += 1,
            // Counted by the store, which may make room and try again.
            Applied::Refused | Applied::Want => {}
        }
        applied
    }

    /// Whether what we have is older. Equal versions are the same change, or a clash of two nodes
    /// that had not met: then a removal wins, and of two items the larger checksum, on both hosts.
    fn yields(&self, handle: Handle, mutation: &Mutation<'_>) -> bool {
        let header = self.arena.header(handle);
        if header.version != mutation.version() {
            return header.version < mutation.version();
        }
        match mutation {
            _ if header.is(TOMBSTONE) => false,
            Mutation::Tombstone { .. } => true,
            Mutation::Touch { .. } => false,
            Mutation::Item { value, flags, .. } => {
                let mut rest = Vec::new();
                let ours = checksum(self.arena.value(handle, &mut rest), header.flags);
                checksum(*value, *flags) > ours
            }
        }
    }

    fn accept(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        existing: Option<Handle>,
        mutation: &Mutation<'_>,
    ) -> Applied {
        if let Some(handle) = existing {
            self.note_lost(handle, mutation);
        }
        match *mutation {
            Mutation::Tombstone { .. } => {
                // No tombstone of ours: only the peer could send an older value, and what it
                // sends after this is newer.
                if let Some(handle) = existing {
                    self.unlink(commons, hash, handle);
                }
                Applied::Done
            }
            Mutation::Item {
                key,
                value,
                flags,
                life,
                version,
                cas,
                marks,
            } => {
                if version <= moment.watermark {
                    return self.refuse(commons, hash, existing, Applied::Older);
                }
                if value.len() > commons.item_size_max() {
                    self.counters.peer_refused += 1;
                    return self.refuse(commons, hash, existing, Applied::Older);
                }
                let stale = if marks & MARK_STALE != 0 { STALE } else { 0 };
                let win_sent = if marks & MARK_WIN_SENT != 0 {
                    WIN_SENT
                } else {
                    0
                };
                let put = Put {
                    content: Content {
                        key,
                        value,
                        own_cas: cas,
                    },
                    flags,
                    deadline: moment.deadline_of(life),
                    version,
                    marks: FROM_PEER | stale | win_sent,
                };
                match self.put(commons, moment, hash, &put) {
                    Ok(_) => Applied::Done,
                    Err(NoRoom { .. }) => {
                        let existing = self.table.find(&self.arena, hash, key);
                        self.refuse(commons, hash, existing, Applied::Refused)
                    }
                }
            }
            Mutation::Touch {
                version, cas, life, ..
            } => {
                let touched = existing.filter(|handle| {
                    let header = self.arena.header(*handle);
                    !header.is(TOMBSTONE) && self.arena.cas(*handle) == cas
                });
                let Some(handle) = touched else {
                    return Applied::Want;
                };
                let deadline = moment.deadline_of(life);
                let touch = (version, deadline, FROM_PEER);
                match self.touch_as(commons, moment, hash, handle, touch) {
                    Ok(handle) => {
                        self.renew(moment, handle);
                        Applied::Done
                    }
                    Err(NoRoom { .. }) => Applied::Want,
                }
            }
        }
    }

    /// An item of the peer stays away, as it is too large for this node.
    pub fn refuse_version(&mut self, commons: &Commons, hash: Hash, key: &[u8], version: Version) {
        self.last_version = self.last_version.max(version);
        self.counters.peer_refused += 1;
        if let Some(handle) = self.table.find(&self.arena, hash, key)
            && self.arena.header(handle).version < version
        {
            self.unlink(commons, hash, handle);
        }
    }

    /// What cannot be stored must not leave an older value behind.
    fn refuse(
        &mut self,
        commons: &Commons,
        hash: Hash,
        existing: Option<Handle>,
        why: Applied,
    ) -> Applied {
        if let Some(handle) = existing {
            self.unlink(commons, hash, handle);
        }
        why
    }
}

fn checksum(value: Value<'_>, flags: u32) -> u32 {
    let flags = crc32c::crc32c(&flags.to_le_bytes());
    value.parts().fold(flags, crc32c::crc32c_append)
}
