//! Changes that were replaced before the peer had them.
//!
//! A key that changes again moves to the end of the change list. The peer's position may then lie
//! behind the first change and before the second, while the peer has neither: it was sent something
//! else in between. A reply for the first change has to wait for the second.

use std::collections::BTreeMap;

/// Keys remembered one by one. More of them share an entry, and wait for each other.
const KEYS_MAX: usize = 1024;

/// The changes that one has replaced.
#[derive(Clone, Copy)]
struct Earlier {
    /// The first of them.
    first: u64,
    /// The last of them that was sent; 0 where none was.
    sent: u64,
}

/// Of the keys that were too many: which of the changes from `low` to `high` have replaced others
/// is not known.
#[derive(Clone, Copy)]
struct Shared {
    low: u64,
    high: u64,
    earlier: Earlier,
}

/// What has replaced others.
#[derive(Default)]
struct Entries {
    known: BTreeMap<u64, Earlier>,
    shared: Option<Shared>,
}

/// Of one shard.
#[derive(Default)]
pub(super) struct Replaced {
    /// Changes that were not sent before they were replaced.
    unsent: Entries,
    /// They were on their way when they were replaced: they matter only if the connection breaks.
    under_way: Entries,
}

impl Replaced {
    /// Change `from` has been replaced by `until`. Up to `sent` all were sent.
    pub fn note(&mut self, from: u64, until: u64, sent: u64) {
        if from > sent {
            self.unsent.carry(from, until);
            self.unsent.put(
                until,
                Earlier {
                    first: from,
                    sent: 0,
                },
            );
            self.under_way.carry(from, until);
            return;
        }
        // What has replaced others is on its way itself, and brings what they were: replies for
        // them wait for no later one, however often the key changes, unless the connection breaks.
        let first = self.unsent.of(from).map_or(from, |earlier| earlier.first);
        self.under_way.carry(from, until);
        self.under_way.put(until, Earlier { first, sent: from });
    }

    /// A new connection: what was on its way may not have arrived.
    pub fn attach(&mut self) {
        let lost = std::mem::take(&mut self.under_way);
        for (until, earlier) in lost.known {
            self.unsent.put(until, earlier);
        }
        if let Some(shared) = lost.shared {
            self.unsent.share(shared);
        }
    }

    /// Up to where replies may leave, if the peer has acknowledged up to `acknowledged`. `last` is
    /// the shard's last change: what was replaced and then removed without a trace waits for no more.
    pub fn vouched(&mut self, acknowledged: u64, last: u64) -> u64 {
        let done = |until: u64| until.min(last) <= acknowledged;
        self.under_way
            .retain(|until, earlier| !done(until) && earlier.sent > acknowledged);
        self.unsent.retain(|until, _| !done(until));
        let first = self.unsent.first();
        first.map_or(acknowledged, |first| acknowledged.min(first - 1))
    }
}

impl Entries {
    /// What a change has replaced, or may have.
    fn of(&self, change: u64) -> Option<Earlier> {
        let shared = self.shared.filter(|shared| shared.may_be(change));
        let known = self.known.get(&change).copied();
        known.or(shared.map(|shared| shared.earlier))
    }

    /// `until` takes the place of `from`, where that has replaced others.
    fn carry(&mut self, from: u64, until: u64) {
        if let Some(earlier) = self.of(from) {
            self.known.remove(&from);
            self.put(until, earlier);
        }
    }

    fn put(&mut self, until: u64, earlier: Earlier) {
        if self.known.len() < KEYS_MAX || self.known.contains_key(&until) {
            let entry = self.known.entry(until).or_insert(earlier);
            *entry = entry.and(earlier);
        } else {
            let (low, high) = (until, until);
            self.share(Shared { low, high, earlier });
        }
    }

    fn share(&mut self, more: Shared) {
        let shared = self.shared.get_or_insert(more);
        shared.low = shared.low.min(more.low);
        shared.high = shared.high.max(more.high);
        shared.earlier = shared.earlier.and(more.earlier);
    }

    fn retain(&mut self, keeps: impl Fn(u64, Earlier) -> bool) {
        self.known.retain(|until, earlier| keeps(*until, *earlier));
        self.shared = self
            .shared
            .filter(|shared| keeps(shared.high, shared.earlier));
    }

