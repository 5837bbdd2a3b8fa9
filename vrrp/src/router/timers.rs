//! Skew_Time and Master_Down_Interval, in integer nanoseconds.

use crate::packet::Version;
use std::time::Duration;

/// How much longer a router of lower priority waits.
///
/// Version 2: (256 - priority) / 256 seconds, whatever the interval. RFC 3768 §6.1. One second
/// divided by 256 is 3_906_250 ns, so this is exact.
/// Version 3: the same share of the master's interval. RFC 9568 §6.1.
pub fn skew_time(version: Version, priority: u8, master_interval: Duration) -> Duration {
    let share = 256 - u32::from(priority);
    match version {
        Version::V2 => Duration::from_nanos(3_906_250) * share,
        Version::V3 => master_interval * share / 256,
    }
}

/// How long a backup waits for an advertisement before it takes over: three intervals and the
/// skew. RFC 3768 §6.1, RFC 9568 §6.1.
pub fn master_down_interval(version: Version, priority: u8, master_interval: Duration) -> Duration {
    master_interval * 3 + skew_time(version, priority, master_interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skew_nanos(version: Version, priority: u8, interval_ms: u64) -> u128 {
        skew_time(version, priority, Duration::from_millis(interval_ms)).as_nanos()
    }

    #[test]
    fn skew_in_version_2_does_not_know_the_interval() {
        assert_eq!(skew_nanos(Version::V2, 100, 1000), 609_375_000);
        assert_eq!(skew_nanos(Version::V2, 100, 60_000), 609_375_000);
        assert_eq!(skew_nanos(Version::V2, 255, 1000), 3_906_250);
        assert_eq!(skew_nanos(Version::V2, 1, 1000), 996_093_750);
    }

    #[test]
    fn skew_in_version_3_is_a_share_of_the_masters_interval() {
        assert_eq!(skew_nanos(Version::V3, 100, 1000), 609_375_000);
        assert_eq!(skew_nanos(Version::V3, 100, 200), 121_875_000);
        assert_eq!(skew_nanos(Version::V3, 255, 10), 39_062);
    }

    #[test]
    fn master_down_interval_is_three_intervals_and_the_skew() {
        let nanos = |version, priority, interval_ms| {
            let interval = Duration::from_millis(interval_ms);
            master_down_interval(version, priority, interval).as_nanos()
        };
        assert_eq!(nanos(Version::V2, 100, 1000), 3_609_375_000);
        assert_eq!(nanos(Version::V2, 240, 2000), 6_062_500_000);
        assert_eq!(nanos(Version::V3, 240, 200), 612_500_000);
        assert_eq!(nanos(Version::V3, 100, 40_950), 147_803_906_250);
    }
}
