//! Counts per prefix of a key: `stats detail`.

use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;

/// More prefixes than this are not counted. Clients choose keys, so their number needs a limit.
const PREFIXES_MAX: usize = 10_000;

/// What was done with the keys of each prefix.
#[derive(Default, Debug)]
pub(super) struct Prefixes {
    tallies: DashMap<Box<[u8]>, Tally, ahash::RandomState>,
    /// Entries of the map, which has to lock all its parts to count them.
    len: AtomicUsize,
}

#[derive(Clone, Copy, Default, Debug)]
struct Tally {
    gets: u64,
    hits: u64,
    sets: u64,
    deletes: u64,
}

impl Prefixes {
    pub fn count_get(&self, delimiter: u8, key: &[u8], hit: bool) {
        self.count(delimiter, key, |tally| {
            tally.gets += 1;
            tally.hits += u64::from(hit);
        });
    }

    pub fn count_set(&self, delimiter: u8, key: &[u8]) {
        self.count(delimiter, key, |tally| tally.sets += 1);
    }

    pub fn count_delete(&self, delimiter: u8, key: &[u8]) {
        self.count(delimiter, key, |tally| tally.deletes += 1);
    }

    pub fn clear(&self) {
        self.tallies.clear();
        self.len.store(0, Ordering::Relaxed);
    }

    /// `PREFIX user get 2 hit 1 set 1 del 1` for each, by name, each with its line end.
    pub fn lines(&self) -> Vec<u8> {
        let entries = self.tallies.iter();
        let mut entries: Vec<(Box<[u8]>, Tally)> = entries
            .map(|entry| (entry.key().clone(), *entry.value()))
            .collect();
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let mut lines = Vec::new();
        for (
            prefix,
            Tally {
                gets,
                hits,
                sets,
                deletes,
            },
        ) in entries
        {
            lines.extend_from_slice(b"PREFIX ");
            lines.extend_from_slice(&prefix);
            let counts = format!(" get {gets} hit {hits} set {sets} del {deletes}\r\n");
            lines.extend_from_slice(counts.as_bytes());
        }
        lines
    }

    /// A key without the delimiter has no prefix and is not counted.
    fn count(&self, delimiter: u8, key: &[u8], change: impl FnOnce(&mut Tally)) {
        let Some(end) = memchr::memchr(delimiter, key) else {
            return;
        };
        let prefix = &key[..end];
        if let Some(mut tally) = self.tallies.get_mut(prefix) {
            change(&mut tally);
        } else if self.len.load(Ordering::Relaxed) < PREFIXES_MAX {
            let entry = self.tallies.entry(prefix.into());
            change(&mut entry.or_insert_with(|| {
                self.len.fetch_add(1, Ordering::Relaxed);
                Tally::default()
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_counted_by_what_stands_before_the_delimiter() {
        let prefixes = Prefixes::default();
        prefixes.count_set(b':', b"user:1");
        prefixes.count_get(b':', b"user:1", true);
        prefixes.count_get(b':', b"user:2:x", false);
        prefixes.count_delete(b':', b"user:1");
        prefixes.count_get(b':', b"page:1", true);
        prefixes.count_get(b':', b"none", true);
        let expected = "PREFIX page get 1 hit 1 set 0 del 0\r\n\
                        PREFIX user get 2 hit 1 set 1 del 1\r\n";
        assert_eq!(prefixes.lines(), expected.as_bytes());
        prefixes.clear();
        assert_eq!(prefixes.lines(), b"");
    }

    #[test]
    fn the_number_of_prefixes_is_bounded() {
        let prefixes = Prefixes::default();
        for number in 0..11_000 {
            prefixes.count_set(b'/', format!("{number}/key").as_bytes());
        }
        prefixes.count_set(b'/', b"0/key");
        assert_eq!(prefixes.tallies.len(), 10_000);
        assert!(
            prefixes
                .lines()
                .starts_with(b"PREFIX 0 get 0 hit 0 set 2 del 0\r\n")
        );
    }
}