    /// The first change that waits.
    fn first(&self) -> Option<u64> {
        let shared = self.shared.map(|shared| shared.earlier);
        let all = self.known.values().copied().chain(shared);
        all.map(|earlier| earlier.first).min()
    }
}

impl Shared {
    fn may_be(&self, change: u64) -> bool {
        (self.low..=self.high).contains(&change)
    }
}

impl Earlier {
    fn and(self, other: Earlier) -> Earlier {
        Earlier {
            first: self.first.min(other.first),
            sent: self.sent.max(other.sent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_waits_for_the_last_of_the_changes_that_replaced_its_own() {
        let mut replaced = Replaced::default();
        replaced.note(11, 14, 10);
        replaced.note(14, 17, 10);
        assert_eq!(replaced.vouched(10, 17), 10);
        assert_eq!(replaced.vouched(15, 17), 10);
        assert_eq!(replaced.vouched(17, 17), 17);
    }

    #[test]
    fn what_was_on_its_way_waits_for_nothing_unless_the_connection_breaks() {
        let mut replaced = Replaced::default();
        replaced.note(11, 14, 12);
        assert_eq!(replaced.vouched(10, 14), 10);
        assert_eq!(replaced.vouched(12, 14), 12);
        replaced.note(13, 15, 13);
        replaced.attach();
        assert_eq!(replaced.vouched(13, 15), 12);
        assert_eq!(replaced.vouched(15, 15), 15);
    }

    #[test]
    fn a_key_that_changes_all_the_time_holds_no_reply_beyond_what_was_sent_of_it() {
        let mut replaced = Replaced::default();
        replaced.note(11, 14, 10);
        // 14 leaves, and is replaced before it is acknowledged; and so again.
        replaced.note(14, 17, 14);
        assert_eq!(replaced.vouched(13, 17), 10);
        assert_eq!(replaced.vouched(14, 17), 14);
        replaced.note(17, 20, 17);
        assert_eq!(replaced.vouched(17, 20), 17);
    }

    #[test]
    fn what_replaced_others_and_was_lost_on_its_way_is_waited_for_in_what_replaced_it() {
        let mut replaced = Replaced::default();
        replaced.note(11, 14, 10);
        replaced.note(14, 17, 14);
        replaced.attach();
        assert_eq!(replaced.vouched(14, 17), 10);
        assert_eq!(replaced.vouched(16, 17), 10);
        assert_eq!(replaced.vouched(17, 17), 17);
    }

    #[test]
    fn what_was_removed_without_a_trace_is_not_waited_for() {
        let mut replaced = Replaced::default();
        replaced.note(11, 13, 10);
        assert_eq!(replaced.vouched(12, 12), 12);
    }

    #[test]
    fn more_keys_than_are_remembered_wait_for_each_other() {
        let mut replaced = Replaced::default();
        for number in 0..2_000 {
            replaced.note(10 + number, 10_000 + number, 9);
        }
        assert_eq!(replaced.unsent.known.len(), 1024);
        assert_eq!(replaced.vouched(11_500, 20_000), 1_033);
        assert_eq!(replaced.vouched(11_999, 20_000), 11_999);
    }

    #[test]
    fn of_more_keys_than_are_remembered_each_waits_for_what_replaced_it_again() {
        let mut replaced = Replaced::default();
        for number in 0..1_025 {
            replaced.note(11 + number, 2_001 + number, 10);
        }
        // The last one, which shares: 1035 was replaced by 3025, and that by 3026.
        replaced.note(3_025, 3_026, 10);
        assert_eq!(replaced.vouched(3_025, 4_000), 1_034);
        assert_eq!(replaced.vouched(3_026, 4_000), 3_026);
    }

    #[test]
    fn what_is_shared_and_on_its_way_waits_for_nothing_unless_the_connection_breaks() {
        let mut replaced = Replaced::default();
        for number in 0..1_100 {
            replaced.note(11 + number, 2_001 + number, 1_110);
        }
        assert_eq!(replaced.vouched(1_100, 4_000), 1_100);
        replaced.attach();
        assert_eq!(replaced.vouched(3_090, 4_000), 1_034);
        assert_eq!(replaced.vouched(3_100, 4_000), 3_100);
    }
}
