//! One direction: how far the peer has what we have, and whether replies wait for it.
//!
//! ```text
//!             positions of       what was changed until then
//!             our hello reached  is acknowledged
//! CatchingUp ----------------> Confirming ----------------> InSync
//!      ^                          (replies wait from here on)   |
//!      +------------------ connection lost ---------------------+
//! ```
//!
//! Whether replies wait for it is `waiting.rs`.

use std::collections::VecDeque;
use std::time::Duration;

use vrrp::time::Instant;

use super::catch_up::{CatchUp, CatchUpFigures};
use super::on_the_way::OnTheWay;
use super::status::Condition;
use super::targets::Targets;
use super::waiting::RETURN_AFTER_MIN;
use crate::store::Store;

/// How far the peer is.
#[derive(Debug)]
pub(super) enum Progress {
    Detached,
    CatchingUp(Targets),
    Confirming(Targets),
    InSync { since: Instant },
}

/// What changed for others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// The peer has everything that our replies vouch for.
    InSync,
    /// Replies no longer wait; whoever waits must be woken.
    Degraded,
    /// Replies wait again.
    Restored,
}

/// The state of this direction.
pub(super) struct Sending {
    pub(super) progress: Progress,
    /// `acknowledge: peer`; otherwise replies never wait.
    pub(super) wait: bool,
    pub(super) timeout: Duration,
    pub(super) degraded: bool,
    pub(super) return_after: Duration,
    pub(super) holding_since: Instant,
    pub(super) on_the_way: OnTheWay,
    /// When the newest flush was sent.
    pub(super) flush_sent_at: Option<Instant>,
    pub(super) catch_up: Option<CatchUp>,
    pub(super) degraded_since: Option<Instant>,
    pub(super) degraded_before: Duration,
    /// When to look whether the peer has answered, or is back, in time.
    pub(super) overdue_at: Option<Instant>,
    /// Replies wait again; the pair is called restored when the peer has reached this.
    pub(super) restoring: Option<Targets>,
    /// The peer was too slow to wait for: when to look again.
    pub(super) restore_again_at: Instant,
    /// What must be acknowledged by when. A peer that answers all the time, but ever later while
    /// changes pile up in the store, is found by this.
    pub(super) due: VecDeque<(Instant, Vec<u64>)>,
    /// How often the waiting was given up.
    pub degradations: u64,
}

impl Sending {
    pub fn new(wait: bool, timeout: Duration, shards: usize) -> Sending {
        Sending {
            progress: Progress::Detached,
            wait,
            timeout,
            degraded: false,
            return_after: RETURN_AFTER_MIN,
            holding_since: Instant::ZERO,
            on_the_way: OnTheWay::new(shards, timeout),
            flush_sent_at: None,
            catch_up: None,
            degraded_since: None,
            degraded_before: Duration::ZERO,
            overdue_at: None,
            restoring: None,
            restore_again_at: Instant::ZERO,
            due: VecDeque::new(),
            degradations: 0,
        }
    }

    pub const fn is_in_sync(&self) -> bool {
        matches!(self.progress, Progress::InSync { .. })
    }

    /// How long the oldest outstanding change has waited.
    pub fn lag(&self, now: Instant) -> Duration {
        self.on_the_way
            .oldest()
            .map_or(Duration::ZERO, |since| now.since(since))
    }

    /// How long replies did not wait although they should have, since start.
    pub fn degraded_for(&self, now: Instant) -> Duration {
        let present = self
            .degraded_since
            .map_or(Duration::ZERO, |since| now.since(since));
        self.degraded_before + present
    }

    /// How far the running catch-up is.
    pub fn catch_up(&self, now: Instant, bytes_sent: u64) -> Option<CatchUpFigures> {
        let (Progress::CatchingUp(targets) | Progress::Confirming(targets)) = &self.progress else {
            return None;
        };
        Some(self.catch_up?.figures(now, targets.remaining, bytes_sent))
    }

