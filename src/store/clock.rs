//! Versions and expiry: how the store tells before from after.
//!
//! A version is 48 bits of Unix milliseconds, a 15-bit counter and one bit for the node. The wall
//! clock is read once at start; from then on it is that reading plus monotonic time, so that a
//! jump of the wall clock changes nothing.
//!
//! An expiry is a count of quarter seconds from the same zero: 32 bits reach 34 years.

use vrrp::time::Instant;

use crate::command::{EXPTIME_RELATIVE_MAX, Exptime, Life, Version};

const TICK_NANOS: u64 = 250_000_000;
const TICKS_PER_SECOND: u64 = 4;
const MILLIS_PER_TICK: u64 = 250;

/// A deadline that never comes.
pub(super) const NEVER: u32 = 0;
/// A deadline that has passed already.
const AT_ONCE: u32 = 1;

/// The moment of a call, in every unit the store needs, and what versions must exceed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Ticks since zero, from 2 on so that 1 has always passed.
    pub ticks: u32,
    /// Seconds since zero.
    pub seconds: u32,
    /// Unix time of zero in milliseconds.
    pub zero_unix_ms: u64,
    /// Unix milliseconds of now as a version, at least every clock heard of.
    pub clock: Version,
    /// Items up to this version are flushed.
    pub watermark: Version,
    /// 0 or 1: which of the two nodes this is.
    pub node_bit: u64,
}

impl Moment {
    pub fn new(now: Instant, zero_unix_ms: u64) -> Moment {
        let nanos = now.as_nanos();
        Moment {
            ticks: u32::try_from(nanos / TICK_NANOS + 2).unwrap_or(u32::MAX),
            seconds: u32::try_from(nanos / 1_000_000_000).unwrap_or(u32::MAX),
            zero_unix_ms,
            clock: version_at(zero_unix_ms + now.as_millis()),
            watermark: 0,
            node_bit: 0,
        }
    }

    /// The deadline of an exptime as a client wrote it (memcached `realtime`).
    pub fn deadline(&self, exptime: Exptime) -> u32 {
        match exptime.0 {
            0 => NEVER,
            negative if negative < 0 => AT_ONCE,
            relative if relative <= EXPTIME_RELATIVE_MAX => {
                self.after_ticks(relative as u64 * TICKS_PER_SECOND)
            }
            absolute => {
                let unix_ms = (absolute as u64).saturating_mul(1000);
                let now_ms = self.zero_unix_ms + u64::from(self.ticks - 2) * MILLIS_PER_TICK;
                match unix_ms.saturating_sub(now_ms) {
                    0 => AT_ONCE,
                    ahead => self.after_ticks(ahead.div_ceil(MILLIS_PER_TICK)),
                }
            }
        }
    }

    /// The deadline of a life that the peer told.
    pub fn deadline_of(&self, life: Life) -> u32 {
        match life {
            Life::Forever => NEVER,
            Life::Remaining { millis } => {
                self.after_ticks(millis.saturating_add(MILLIS_PER_TICK / 2) / MILLIS_PER_TICK)
            }
        }
    }

    /// The life left until a deadline.
    pub fn life(&self, deadline: u32) -> Life {
        match deadline {
            NEVER => Life::Forever,
            deadline => Life::Remaining {
                millis: u64::from(deadline.saturating_sub(self.ticks)) * MILLIS_PER_TICK,
            },
        }
    }

    /// Whole seconds left until a deadline, as clients see them; `None` never expires.
    pub fn ttl(&self, deadline: u32) -> Option<u32> {
        match deadline {
            NEVER => None,
            deadline => Some((deadline.saturating_sub(self.ticks) + 2) / TICKS_PER_SECOND as u32),
        }
    }

    /// Milliseconds until a deadline that is not past.
    pub fn millis_until(&self, deadline: u32) -> u64 {
        u64::from(deadline.saturating_sub(self.ticks)) * MILLIS_PER_TICK
    }

