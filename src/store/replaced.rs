//! Changes that were replaced before the peer had them.
//!
//! A key that changes again moves to the end of the change list. The peer's position may then lie
//! behind the first change and before the second, while the peer has neither: it was sent something
//! else in between. A reply for the first change has to wait for the second.

use std::collections::BTreeMap;

/// Keys remembered one by one. Of more the last ones share an entry, and wait for each other.
const KEYS_MAX: usize = 1024;

/// The change that has replaced others, and the first of those.
type Entries = BTreeMap<u64, u64>;

/// Of one shard.
#[derive(Default)]
pub(super) struct Replaced {
    /// They have not been sent.
    unsent: Entries,
    /// They were on their way when they were replaced: they matter only if the connection breaks.
    under_way: Entries,
}

impl Replaced {
    /// Change `from` has been replaced by `until`. Up to `sent` all were sent.
    pub fn note(&mut self, from: u64, until: u64, sent: u64) {
        let is_sent = from <= sent;
        extend(&mut self.unsent, from, until, !is_sent);
        extend(&mut self.under_way, from, until, is_sent);
    }

    /// A new connection: what was on its way may not have arrived.
    pub fn attach(&mut self) {
        for (until, first) in std::mem::take(&mut self.under_way) {
            put(&mut self.unsent, until, first);
        }
    }

    /// Up to where replies may leave, if the peer has acknowledged up to `acknowledged`. `last` is
    /// the shard's last change: what was replaced and then removed without a trace waits for no more.
    pub fn vouched(&mut self, acknowledged: u64, last: u64) -> u64 {
        let done = |until: &u64| (*until).min(last) <= acknowledged;
        self.under_way
            .retain(|until, first| !done(until) && *first > acknowledged);
        self.unsent.retain(|until, _| !done(until));
        let first = self.unsent.values().min();
        first.map_or(acknowledged, |first| acknowledged.min(first - 1))
    }
}

/// `until` takes the place of `from` in its entry, or begins one.
fn extend(entries: &mut Entries, from: u64, until: u64, begins: bool) {
    let first = entries.remove(&from);
    if let Some(first) = first.or(begins.then_some(from)) {
        put(entries, until, first);
    }
}

fn put(entries: &mut Entries, until: u64, mut first: u64) {
    if entries.len() >= KEYS_MAX
        && let Some((_, earlier)) = entries.pop_last()
    {
        first = first.min(earlier);
    }
    let entry = entries.entry(until).or_insert(first);
    *entry = first.min(*entry);
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
