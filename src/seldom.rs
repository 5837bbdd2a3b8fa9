//! Log lines about what may happen thousands of times in a second: at most one in a minute.

use std::time::Duration;

use parking_lot::Mutex;
use vrrp::time::Instant;

const APART: Duration = Duration::from_secs(60);

/// One kind of line.
#[derive(Default)]
pub(crate) struct Seldom(Mutex<Untold>);

#[derive(Default)]
struct Untold {
    told_at: Option<Instant>,
    count: u64,
}

impl Seldom {
    /// It has happened. Whether to tell it now: then how often it has since it was last told.
    pub fn happened(&self, now: Instant) -> Option<u64> {
        let mut untold = self.0.lock();
        untold.count += 1;
        if untold.told_at.is_some_and(|at| now.since(at) < APART) {
            return None;
        }
        untold.told_at = Some(now);
        Some(std::mem::take(&mut untold.count))
    }

    /// What has happened since it was last told, once that is long ago: it may not happen again.
    pub fn rest(&self, now: Instant) -> Option<u64> {
        let mut untold = self.0.lock();
        let told_at = untold.told_at?;
        if untold.count == 0 || now.since(told_at) < APART {
            return None;
        }
        untold.told_at = Some(now);
        Some(std::mem::take(&mut untold.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_at_once_and_then_once_a_minute_with_its_count() {
        let seldom = Seldom::default();
        let happened = |millis| seldom.happened(Instant::from_millis(millis));
        assert_eq!(happened(1_000), Some(1));
        assert_eq!(happened(1_000), None);
        assert_eq!(happened(60_999), None);
        assert_eq!(happened(61_000), Some(3));
        assert_eq!(happened(61_001), None);
    }

    #[test]
    fn what_does_not_happen_again_is_told_all_the_same() {
        let seldom = Seldom::default();
        let at = Instant::from_millis;
        assert_eq!(seldom.rest(at(1_000)), None);
        assert_eq!(seldom.happened(at(1_000)), Some(1));
        assert_eq!(seldom.rest(at(60_500)), None);
        assert_eq!(seldom.happened(at(2_000)), None);
        assert_eq!(seldom.happened(at(2_000)), None);
        assert_eq!(seldom.rest(at(60_999)), None);
        assert_eq!(seldom.rest(at(61_000)), Some(2));
        assert_eq!(seldom.happened(at(61_001)), None);
    }
}
