//! Changes that were sent and not acknowledged, and since when.

use std::collections::VecDeque;
use std::time::Duration;

use vrrp::time::Instant;

/// Changes of a shard that were sent within the timeout divided by this are noted as one, so that
/// a few marks per shard do for any rate of changes.
const MARKS_PER_TIMEOUT: u32 = 16;

/// Some changes of a shard.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The position of the last of them.
    position: u64,
    /// When the first of them was sent.
    sent_at: Instant,
}

/// What is on its way to the peer.
#[derive(Debug)]
pub(super) struct OnTheWay {
    shards: Vec<VecDeque<Mark>>,
    /// Shards with a mark.
    busy: usize,
    together: Duration,
}

impl OnTheWay {
    /// Nothing yet. `timeout` is how long a change may be on its way.
    pub fn new(shards: usize, timeout: Duration) -> OnTheWay {
        OnTheWay {
            shards: vec![VecDeque::new(); shards],
            busy: 0,
            together: timeout / MARKS_PER_TIMEOUT,
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.busy == 0
    }

    /// When the oldest of all was sent; too early by at most a sixteenth of the timeout.
    pub fn oldest(&self) -> Option<Instant> {
        let fronts = self.shards.iter().filter_map(VecDeque::front);
        fronts.map(|mark| mark.sent_at).min()
    }

    /// Changes of a shard up to `position`, all after its `acknowledged` one, were sent.
    pub fn sent(&mut self, now: Instant, shard: usize, position: u64, acknowledged: u64) {
        let marks = &mut self.shards[shard];
        let last = marks.back_mut();
        if position <= last.as_ref().map_or(acknowledged, |mark| mark.position) {
            return;
        }
        match last {
            Some(mark) if now.since(mark.sent_at) < self.together => mark.position = position,
            _ => {
                self.busy += usize::from(marks.is_empty());
                marks.push_back(Mark {
                    position,
                    sent_at: now,
                });
            }
        }
    }

    /// The peer has the changes of a shard up to `position`.
    pub fn acknowledged(&mut self, shard: usize, position: u64) {
        let marks = &mut self.shards[shard];
        let was_busy = !marks.is_empty();
        while marks.front().is_some_and(|mark| mark.position <= position) {
            marks.pop_front();
        }
        self.busy -= usize::from(was_busy && marks.is_empty());
    }

    /// The connection is gone, and what was on it.
    pub fn clear(&mut self) {
        self.shards.iter_mut().for_each(VecDeque::clear);
        self.busy = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn the_oldest_change_on_its_way_is_known_while_newer_ones_follow() {
        let mut changes = OnTheWay::new(2, Duration::from_millis(160));
        changes.sent(at(100), 0, 5, 0);
        changes.sent(at(150), 1, 7, 0);
        changes.sent(at(200), 0, 9, 0);
        assert_eq!(changes.oldest(), Some(at(100)));
        changes.acknowledged(0, 5);
        assert_eq!(changes.oldest(), Some(at(150)));
        changes.acknowledged(1, 7);
        assert_eq!(changes.oldest(), Some(at(200)));
        changes.acknowledged(0, 9);
        assert_eq!(changes.oldest(), None);
        assert!(changes.is_empty());
    }

    #[test]
    fn changes_sent_soon_after_each_other_share_a_mark() {
        let mut changes = OnTheWay::new(1, Duration::from_millis(160));
        for millis in 0..9 {
            changes.sent(at(millis), 0, millis + 1, 0);
        }
        changes.sent(at(10), 0, 20, 0);
        changes.acknowledged(0, 8);
        assert_eq!(changes.oldest(), Some(at(0)));
        changes.acknowledged(0, 9);
        assert_eq!(changes.oldest(), Some(at(10)));
    }

    #[test]
    fn what_the_peer_has_already_is_not_on_its_way() {
        let mut changes = OnTheWay::new(1, Duration::from_millis(160));
        changes.sent(at(1), 0, 5, 5);
        assert!(changes.is_empty());
        changes.sent(at(1), 0, 6, 5);
        changes.clear();
        assert!(changes.is_empty());
    }
}
