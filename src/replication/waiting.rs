//! Whether replies wait for the peer: when the waiting is given up, and when it returns.
//!
//! A peer that does not answer within the acknowledge timeout, or does not come back within it,
//! ends the waiting ("degraded"). It returns once the peer has been in sync for a second, and for
//! longer each time it breaks again soon, up to a minute. Constant load does not delay the return:
//! then something is always on its way to the peer, but never for long. The return has two steps,
//! as being in sync has: replies wait again, and when what was changed until then is acknowledged,
//! the pair is no longer called degraded.

use std::time::Duration;

use vrrp::time::Instant;

use super::sending::{Change, Progress, Sending, knows_watermark};
use super::targets::Targets;
use crate::store::Store;

pub(super) const RETURN_AFTER_MIN: Duration = Duration::from_secs(1);
const RETURN_AFTER_MAX: Duration = Duration::from_secs(60);
/// The store's positions are noted at most this often within the acknowledge timeout.
const DUE_PER_TIMEOUT: u32 = 5;

impl Sending {
    /// The peer's process is gone, and its memory with it: nobody is left to wait for.
    pub fn give_up(&mut self, now: Instant, store: &Store) -> Option<Change> {
        self.overdue_at = None;
        store.acknowledged().is_holding().then(|| {
            self.degrade(now, store);
            Change::Degraded
        })
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        // Nobody waits for what is due while nothing is held.
        let due = self.due.front().filter(|_| self.is_waited_for());
        let due = due.map(|(at, _)| *at);
        let times = [self.overdue_at, due, self.restore_at()];
        times.into_iter().flatten().min()
    }

    pub fn handle_timeout(&mut self, now: Instant, store: &Store) -> Option<Change> {
        self.note_due(now, store);
        let late = self.due.front().is_some_and(|(at, _)| *at <= now);
        if late || self.overdue_at.is_some_and(|at| at <= now) {
            self.overdue_at = self.overdue_later(store).filter(|at| *at > now && !late);
            if self.overdue_at.is_none() && store.acknowledged().is_holding() {
                self.due.clear();
                self.degrade(now, store);
                return Some(Change::Degraded);
            }
        }
        if self.restore_at().is_some_and(|at| at <= now) {
            return self.begin_restoring(now, store);
        }
        None
    }

    /// Lets replies wait again, unless they would wait for long.
    fn begin_restoring(&mut self, now: Instant, store: &Store) -> Option<Change> {
        if self.outstanding_for(now, store) >= self.timeout / 2 {
            self.restore_again_at = now + self.timeout / DUE_PER_TIMEOUT;
            return None;
        }
        self.hold(now, store);
        self.due.clear();
        self.restoring = Some(Targets::new(store.positions(), store));
        store.mark_lagging();
        self.end_restoring(now)
    }

    /// The pair is restored once the peer has what was answered before replies waited again.
    pub(super) fn end_restoring(&mut self, now: Instant) -> Option<Change> {
        self.restoring.take_if(|targets| targets.unmet == 0)?;
        self.degraded = false;
        let since = self.degraded_since.take();
        self.degraded_before += since.map_or(Duration::ZERO, |since| now.since(since));
        Some(Change::Restored)
    }

    /// How long the peer has owed us the oldest answer, also for what is still in the store.
    fn outstanding_for(&self, now: Instant, store: &Store) -> Duration {
        let flush = self.flush_sent_at.filter(|_| !knows_watermark(store));
        let sent = self.on_the_way.oldest().into_iter().chain(flush).min();
        let noted = self
            .due
            .front()
            .map(|(at, _)| self.timeout - at.since(now).min(self.timeout));
        let sent = sent.map(|since| now.since(since));
        sent.into_iter().chain(noted).max().unwrap_or_default()
    }

    /// Drops what was acknowledged in time, and notes what must be from now on. While degraded one
    /// note at a time tells how fast the peer is.
    fn note_due(&mut self, now: Instant, store: &Store) {
        let holding = store.acknowledged().is_holding();
        // Also while the connection is gone: one that breaks again and again must not make an
        // answer wait anew each time.
        if !(holding || self.degraded && self.is_in_sync()) {
            self.due.clear();
            return;
        }
        let covered = |positions: &[u64]| {
            let mut positions = positions.iter().enumerate();
            positions.all(|(shard, at)| store.acknowledged().position(shard) >= *at)
        };
        while self
            .due
            .front()
            .is_some_and(|(_, positions)| covered(positions))
        {
            self.due.pop_front();
        }
        let at = now + self.timeout;
        let last = self.due.back().map(|(last, _)| *last);
        let spacing = self.timeout / DUE_PER_TIMEOUT;
        let spaced = last.is_none_or(|last| holding && last + spacing <= at);
        if spaced && !store.is_acknowledged() {
            self.due.push_back((at, store.own_positions()));
        }
    }

    /// When the answer is overdue that has been waited for longest. `None` where it is so already:
    /// a peer that is gone or catches up was to be back by now.
    fn overdue_later(&self, store: &Store) -> Option<Instant> {
        if matches!(self.progress, Progress::Detached | Progress::CatchingUp(_)) {
            return None;
        }
        let flush = self.flush_sent_at.filter(|_| !knows_watermark(store));
        let oldest = self.on_the_way.oldest().into_iter().chain(flush).min()?;
        // What was sent before replies began to wait delays nobody yet.
        Some(oldest.max(self.holding_since) + self.timeout)
    }

    /// When replies wait again, unless the peer turns out to be slow.
    fn restore_at(&self) -> Option<Instant> {
        match self.progress {
            Progress::InSync { since } if self.degraded && self.restoring.is_none() => {
                Some((since + self.return_after).max(self.restore_again_at))
            }
            _ => None,
        }
    }

    /// Replies wait, or are about to.
    const fn is_waited_for(&self) -> bool {
        !self.degraded || self.restoring.is_some()
    }

    pub(super) fn hold(&mut self, now: Instant, store: &Store) {
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
        self.restoring = None;
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
