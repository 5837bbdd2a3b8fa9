//! Where `watch` connections get their lines from.
//!
//! A watcher is a bounded buffer of lines. Whoever logs appends to the buffers of all watchers that
//! want that kind of line; the watcher's connection takes them out when it is polled. A line that
//! does not fit is dropped and counted, and the watcher is told how many were.

use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Bytes of lines that wait for one watcher (memcached's `watcher_logbuf_size`).
const WAITING_BYTES_MAX: usize = 256 * 1024;
/// More watchers than this are turned away (memcached's `WATCHER_LIMIT`).
const WATCHERS_MAX: usize = 20;

/// One `watch` connection's lines.
#[derive(Debug)]
pub(super) struct Watcher {
    interests: u16,
    waiting: Mutex<Waiting>,
}

#[derive(Default, Debug)]
struct Waiting {
    lines: Vec<u8>,
    /// Lines dropped since the watcher was last told.
    skipped: u64,
}

/// The interests that anyone has.
pub(super) struct Wanted<'a> {
    /// Those of watchers, and others.
    pub interests: &'a AtomicU16,
    /// Those that watchers have nothing to do with.
    pub others: u16,
}

/// All watchers, and what memcached counts of its log.
#[derive(Default, Debug)]
pub(super) struct Watchers {
    list: Mutex<Vec<Weak<Watcher>>>,
    /// Number of the last line (memcached's `gid`).
    last: AtomicU64,
    /// Lines logged.
    pub written: AtomicU64,
    /// Lines appended to a watcher's buffer.
    pub sent: AtomicU64,
    /// Lines that did not fit into a watcher's buffer.
    pub skipped: AtomicU64,
}

impl Watcher {
    /// Moves the lines that wait to `out`.
    pub fn take(&self, out: &mut Vec<u8>) {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        out.extend_from_slice(&waiting.lines);
        if waiting.skipped > 0 {
            writeln!(out, "skipped={}", waiting.skipped).expect("a vector takes all bytes");
        }
    }
}

impl Watchers {
    /// A new watcher, or `None` where there are too many. It watches as long as it is held.
    /// Its interests are added to `wanted`.
    pub fn add(&self, interests: u16, wanted: &AtomicU16) -> Option<Arc<Watcher>> {
        let mut list = self.list.lock();
        list.retain(|watcher| watcher.strong_count() > 0);
        if list.len() >= WATCHERS_MAX {
            return None;
        }
        let watcher = Arc::new(Watcher {
            interests,
            waiting: Mutex::default(),
        });
        list.push(Arc::downgrade(&watcher));
        wanted.fetch_or(interests, Ordering::Relaxed);
        Some(watcher)
    }

    /// Appends a line to the buffers of those who are interested. `unix_us` is the Unix time in
    /// microseconds. `wanted` is lowered to `others` and the interests of the watchers that are
    /// still there; it changes under the lock only, so that it never misses a new watcher.
    pub fn log(&self, interest: u16, unix_us: u64, rest: fmt::Arguments<'_>, wanted: &Wanted<'_>) {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.written.fetch_add(1, Ordering::Relaxed);
        let (seconds, micros) = (unix_us / 1_000_000, unix_us % 1_000_000);
        let line = format!("ts={seconds}.{micros:06} gid={number} {rest}\n");
        let mut interests = wanted.others;
        let mut list = self.list.lock();
        list.retain(|watcher| {
            let Some(watcher) = watcher.upgrade() else {
                return false;
            };
            interests |= watcher.interests;
            if watcher.interests & interest != 0 {
                self.append(&watcher, line.as_bytes());
            }
            true
        });
        wanted.interests.fetch_and(interests, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        let list = self.list.lock();
        list.iter()
            .filter(|watcher| watcher.strong_count() > 0)
            .count()
    }

    fn append(&self, watcher: &Watcher, line: &[u8]) {
        let mut waiting = watcher.waiting.lock();
        if waiting.lines.len() + line.len() <= WAITING_BYTES_MAX {
            waiting.lines.extend_from_slice(line);
            self.sent.fetch_add(1, Ordering::Relaxed);
        } else {
            waiting.skipped += 1;
            self.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(watcher: &Watcher) -> String {
        let mut out = Vec::new();
        watcher.take(&mut out);
        String::from_utf8(out).expect("text")
    }

    fn log(watchers: &Watchers, interest: u16, unix_us: u64, rest: &str, wanted: &AtomicU16) {
        let wanted = Wanted {
            interests: wanted,
            others: 8,
        };
        watchers.log(interest, unix_us, format_args!("{rest}"), &wanted);
    }

    #[test]
    fn a_watcher_gets_the_lines_of_its_interests() {
        let (watchers, wanted) = (Watchers::default(), AtomicU16::new(8));
        let one = watchers.add(1, &wanted).expect("a watcher");
        let both = watchers.add(3, &wanted).expect("a watcher");
        log(&watchers, 1, 1_700_000_000_000_042, "type=one", &wanted);
        log(&watchers, 2, 0, "type=two", &wanted);
        assert_eq!(taken(&one), "ts=1700000000.000042 gid=1 type=one\n");
        let expected = "ts=1700000000.000042 gid=1 type=one\nts=0.000000 gid=2 type=two\n";
        assert_eq!(taken(&both), expected);
        assert_eq!(taken(&both), "");
        assert_eq!(wanted.load(Ordering::Relaxed), 11);
        drop(both);
        log(&watchers, 2, 0, "type=two", &wanted);
        assert_eq!(wanted.load(Ordering::Relaxed), 9);
        assert_eq!(watchers.count(), 1);
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let (watchers, wanted) = (Watchers::default(), AtomicU16::new(0));
        let watcher = watchers.add(1, &wanted).expect("a watcher");
        let long = "x".repeat(100_000);
        (0..5).for_each(|_| log(&watchers, 1, 0, &long, &wanted));
        let lines = taken(&watcher);
        assert!(lines.ends_with("x\nskipped=3\n"));
        assert_eq!(lines.lines().count(), 3);
        assert_eq!(watchers.skipped.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn the_number_of_watchers_is_bounded() {
        let (watchers, wanted) = (Watchers::default(), AtomicU16::new(0));
        let held: Vec<_> = (0..20).map(|_| watchers.add(1, &wanted)).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(watchers.add(1, &wanted).is_none());
        drop(held);
        assert!(watchers.add(1, &wanted).is_some());
    }
}
