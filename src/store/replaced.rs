//! Changes that were replaced before the peer had them.
//!
//! A key that changes again moves to the end of the change list. The peer's position may then lie
//! behind the first change and before the second, while the peer has neither: it was sent something
//! else in between. A reply for the first change has to wait for the second.

use std::collections::BTreeMap;

/// Keys remembered one by one. Of more the last ones share an entry, and wait for each other.
const KEYS_MAX: usize = 1024;

/// What has replaced others.
type Entries = BTreeMap<u64, Earlier>;

/// The changes that one has replaced.
#[derive(Clone, Copy)]
struct Earlier {
    /// The first of them.
    first: u64,
    /// The last of them that was sent; 0 where none was.
    sent: u64,
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
            carry(
                &mut self.unsent,
                from,
                until,
                Some(Earlier {
                    first: from,
                    sent: 0,
                }),
            );
            carry(&mut self.under_way, from, until, None);
            return;
        }
        // What has replaced others is on its way itself, and brings what they were: replies for
        // them wait for no later one, however often the key changes, unless the connection breaks.
        let first = self.unsent.get(&from).map_or(from, |earlier| earlier.first);
        carry(
            &mut self.under_way,
            from,
            until,
            Some(Earlier { first, sent: from }),
        );
    }

    /// A new connection: what was on its way may not have arrived.
    pub fn attach(&mut self) {
        for (until, earlier) in std::mem::take(&mut self.under_way) {
            put(&mut self.unsent, until, earlier);
        }
    }

    /// Up to where replies may leave, if the peer has acknowledged up to `acknowledged`. `last` is
    /// the shard's last change: what was replaced and then removed without a trace waits for no more.
    pub fn vouched(&mut self, acknowledged: u64, last: u64) -> u64 {
        let done = |until: &u64| (*until).min(last) <= acknowledged;
        self.under_way
            .retain(|until, earlier| !done(until) && earlier.sent > acknowledged);
        self.unsent.retain(|until, _| !done(until));
        let first = self.unsent.values().map(|earlier| earlier.first).min();
        first.map_or(acknowledged, |first| acknowledged.min(first - 1))
    }
}

/// `until` takes the place of `from` in its entry, to which `more` is added.
fn carry(entries: &mut Entries, from: u64, until: u64, more: Option<Earlier>) {
    if let Some(earlier) = entries.remove(&from) {
        put(entries, until, earlier);
    }
    if let Some(earlier) = more {
        put(entries, until, earlier);
    }
}

fn put(entries: &mut Entries, until: u64, mut earlier: Earlier) {
    if entries.len() >= KEYS_MAX
        && !entries.contains_key(&until)
        && let Some((_, shared)) = entries.pop_last()
    {
        earlier = earlier.and(shared);
    }
    let entry = entries.entry(until).or_insert(earlier);
    *entry = entry.and(earlier);
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
        assert_eq!(replaced.unsent.len(), 1024);
        assert_eq!(replaced.vouched(11_500, 20_000), 1_032);
        assert_eq!(replaced.vouched(11_999, 20_000), 11_999);
    }
}
