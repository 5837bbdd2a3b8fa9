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
//! longer each time it breaks again soon, up to a minute. Constant load does not delay the return:
//! then something is always on its way to the peer, but never for long. The return has two steps,
//! as being in sync has: replies wait again, and when what was changed until then is acknowledged,
//! the pair is no longer called degraded.

use std::collections::VecDeque;
use std::time::Duration;

use vrrp::time::Instant;

use super::catch_up::{CatchUp, CatchUpFigures};
use super::on_the_way::OnTheWay;
use super::targets::Targets;
use crate::store::Store;

const RETURN_AFTER_MIN: Duration = Duration::from_secs(1);
const RETURN_AFTER_MAX: Duration = Duration::from_secs(60);

/// The store's positions are noted at most this often within the acknowledge timeout.
const DUE_PER_TIMEOUT: u32 = 5;
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
    on_the_way: OnTheWay,
    /// When the newest flush was sent.
    flush_sent_at: Option<Instant>,
    catch_up: Option<CatchUp>,
    degraded_since: Option<Instant>,
    degraded_before: Duration,
    /// When to look whether the peer has answered, or is back, in time.
    overdue_at: Option<Instant>,
    /// Replies wait again; the pair is called restored when the peer has reached this.
    restoring: Option<Targets>,
    /// The peer was too slow to wait for: when to look again.
    restore_again_at: Instant,
    /// What must be acknowledged by when. A peer that answers all the time, but ever later while
    /// changes pile up in the store, is found by this.
    due: VecDeque<(Instant, Vec<u64>)>,
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

    pub const fn is_degraded(&self) -> bool {
        self.degraded
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
    fn end_restoring(&mut self, now: Instant) -> Option<Change> {
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

/// The peer has echoed the present flush watermark.
fn knows_watermark(store: &Store) -> bool {
    let slot = store.acknowledged().watermark_slot() as usize;
    store.acknowledged().position(slot) >= store.watermark()
}