    /// Unix time in seconds of a deadline, rounded; `None` never expires.
    pub const fn expires_unix_s(&self, deadline: u32) -> Option<u64> {
        if deadline == NEVER {
            return None;
        }
        let millis = (deadline.saturating_sub(2) as u64) * MILLIS_PER_TICK;
        Some((self.zero_unix_ms + millis + 500) / 1000)
    }

    pub const fn is_past(&self, deadline: u32) -> bool {
        deadline != NEVER && deadline <= self.ticks
    }

    /// The version of a change made now: above the clock, the last one of its shard, the one it
    /// replaces and the flush watermark.
    pub fn next_version(&self, last: Version, replaced: Version) -> Version {
        let floor = last.max(replaced).max(self.watermark);
        if self.clock > floor {
            self.clock & !1 | self.node_bit
        } else {
            ((floor >> 1) + 1) << 1 | self.node_bit
        }
    }

    fn after_ticks(&self, ticks: u64) -> u32 {
        u32::try_from(u64::from(self.ticks) + ticks).unwrap_or(u32::MAX)
    }
}

/// Clocks beyond this are not believed, in Unix milliseconds: half of what a version can hold, the
/// year 6429. A peer whose clock is further ahead is followed up to here.
pub const UNIX_MS_MAX: u64 = 1 << 47;
/// No node issues a higher version: above [`UNIX_MS_MAX`] it leaves two thousand years of running,
/// and the same again below the end of the range. One from outside is a mistake.
pub const VERSION_MAX: Version = version_at(UNIX_MS_MAX + (1 << 46));

/// The lowest version of a Unix millisecond.
pub const fn version_at(unix_ms: u64) -> Version {
    unix_ms << 16
}

/// The Unix millisecond of a version.
pub const fn unix_ms_of(version: Version) -> u64 {
    version >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(millis: u64) -> Moment {
        Moment::new(Instant::from_millis(millis), 1_700_000_000_000)
    }

    #[test]
    fn a_relative_exptime_counts_from_now_and_shows_its_seconds() {
        let now = moment(10_100);
        let deadline = now.deadline(Exptime(100));
        assert_eq!(now.ttl(deadline), Some(100));
        assert!(!moment(109_900).is_past(deadline));
        assert!(moment(110_000).is_past(deadline));
    }

    #[test]
    fn negative_and_past_absolute_exptimes_are_past_at_once() {
        let now = moment(0);
        assert!(now.is_past(now.deadline(Exptime(-1))));
        assert!(now.is_past(now.deadline(Exptime(1_600_000_000))));
        assert!(!now.is_past(now.deadline(Exptime(0))));
    }

    #[test]
    fn thirty_days_are_relative_and_a_second_more_is_absolute() {
        let now = moment(0);
        assert_eq!(now.ttl(now.deadline(Exptime(2_592_000))), Some(2_592_000));
        assert!(now.is_past(now.deadline(Exptime(2_592_001))));
        assert_eq!(now.ttl(now.deadline(Exptime(1_700_000_060))), Some(60));
    }

    #[test]
    fn a_far_absolute_exptime_is_clamped_to_34_years() {
        let now = moment(0);
        assert_eq!(
            now.ttl(now.deadline(Exptime(i64::MAX))),
            Some(1_073_741_823)
        );
    }

    #[test]
    fn a_version_exceeds_clock_predecessor_and_watermark() {
        let mut now = moment(0);
        now.clock = 0x50_0000;
        now.node_bit = 1;
        assert_eq!(now.next_version(0, 0), 0x50_0001);
        assert_eq!(now.next_version(0x50_0001, 0), 0x50_0003);
        assert_eq!(now.next_version(0, 0x60_0004), 0x60_0007);
        now.watermark = 0x70_0000;
        assert_eq!(now.next_version(0, 0x60_0004), 0x70_0003);
    }

    #[test]
    fn a_life_that_travels_twice_does_not_grow() {
        let now = moment(1_000);
        let deadline = now.deadline(Exptime(60));
        let life = now.life(deadline);
        assert_eq!(life, Life::Remaining { millis: 60_000 });
        assert_eq!(now.deadline_of(life), deadline);
    }
}
