//! What was evicted, for those who watch evictions.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::Store;
use crate::command::ItemView;

/// Evictions kept until someone takes them; more are not noted.
const EVICTIONS_MAX: usize = 4096;

/// An item that had to go while it was alive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evicted {
    /// The key.
    pub key: Box<[u8]>,
    /// Length of the value in bytes.
    pub value_len: usize,
    /// Life it had left in seconds; `None` would never have expired.
    pub ttl: Option<u32>,
    /// Seconds since its last use.
    pub idle_s: u32,
    /// Whether it was read since it was stored.
    pub fetched: bool,
}

/// Evictions since they were last taken. Off until someone asks.
#[derive(Default, Debug)]
pub(super) struct EvictionLog {
    is_on: AtomicBool,
    entries: Mutex<Vec<Evicted>>,
}

impl EvictionLog {
    /// Whether anyone wants to know.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Notes an item that is about to go.
    #[cold]
    pub fn note(&self, item: &ItemView<'_>) {
        let mut entries = self.entries.lock();
        if entries.len() < EVICTIONS_MAX {
            entries.push(Evicted {
                key: item.key.into(),
                value_len: item.value.len(),
                ttl: item.ttl,
                idle_s: item.idle,
                fetched: item.fetched,
            });
        }
    }
}

impl Store {
    /// Takes what was evicted since the last call, at most 4096 items, and says whether evictions
    /// are noted from now on.
    pub fn take_evictions(&self, go_on: bool) -> Vec<Evicted> {
        let log = &self.commons.evictions;
        log.is_on.store(go_on, Ordering::Relaxed);
        std::mem::take(&mut *log.entries.lock())
    }
}
