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
//! A peer that does not answer within the acknowledge timeout, or does not come back within it,
//! ends the waiting ("degraded"). It returns once the peer has been in sync for a second, and for
//! longer each time it breaks again soon, up to a minute.

use std::time::Duration;

use vrrp::time::Instant;

use super::catch_up::{CatchUp, CatchUpFigures};
use crate::store::Store;

const RETURN_AFTER_MIN: Duration = Duration::from_secs(1);
const RETURN_AFTER_MAX: Duration = Duration::from_secs(60);

/// Positions to be reached, one per shard.
#[derive(Debug)]
pub(super) struct Targets {
    positions: Vec<u64>,
    unmet: usize,
    /// Changes to go.
    remaining: u64,
}

impl Targets {
    fn new(positions: Vec<u64>, store: &Store) -> Targets {
        let acknowledged = store.acknowledged();
        let behind = positions
            .iter()
            .enumerate()
            .map(|(shard, target)| target.saturating_sub(acknowledged.position(shard)));
        let (unmet, remaining) = behind
            .filter(|behind| *behind > 0)
            .fold((0, 0), |(unmet, remaining), behind| {
                (unmet + 1, remaining + behind)
            });
        Targets {
            positions,
            unmet,
            remaining,
        }
    }

    fn advance(&mut self, shard: usize, from: u64, to: u64) {
        let target = self.positions[shard];
        if from < target {
            self.remaining -= to.min(target) - from;
            self.unmet -= usize::from(to >= target);
        }
    }
}

