//! The change list as the peer sees it: the store is its own replication log.
//!
//! Every live item and tombstone stands in its shard's list in the order of its last change.
//! Sending is walking the list from a cursor, catching up is the same walk from an earlier place.
//! There is no queue, so nothing overflows; a key changed ten times while the peer lagged is sent
//! once.

use super::blob::{FROM_PEER, Handle, NIL, OWN_CAS, STALE, TOMBSTONE, TOUCH_ONLY, WIN_SENT};
use super::clock::Moment;
use super::shard::{Commons, Cursors, Shard};
use super::table::Hash;
use crate::command::{MARK_STALE, MARK_WIN_SENT, Mutation, Record, Version};

/// What one step of dropping came to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Dropped {
    /// Keys that are gone.
    pub keys: usize,
    /// Items that were looked at.
    pub seen: usize,
}

impl Shard {
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

    pub fn leave_changes(&mut self, handle: Handle) {
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

    /// The peer is connected and has everything up to `position` of this shard; 0 for a peer
    /// without anything of this boot of ours. `new_boot` is true for a peer boot not met before.
    pub fn attach_peer(&mut self, commons: &Commons, position: u64, new_boot: bool) {
        if new_boot {
            self.cursors.boot = self.cursors.last;
            self.cursors.acknowledged = 0;
            self.cursors.next_to_acknowledge = self.changes.front;
        }
        let position = position.min(self.cursors.last);
        self.acknowledge(commons, position);
        self.replaced.attach();
        self.count_contested();
        self.cursors.next_to_send = self.cursors.next_to_acknowledge;
        self.cursors.sent = self.cursors.acknowledged;
        self.cursors.listing = false;
        if new_boot {
            // It has nothing of us that could come back, and gets everything whole.
            self.cursors.comparison_due = false;
            self.cursors.forgotten_change = u64::MAX;
            self.cursors.wanted = None;
        }
    }

    /// Starts the walk anew from the head, listing what the peer need not be sent.
    pub fn begin_comparison(&mut self) {
        self.cursors.comparison_due = false;
        self.cursors.forgotten_change = u64::MAX;
        self.cursors.listing = true;
        self.cursors.next_to_send = self.changes.front;
    }

    /// Takes the marks of comparisons before this one off.
    pub fn begin_listing(&mut self, comparison: u64) {
        if std::mem::replace(&mut self.comparison, comparison) == comparison {
            return;
        }
        let mut at = self.changes.front;
        while at != NIL {
            self.arena.front_mut(at).set_listed(false);
            at = self.changes.next(&self.arena, at);
        }
    }

    /// The comparison has ended: drops every key that the peer had when it began, with what was
    /// `acknowledged` then, and did not list, up to the version of the tombstones it forgot.
    pub fn drop_unlisted(
        &mut self,
        commons: &Commons,
        acknowledged: u64,
        forgotten: Version,
    ) -> Dropped {
        let mut dropped = Dropped::default();
        let mut at = self.changes.front;
        while at != NIL {
            let handle = at;
            at = self.changes.next(&self.arena, handle);
            dropped.seen += 1;
            let header = self.arena.header(handle);
            let spared =
                header.front.is_listed() || header.version > forgotten || header.is(TOMBSTONE);
            if !spared && self.peer_had(handle, acknowledged) {
                let hash = commons.hash(self.arena.key(handle));
                self.unlink(commons, hash, handle);
                dropped.keys += 1;
            }
        }
        dropped
    }

    /// The peer has applied everything up to `position`: tombstones up to there have served.
    pub fn acknowledge(&mut self, commons: &Commons, position: u64) {
        let position = position.min(self.cursors.last);
        // Before the tombstones go: what is acknowledged waits for nothing that comes after it.
        self.cursors.acknowledged = self.cursors.acknowledged.max(position);
        if position == self.cursors.sent && !self.cursors.listing && self.tombstone_count == 0 {
            // All that was sent: nothing of it need be looked at.
            self.cursors.next_to_acknowledge = self.cursors.next_to_send;
        }
        while self.cursors.next_to_acknowledge != NIL {
            let handle = self.cursors.next_to_acknowledge;
            let header = self.arena.header(handle);
            if header.change > position {
                break;
            }
            if header.is(TOMBSTONE) {
                let hash = commons.hash(self.arena.key(handle));
                self.unlink(commons, hash, handle);
            } else {
                self.cursors.next_to_acknowledge = self.changes.next(&self.arena, handle);
            }
        }
        self.settle_contested(position);
    }

    /// Whether something waits to be sent.
    pub const fn has_unsent(&self) -> bool {
        self.cursors.sent < self.cursors.last || self.cursors.listing
    }

    /// Walks on from the last place and hands each mutation that the peer lacks to `emit`, which
    /// returns false once it has enough. At most `steps` list entries are looked at. Returns the
    /// position that the peer reaches by applying what was handed out.
    pub fn send(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        mut steps: usize,
        mut emit: impl FnMut(Record<'_>) -> bool,
    ) -> u64 {
        while self.cursors.next_to_send != NIL && steps > 0 {
            steps -= 1;
            let handle = self.cursors.next_to_send;
            self.cursors.next_to_send = self.changes.next(&self.arena, handle);
            let header = self.arena.header(handle);
            self.cursors.sent = self.cursors.sent.max(header.change);
            let known = self.cursors.listing && header.change <= self.cursors.acknowledged;
            let more = if !known && !self.is_withheld(handle) {
                let mut rest = Vec::new();
                let mutation = self.mutation(moment, handle, &mut rest);
                emit(as_the_peer_takes_it(mutation, commons.item_size_max()))
            } else if self.cursors.listing && !header.is(TOMBSTONE) {
                emit(Record::Listed(self.arena.key(handle)))
            } else {
                true
            };
            if !more {
                break;
            }
        }
        if self.cursors.next_to_send == NIL {
            // Numbers whose items have changed again or gone lie behind the last one.
            self.cursors.sent = self.cursors.last;
            self.cursors.listing = false;
        }
        self.told()
    }

    /// The position that the peer reaches by applying what it was sent.
    pub fn told(&self) -> u64 {
        self.cursors.sent.min(self.cursors.forgotten_change - 1)
    }

    /// The peer's present boot sent it itself. Never decided by the node bit of the version: a new
    /// boot of the peer gets everything, also what its predecessor wrote.
    pub fn is_withheld(&self, handle: Handle) -> bool {
        let header = self.arena.header(handle);
        header.is(FROM_PEER) && header.change > self.cursors.boot
    }

    fn mutation<'a>(
        &'a self,
        moment: &Moment,
        handle: Handle,
        rest: &'a mut Vec<&'a [u8]>,
    ) -> Mutation<'a> {
        let header = self.arena.header(handle);
        let key = self.arena.key(handle);
        let version = header.version;
        if header.is(TOMBSTONE) {
            return Mutation::Tombstone { key, version };
        }
        let life = moment.life(header.deadline);
        let cas = self.arena.cas(handle);
        if header.is(TOUCH_ONLY) && header.change > self.cursors.boot {
            return Mutation::Touch {
                key,
                version,
                cas,
                life,
            };
        }
        let stale = if header.is(STALE) { MARK_STALE } else { 0 };
        let win_sent = if header.is(WIN_SENT) {
            MARK_WIN_SENT
        } else {
            0
        };
        Mutation::Item {
            key,
            value: self.arena.value(handle, rest),
            flags: header.flags,
            life,
            version,
            cas: header.is(OWN_CAS).then_some(cas),
            marks: stale | win_sent,
        }
    }

