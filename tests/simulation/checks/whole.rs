//! Once the faults have ended: the pair is whole, and both hosts hold the same.

use std::collections::BTreeMap;

use twincached::command::Read;
use twincached::store::{DumpCursor, Store};
use vrrp::time::Instant;

use super::super::model::Shown;
use super::super::world::World;
use super::CONVERGENCE_MS;

/// Answers wait for the peer again within this: a minute at most after it is in sync, if it has kept
/// breaking before, and what the steps of that take.
const RESTORED_MS: u64 = 62_000;

impl World {
    /// The faults have ended: the pair becomes whole, clients are served, and both hosts hold the
    /// same, which is what the model expects.
    pub fn finish(&mut self) {
        self.tell("the faults have ended");
        self.end_faults();
        self.run_until_holds(CONVERGENCE_MS, "the pair is whole again", World::is_whole);
        let served = |world: &World| world.checks.acknowledged_at;
        let before = served(self);
        let asking = self
            .clients
            .iter()
            .any(|client| client.direct.is_none() && !client.stopped);
        if asking {
            self.run_until_holds(3_000, "clients are served again", |world| {
                served(world) > before
            });
        }
        self.run_until_holds(RESTORED_MS, "answers wait again", World::is_restored);
        self.stop_clients();
        self.run_ms(2_500);
        if !self.is_whole() {
            self.fail("the pair did not stay whole");
        }
        self.compare_hosts();
        self.probe();
    }

    /// Both hosts hold the same, and what the model allows.
    pub fn compare_hosts(&mut self) {
        let contents = [0, 1].map(|host| {
            let now = self.local(host);
            let process = self.hosts[host].process.as_ref();
            process.map_or_else(BTreeMap::new, |process| contents(&process.store, now))
        });
        self.trace.mix(&[contents[0].len() as u64]);
        let [a, b] = &contents;
        for key in a.keys().chain(b.keys()) {
            if let Some(difference) = difference(a.get(key), b.get(key), self.options.ample) {
                let key = String::from_utf8_lossy(key);
                self.fail(&format!(
                    "{key} is not the same on both hosts: {difference}"
                ));
            }
        }
        let number = |entry: &Entry| std::str::from_utf8(&entry.value).ok()?.parse().ok();
        let number = a.get(&b"register"[..]).and_then(number);
        if let Some(violation) = self.register.violation(number, self.register_is_whole) {
            self.fail(&violation);
        }
        for key in 0..self.model.keys() {
            let read = self.model.read(key, self.now);
            for (host, contents) in contents.iter().enumerate() {
                let shown = contents.get(format!("key{key}").as_bytes());
                let shown = shown.map(|entry| Shown {
                    value: Some(entry.value.clone()),
                    flags: Some(entry.flags),
                    stale: Some(entry.stale),
                    ..Shown::default()
                });
                let boot = self.hosts[host].boot();
                if let Err(violation) = self.model.shown(&read, boot, shown.as_ref(), self.now) {
                    self.fail(&format!("at the end, on host {host}: {violation}"));
                }
            }
        }
    }
}

/// Everything that two hosts must agree about in an item.
#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    flags: u32,
    cas: u64,
    version: u64,
    stale: bool,
    /// Seconds.
    life: Option<u32>,
}

/// Every live item of a store.
fn contents(store: &Store, now: Instant) -> BTreeMap<Vec<u8>, Entry> {
    let mut contents = BTreeMap::new();
    let mut cursor = DumpCursor::default();
    let mut more = true;
    while more {
        more = store.dump(now, &mut cursor, |item| {
            let (flags, cas, version) = (item.flags, item.cas, item.version);
            let entry = Entry {
                value: Vec::new(),
                flags,
                cas,
                version,
                stale: false,
                life: None,
            };
            contents.insert(item.key.to_vec(), entry);
        });
    }
    for (key, entry) in &mut contents {
        let read = Read {
            bump: false,
            ..Read::of(key)
        };
        store.read(now, &read, |item| {
            if let Some(item) = item {
                (entry.value, entry.life) = (item.value.to_vec(), item.ttl);
                entry.stale = item.stale;
            }
        });
    }
    contents
}

/// What differs between two hosts' views of a key. One that is about to expire may be gone on one;
/// where memory is tight, one may have been evicted.
fn difference(a: Option<&Entry>, b: Option<&Entry>, ample: bool) -> Option<String> {
    match (a, b) {
        (Some(a), Some(b)) => {
            let facts = |entry: &Entry| (entry.flags, entry.cas, entry.version, entry.stale);
            let lives = match (a.life, b.life) {
                (Some(a), Some(b)) => a.abs_diff(b) <= 1,
                (a, b) => a == b,
            };
            let same = a.value == b.value && facts(a) == facts(b) && lives;
            (!same).then(|| format!("{a:?} and {b:?}"))
        }
        (Some(one), None) | (None, Some(one)) => {
            let dying = one.life.is_some_and(|seconds| seconds <= 1);
            (ample && !dying).then(|| format!("{one:?} on host {} only", usize::from(a.is_none())))
        }
        (None, None) => None,
    }
}