#[derive(Debug)]
enum Progress {
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
    progress: Progress,
    /// `acknowledge: peer`; otherwise replies never wait.
    wait: bool,
    timeout: Duration,
    degraded: bool,
    return_after: Duration,
    holding_since: Instant,
    /// Shards with something sent and not acknowledged.
    outstanding: usize,
    sent: Vec<u64>,
    /// Since when something is outstanding.
    behind_since: Option<Instant>,
    catch_up: Option<CatchUp>,
    degraded_since: Option<Instant>,
    degraded_before: Duration,
    /// When the peer must have answered or be back.
    overdue_at: Option<Instant>,
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
            outstanding: 0,
            sent: vec![0; shards],
            behind_since: None,
            catch_up: None,
            degraded_since: None,
            degraded_before: Duration::ZERO,
            overdue_at: None,
            degradations: 0,
        }
    }

    pub const fn is_in_sync(&self) -> bool {
        matches!(self.progress, Progress::InSync { .. })
    }

    pub const fn is_degraded(&self) -> bool {
        self.degraded
    }

    /// How long the oldest outstanding change has waited.
    pub fn lag(&self, now: Instant) -> Duration {
        self.behind_since
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

    /// In words for people.
    pub const fn describe(&self) -> &'static str {
        match self.progress {
            Progress::Detached => "disconnected",
            Progress::CatchingUp(_) => "catching up",
            Progress::Confirming(_) => "confirming",
            Progress::InSync { .. } => "in sync",
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
        for (shard, sent) in self.sent.iter_mut().enumerate() {
            *sent = store.acknowledged().position(shard);
        }
        self.outstanding = 0;
        self.behind_since = None;
        let targets = Targets::new(told, store);
        self.catch_up = Some(CatchUp::begin(now, targets.remaining, bytes_sent));
        self.progress = Progress::CatchingUp(targets);
        self.advance(now, store, bytes_sent)
    }

    /// The connection is gone. The peer has the acknowledge timeout to come back.
    pub fn detach(&mut self, now: Instant, store: &Store) {
        self.progress = Progress::Detached;
        if store.acknowledged().is_holding() && self.overdue_at.is_none() {
            self.overdue_at = Some(now + self.timeout);
        }
    }

    /// Changes of a shard up to `position` are on their way.
    pub fn sent(&mut self, now: Instant, shard: usize, position: u64, store: &Store) {
        let acknowledged = store.acknowledged().position(shard);
        if self.sent[shard] <= acknowledged && position > acknowledged {
            self.outstanding += 1;
            self.behind_since.get_or_insert(now);
            self.overdue_at.get_or_insert(now + self.timeout);
        }
        self.sent[shard] = self.sent[shard].max(position);
    }

    /// A flush is on its way: its echo is an answer that is waited for like others.
    pub fn flush_sent(&mut self, now: Instant) {
        self.overdue_at.get_or_insert(now + self.timeout);
    }

    /// The peer echoed a watermark: if nothing else is outstanding, nothing is waited for.
    pub fn watermark_echoed(&mut self, store: &Store) {
        if self.outstanding == 0 && knows_watermark(store) {
            self.overdue_at = None;
        }
    }

    /// The peer acknowledged a shard from position `from` up to `to`.
    pub fn acknowledged(
        &mut self,
        now: Instant,
        shard: usize,
        (from, to): (u64, u64),
        store: &Store,
    ) {
        if from < self.sent[shard] && to >= self.sent[shard] {
            self.outstanding -= 1;
        }
        if self.outstanding == 0 {
            self.behind_since = None;
        }
        // While it catches up, its answers are about the past: they do not buy it more time.
        if !matches!(self.progress, Progress::CatchingUp(_)) {
            let waits = self.outstanding > 0 || !knows_watermark(store);
            self.overdue_at = waits.then(|| now + self.timeout);
        }
        if let Progress::CatchingUp(targets) | Progress::Confirming(targets) = &mut self.progress {
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
            if self.outstanding == 0 {
                self.overdue_at = None;
            }
            if let Some(catch_up) = self.catch_up.take() {
                catch_up.end(now, bytes_sent);
            }
            return Some(Change::InSync);
        }
        None
    }

    /// The peer's process is gone, and its memory with it: nobody is left to wait for.
    pub fn give_up(&mut self, now: Instant, store: &Store) -> Option<Change> {
        self.overdue_at = None;
        store.acknowledged().is_holding().then(|| {
            self.degrade(now, store);
            Change::Degraded
        })
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match (self.overdue_at, self.restore_at()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    pub fn handle_timeout(&mut self, now: Instant, store: &Store) -> Option<Change> {
        if self.overdue_at.is_some_and(|at| at <= now) {
            self.overdue_at = None;
            if store.acknowledged().is_holding() {
                self.degrade(now, store);
                return Some(Change::Degraded);
            }
        }
        if self.restore_at().is_some_and(|at| at <= now) {
            self.degraded = false;
            let since = self.degraded_since.take();
            self.degraded_before += since.map_or(Duration::ZERO, |since| now.since(since));
            self.hold(now, store);
            return Some(Change::Restored);
        }
        None
    }

    /// When replies wait again. Not while the peer owes an answer: that answer comes first.
    fn restore_at(&self) -> Option<Instant> {
        match self.progress {
            Progress::InSync { since } if self.degraded && self.outstanding == 0 => {
                Some(since + self.return_after)
            }
            _ => None,
        }
    }

    fn hold(&mut self, now: Instant, store: &Store) {
        self.holding_since = now;
        store.acknowledged().set_holding(true);
    }

    fn degrade(&mut self, now: Instant, store: &Store) {
        store.acknowledged().set_holding(false);
        let broke_soon = self.degraded_before() && now.since(self.holding_since) < RETURN_AFTER_MAX;
        self.return_after = if broke_soon {
            (self.return_after * 2).min(RETURN_AFTER_MAX)
        } else {
            RETURN_AFTER_MIN
        };
        self.degraded = true;
        self.degraded_since.get_or_insert(now);
        self.degradations += 1;
        if !matches!(self.progress, Progress::Detached) {
            // What is answered from now on is not on the peer: it has to catch up.
            self.progress = Progress::CatchingUp(Targets::new(store.positions(), store));
        }
    }

    const fn degraded_before(&self) -> bool {
        self.degradations > 0
    }
}

/// The peer has echoed the present flush watermark.
fn knows_watermark(store: &Store) -> bool {
    let slot = store.acknowledged().watermark_slot() as usize;
    store.acknowledged().position(slot) >= store.watermark()
}