    /// The peer lacks the value of a touched item: it travels whole, as the newest change.
    pub fn send_whole(&mut self, commons: &Commons, hash: Hash, key: &[u8]) {
        if let Some(handle) = self.table.find(&self.arena, hash, key) {
            let header = self.arena.header_mut(handle);
            // It may have been touched again since: the touch that the peer asks for comes next
            // after what it has acknowledged, at the earliest.
            let touched = header.change.min(self.cursors.acknowledged + 1);
            header.front.marks &= !(TOUCH_ONLY | FROM_PEER);
            self.record_change(commons, handle);
            let earlier = self
                .cursors
                .wanted
                .map_or(touched, |(from, _)| from.min(touched));
            self.cursors.wanted = Some((earlier, self.cursors.last));
        }
    }

    /// Up to where replies may leave: what the peer has acknowledged and really has.
    pub fn vouched(&mut self) -> u64 {
        let Cursors {
            acknowledged, last, ..
        } = self.cursors;
        let acknowledged = self.replaced.vouched(acknowledged, last);
        match self.cursors.wanted {
            Some((touched, until)) if acknowledged < until => acknowledged.min(touched - 1),
            _ => {
                self.cursors.wanted = None;
                acknowledged
            }
        }
    }
}

/// An item from before the two nodes met may be above the lower of their limits.
fn as_the_peer_takes_it(mutation: Mutation<'_>, value_bytes_max: usize) -> Record<'_> {
    match mutation {
        Mutation::Item {
            key,
            value,
            version,
            ..
        } if value.len() > value_bytes_max => Record::TooLarge { key, version },
        mutation => Record::Mutation(mutation),
    }
}