    /// What replies are worth now. A peer that was too slow also has to catch up, but it is
    /// degraded that one calls it: the connection stood all the time.
    pub const fn condition(&self) -> Condition {
        match self.progress {
            Progress::Detached => Condition::Disconnected,
            _ if self.catch_up.is_some() => Condition::CatchingUp,
            _ if self.degraded => Condition::Degraded,
            _ => Condition::InSync,
        }
    }

    /// A connection feeds the peer; `told` are the positions of our hello.
    pub fn attach(
        &mut self,
        now: Instant,
        told: Vec<u64>,
        store: &Store,
        bytes_sent: u64,
    ) -> Option<Change> {
        self.on_the_way.clear();
        self.flush_sent_at = None;
        let targets = Targets::new(told, store);
        self.catch_up = Some(CatchUp::begin(now, targets.remaining, bytes_sent));
        self.progress = Progress::CatchingUp(targets);
        self.advance(now, store, bytes_sent)
    }

    /// The connection is gone. The peer has the acknowledge timeout to come back.
    pub fn detach(&mut self, now: Instant, store: &Store) {
        self.progress = Progress::Detached;
        self.restoring = None;
        if store.acknowledged().is_holding() && self.overdue_at.is_none() {
            self.overdue_at = Some(now + self.timeout);
        }
    }

    /// Changes of a shard up to `position` are on their way.
    pub fn sent(&mut self, now: Instant, shard: usize, position: u64, store: &Store) {
        let acknowledged = store.acknowledged().position(shard);
        self.on_the_way.sent(now, shard, position, acknowledged);
        if !self.on_the_way.is_empty() {
            self.overdue_at.get_or_insert(now + self.timeout);
        }
    }

    /// A flush is on its way: its echo is an answer that is waited for like others.
    pub fn flush_sent(&mut self, now: Instant) {
        self.flush_sent_at = Some(now);
        self.overdue_at.get_or_insert(now + self.timeout);
    }

    /// The peer echoed a watermark: if nothing else is outstanding, nothing is waited for.
    pub fn watermark_echoed(&mut self, store: &Store) {
        if self.on_the_way.is_empty() && knows_watermark(store) {
            self.overdue_at = None;
        }
    }

    /// The peer acknowledged a shard from position `from` up to `to`.
    pub fn acknowledged(&mut self, shard: usize, (from, to): (u64, u64), store: &Store) {
        self.on_the_way.acknowledged(shard, to);
        // While it catches up, its answers are about the past: they do not buy it more time.
        if !matches!(self.progress, Progress::CatchingUp(_)) {
            self.watermark_echoed(store);
        }
        if let Progress::CatchingUp(targets) | Progress::Confirming(targets) = &mut self.progress {
            targets.advance(shard, from, to);
        }
        if let Some(targets) = &mut self.restoring {
            targets.advance(shard, from, to);
        }
    }

    /// Takes the next step of the catch-up, if it is due.
    pub fn advance(&mut self, now: Instant, store: &Store, bytes_sent: u64) -> Option<Change> {
        if let Progress::CatchingUp(Targets { remaining, .. }) = self.progress
            && let Some(catch_up) = &mut self.catch_up
        {
            catch_up.report(now, remaining, bytes_sent);
        }
        if !knows_watermark(store) {
            return None;
        }
        if let Progress::CatchingUp(Targets { unmet: 0, .. }) = self.progress {
            if self.wait && !self.degraded {
                self.hold(now, store);
            }
            self.progress = Progress::Confirming(Targets::new(store.positions(), store));
            store.mark_lagging();
        }
        if let Progress::Confirming(Targets { unmet: 0, .. }) = self.progress {
            self.progress = Progress::InSync { since: now };
            if self.on_the_way.is_empty() {
                self.overdue_at = None;
            }
            if let Some(catch_up) = self.catch_up.take() {
                catch_up.end(now, bytes_sent);
            }
            return Some(Change::InSync);
        }
        self.end_restoring(now)
    }
}

/// The peer has echoed the present flush watermark.
pub(super) fn knows_watermark(store: &Store) -> bool {
    let slot = store.acknowledged().watermark_slot() as usize;
    store.acknowledged().position(slot) >= store.watermark()
}
