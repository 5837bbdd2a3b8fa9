//! How far a catch-up has come, for people: percent, changes, bytes, rate.

use std::time::Duration;

use tracing::info;
use vrrp::time::Instant;

/// A catch-up that lasts longer than this is reported while it lasts, this often.
const REPORT_INTERVAL: Duration = Duration::from_secs(2);

/// One catch-up of the peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct CatchUp {
    began_at: Instant,
    reported_at: Instant,
    /// Changes to go when it began.
    total: u64,
    /// What had been sent over all connections when it began.
    bytes_before: u64,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CatchUpFigures {
    /// Changes of the catch-up that the peer has.
    pub changes_done: u64,
    /// Changes of the catch-up.
    pub changes_total: u64,
    /// Bytes sent since it began.
    pub bytes: u64,
    /// Milliseconds since it began.
    pub elapsed_ms: u64,
}

impl CatchUpFigures {
    /// Percent of the changes, rounded down; 100 where there are none.
    pub const fn percent(&self) -> u64 {
        match self.changes_total {
            0 => 100,
            total => self.changes_done * 100 / total,
        }
    }

    /// Bytes a second.
    pub const fn rate(&self) -> u64 {
        let elapsed = if self.elapsed_ms == 0 {
            1
        } else {
            self.elapsed_ms
        };
        self.bytes * 1000 / elapsed
    }
}

impl CatchUp {
    pub const fn begin(now: Instant, total: u64, bytes_before: u64) -> CatchUp {
        CatchUp {
            began_at: now,
            reported_at: now,
            total,
            bytes_before,
        }
    }

    pub fn figures(&self, now: Instant, remaining: u64, bytes_sent: u64) -> CatchUpFigures {
        CatchUpFigures {
            changes_done: self.total.saturating_sub(remaining),
            changes_total: self.total,
            bytes: bytes_sent.saturating_sub(self.bytes_before),
            elapsed_ms: now.since(self.began_at).as_millis() as u64,
        }
    }

    /// Says how far it is, every now and then.
    pub fn report(&mut self, now: Instant, remaining: u64, bytes_sent: u64) {
        if now.since(self.reported_at) < REPORT_INTERVAL {
            return;
        }
        self.reported_at = now;
        let figures = self.figures(now, remaining, bytes_sent);
        info!(
            "replication: the peer is catching up: {} %, {} of {} changes, {} MiB, {} MiB/s",
            figures.percent(),
            figures.changes_done,
            figures.changes_total,
            figures.bytes >> 20,
            figures.rate() >> 20,
        );
    }

    /// It has ended.
    pub fn end(&self, now: Instant, bytes_sent: u64) {
        let figures = self.figures(now, 0, bytes_sent);
        info!(
            "replication: the peer has everything of this node ({} changes, {} KiB, {} ms)",
            figures.changes_total,
            figures.bytes >> 10,
            figures.elapsed_ms,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_tell_percent_bytes_and_rate() {
        let catch_up = CatchUp::begin(Instant::from_millis(1_000), 400, 5_000);
        let figures = catch_up.figures(Instant::from_millis(3_000), 100, 805_000);
        assert_eq!((figures.changes_done, figures.percent()), (300, 75));
        assert_eq!((figures.bytes, figures.rate()), (800_000, 400_000));
    }

    #[test]
    fn nothing_to_catch_up_is_all_of_it_and_no_time_divides_nothing() {
        let catch_up = CatchUp::begin(Instant::ZERO, 0, 0);
        let figures = catch_up.figures(Instant::ZERO, 0, 10);
        assert_eq!((figures.percent(), figures.rate()), (100, 10_000));
    }
}
