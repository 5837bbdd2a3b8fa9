//! How old a frame is, although the two hosts' clocks have nothing in common.
//!
//! Every frame with a time stamp gives a difference of the two monotonic clocks plus its time on
//! the way. The least difference of the last minutes is the fastest way; what a frame takes longer
//! than that, it has waited somewhere, say in the buffers of a frozen process. Two windows of a
//! minute follow the clocks' drift.

use std::time::Duration;

use vrrp::time::Instant;

const WINDOW: Duration = Duration::from_secs(60);

/// Estimates the age of frames.
#[derive(Debug, Default)]
pub(super) struct Age {
    window_began: Instant,
    least: Option<i128>,
    least_before: Option<i128>,
}

impl Age {
    /// The age of a frame that was stamped `sent_at_ns` by the sender's clock.
    pub fn of(&mut self, now: Instant, sent_at_ns: u64) -> Duration {
        let difference = i128::from(now.as_nanos()) - i128::from(sent_at_ns);
        if now.since(self.window_began) >= WINDOW {
            self.least_before = self.least.take();
            self.window_began = now;
        }
        let least = self.least.map_or(difference, |least| least.min(difference));
        self.least = Some(least);
        let fastest = self.least_before.map_or(least, |before| before.min(least));
        let nanos = u64::try_from(difference - fastest).unwrap_or(u64::MAX);
        Duration::from_nanos(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_waited_longer_than_the_fastest_is_that_much_older() {
        let mut age = Age::default();
        let at = Instant::from_millis;
        assert_eq!(age.of(at(1_000), 500_000_000_000), Duration::ZERO);
        assert_eq!(age.of(at(1_100), 500_100_000_000), Duration::ZERO);
        // Sent with the others, read seven seconds later.
        assert_eq!(age.of(at(8_150), 500_150_000_000), Duration::from_secs(7));
    }

    #[test]
    fn drifting_clocks_do_not_make_frames_grow_old() {
        let mut age = Age::default();
        for minute in 0..1_000u64 {
            // The receiver's clock runs 50 ms a minute faster.
            let now = Instant::from_millis(1_000 + minute * 60_050);
            let old = age.of(now, minute * 60_000_000_000);
            assert!(old <= Duration::from_millis(50), "minute {minute}: {old:?}");
        }
    }
}
