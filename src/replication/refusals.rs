//! What was refused lately, so that the log tells it once and not at every attempt.
//!
//! A pair with a mistake in its configuration tries once a second, on both sides, for as long as
//! the mistake stands; a stranger tries as often as it likes.

use std::collections::VecDeque;
use std::time::Duration;

use vrrp::time::Instant;

/// The same is told again after this long.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Different ones that are remembered; beyond them the oldest is forgotten, and told again.
const REMEMBERED: usize = 16;
/// Most characters of a text from the other end.
const TEXT_MAX: usize = 300;

/// The memory of them.
#[derive(Debug, Default)]
pub struct Refusals {
    told: VecDeque<(String, Instant)>,
    last: Option<(String, Instant)>,
}

impl Refusals {
    /// Whether to tell `what`: it was not told in the last minute.
    pub fn is_news(&mut self, now: Instant, what: &str) -> bool {
        self.last = Some((what.to_owned(), now));
        self.told
            .retain(|(_, told_at)| now.since(*told_at) < AGAIN_AFTER);
        if self.told.iter().any(|(told, _)| told == what) {
            return false;
        }
        if self.told.len() == REMEMBERED {
            self.told.pop_front();
        }
        self.told.push_back((what.to_owned(), now));
        true
    }

    /// The nodes have met: a mistake that comes back is news.
    pub fn forget(&mut self) {
        self.told.clear();
        self.last = None;
    }

    /// What has last kept the nodes apart, told or not, and when. `None` once they have met.
    pub fn last(&self) -> Option<(&str, Instant)> {
        self.last.as_ref().map(|(what, at)| (what.as_str(), *at))
    }
}

/// A text from the other end as it may go to the log: one line, not long.
pub(super) fn printable(text: &str) -> String {
    let shown = text.chars().take(TEXT_MAX);
    shown
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_told_once_a_minute() {
        let mut refusals = Refusals::default();
        assert!(refusals.is_news(Instant::from_millis(1_000), "another secret"));
        assert!(!refusals.is_news(Instant::from_millis(60_999), "another secret"));
        assert!(refusals.is_news(Instant::from_millis(61_000), "another secret"));
        assert_eq!(
            refusals.last(),
            Some(("another secret", Instant::from_millis(61_000)))
        );
        refusals.forget();
        assert_eq!(refusals.last(), None);
        assert!(refusals.is_news(Instant::from_millis(61_001), "another secret"));
    }

    #[test]
    fn many_different_ones_take_no_more_memory() {
        let mut refusals = Refusals::default();
        for number in 0..1000 {
            assert!(refusals.is_news(Instant::ZERO, &number.to_string()));
        }
        assert_eq!(refusals.told.len(), 16);
    }

    #[test]
    fn a_text_from_outside_stays_on_its_line() {
        assert_eq!(printable("a\nb\x1b[2J"), "a\u{fffd}b\u{fffd}[2J");
        assert_eq!(printable(&"x".repeat(9000)).len(), 300);
    }
}
