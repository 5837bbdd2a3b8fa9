//! `flush_all`: one watermark, now or later, here or on the peer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use vrrp::time::Instant;

use super::{Store, clock};
use crate::command::{Exptime, Ticket, Version};

/// A peer that has said nothing for this long does not issue what it has accepted: heartbeats come
/// every 100 ms.
const PEER_SILENT: Duration = Duration::from_millis(300);
/// One that is heard has this long. Its clock may run slower than ours; but where both hosts
/// accepted one at the same moment, each has taken the other's for the later one, and waits.
const PEER_WAIT_MAX: Duration = Duration::from_secs(10);

/// A `flush_all` with a delay.
#[derive(Clone, Copy)]
pub(super) struct DelayedFlush {
    due: Instant,
    /// The clock when it was accepted or told: a flush after that replaces it.
    accepted: Version,
    /// Accepted by this node, not told by the peer.
    own: bool,
    /// The peer knows of it.
    told: bool,
}

impl DelayedFlush {
    /// Whether this node is to issue it now.
    fn is_due(&self, now: Instant, peer_heard_at: Option<Instant>) -> bool {
        let late = now.since(self.due);
        let peer_is_silent = || peer_heard_at.is_none_or(|at| now.since(at) >= PEER_SILENT);
        self.due <= now && (self.own || late >= PEER_WAIT_MAX || peer_is_silent())
    }
}

impl Store {
    /// Flushes everything stored up to now. The ticket is served when the peer knows the
    /// watermark.
    pub fn flush(&self, now: Instant) -> Ticket {
        let newest = self
            .shards
            .iter()
            .map(|shard| shard.0.lock().last_version)
            .max();
        let moment = self.moment(now);
        let version = moment.next_version(newest.unwrap_or(0), 0);
        self.raise_watermark(version);
        self.mark_dirty(0);
        Ticket {
            shard: self.acknowledged.watermark_slot(),
            change: version,
        }
    }

    /// `flush_all` with its delay as a client wrote it. A delayed one has no ticket: it is due
    /// later, and a new one replaces it.
    pub fn flush_all(&self, now: Instant, delay: Exptime) -> Option<Ticket> {
        let moment = self.moment(now);
        let deadline = moment.deadline(delay);
        if deadline == clock::NEVER || moment.is_past(deadline) {
            *self.flush_due.lock() = None;
            return Some(self.flush(now));
        }
        let due = now + Duration::from_millis(moment.millis_until(deadline));
        *self.flush_due.lock() = Some(DelayedFlush {
            due,
            accepted: moment.clock,
            own: true,
            told: false,
        });
        self.mark_dirty(0);
        None
    }

    /// The peer accepted a flush that is due then. It issues the watermark itself; we do so only
    /// if that does not come.
    pub fn flush_later_for_peer(&self, now: Instant, due: Instant) {
        *self.flush_due.lock() = Some(DelayedFlush {
            due,
            accepted: self.moment(now).clock,
            own: false,
            told: true,
        });
    }

    /// The due time of a delayed flush of ours that the peer was not told of since it connected.
    pub fn take_untold_flush(&self) -> Option<Instant> {
        let mut delayed = self.flush_due.lock();
        let delayed = delayed
            .as_mut()
            .filter(|delayed| delayed.own && !delayed.told)?;
        delayed.told = true;
        Some(delayed.due)
    }

    /// A new connection: each tells again. What a former boot of the peer had accepted nobody else
    /// knows of any more, so it is ours now.
    pub fn attach_delayed_flush(&self, new_boot: bool) {
        let mut delayed = self.flush_due.lock();
        delayed.take_if(|delayed| !delayed.own && !new_boot);
        if let Some(delayed) = delayed.as_mut() {
            (delayed.own, delayed.told) = (true, false);
        }
    }

    /// A watermark heard from the peer. A delayed flush that was accepted before it is replaced, as
    /// it is where both come to one host.
    pub fn raise_watermark_of_peer(&self, watermark: Version) {
        if watermark > self.watermark() {
            let older = |delayed: &mut DelayedFlush| !delayed.own || delayed.accepted <= watermark;
            self.flush_due.lock().take_if(older);
            self.raise_watermark(watermark);
        }
    }

    /// Issues a delayed flush whose time has come. Call it a few times a second. `peer_heard_at`:
    /// when the peer was last heard, if it is connected.
    ///
    /// Whoever issues it and however late, the watermark is the clock at the time it was due. A peer
    /// that dies in silence just before is connected yet, so what it has accepted is kept until its
    /// watermark comes. One that was merely late, or paused, still issues its own after we have
    /// issued ours: both clocks follow each other, so the two watermarks are the same but for the
    /// time that a word takes from host to host, and what was stored since is above both. The clock
    /// at the time of issuing would remove what was stored between the one and the other.
    pub fn flush_if_due(&self, now: Instant, peer_heard_at: Option<Instant>) {
        let is_due = |flush: &mut DelayedFlush| flush.is_due(now, peer_heard_at);
        let Some(flush) = self.flush_due.lock().take_if(is_due) else {
            return;
        };
        let moment = self.moment(flush.due);
        self.raise_watermark(moment.clock & !1 | moment.node_bit);
        self.mark_dirty(0);
    }

    /// The flush watermark: items up to this version are gone.
    pub fn watermark(&self) -> Version {
        self.watermark.load(Ordering::Acquire)
    }

    /// It never falls.
    fn raise_watermark(&self, watermark: Version) {
        self.watermark.fetch_max(watermark, Ordering::AcqRel);
    }
}
