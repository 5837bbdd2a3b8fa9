//! Stores as their users see them; what the files below share.

mod commands;
mod limit;
mod memory;
mod meta;
mod parts;
mod peer;
mod removals;
mod touches;

use std::time::Duration;

use super::*;
use crate::command::{Applied, Exptime, Life, Mutation, Record, StoreMode, Value};

const ZERO_UNIX_MS: u64 = 1_700_000_000_000;

fn options() -> Options {
    Options {
        memory: 8 << 20,
        item_size_max: 1 << 20,
        threads: 1,
        hash_seed: [1, 2, 3, 4],
        zero_unix_ms: ZERO_UNIX_MS,
        evict: true,
        replicated: true,
    }
}

fn seconds(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn set<'a>(key: &'a [u8], value: &'a [u8]) -> StoreCommand<'a> {
    StoreCommand {
        key,
        value,
        flags: 0,
        exptime: Exptime::NEVER,
        mode: StoreMode::Set,
        compare: None,
        new_cas: None,
        invalidate: false,
        vivify: None,
    }
}

fn delete(key: &[u8]) -> Delete<'_> {
    Delete {
        key,
        compare: None,
        new_cas: None,
        invalidate: false,
        exptime: None,
        drop_value: false,
    }
}

fn value(store: &Store, now: Instant, key: &[u8]) -> Option<Vec<u8>> {
    store
        .read(now, &Read::of(key), |item| {
            item.map(|item| item.value.to_vec())
        })
        .0
}

fn incr(key: &[u8], delta: u64, decrement: bool) -> Arithmetic<'_> {
    let (initial, exptime, compare, new_cas) = (None, None, None, None);
    Arithmetic {
        key,
        delta,
        decrement,
        initial,
        exptime,
        compare,
        new_cas,
    }
}

/// Everything a store holds: key, value, flags, cas, version-bearing mutations aside.
fn contents(store: &Store, now: Instant) -> Vec<String> {
    let mut items = Vec::new();
    for shard in &store.shards {
        let shard = shard.0.lock();
        let mut at = shard.lru.front;
        while at != blob::NIL {
            let mut rest = Vec::new();
            let view = shard.view(&store.moment(now), at, &mut rest);
            let header = shard.arena.header(at);
            items.push(format!(
                "{} {} {:?} {} {} {:?}",
                String::from_utf8_lossy(view.key),
                header.version,
                String::from_utf8_lossy(&view.value.to_vec()),
                view.flags,
                view.cas,
                view.ttl,
            ));
            at = shard.lru.next(&shard.arena, at);
        }
    }
    items.sort();
    items
}

/// Sends everything unsent of `from` to `to` and acknowledges it. Returns the mutations applied.
fn synchronize(from: &Store, to: &Store, now: Instant) -> usize {
    let mut sent = 0;
    let mut wanted = Vec::new();
    for shard in 0..from.shards() {
        let walk = from.walk(now, shard, usize::MAX, |record| {
            let mutation = mutation_of(record);
            sent += 1;
            if to.apply(now, &mutation) == Applied::Want {
                wanted.push(mutation.key().to_vec());
            }
            true
        });
        assert!(from.acknowledge(shard, walk.position));
    }
    if !wanted.is_empty() {
        wanted.iter().for_each(|key| from.send_whole(key));
        sent += synchronize(from, to, now);
    }
    sent
}

fn mutation_of(record: Record<'_>) -> Mutation<'_> {
    match record {
        Record::Mutation(mutation) => mutation,
        Record::Listed(key) => panic!("{key:?} listed although nothing is compared"),
        Record::TooLarge { key, .. } => panic!("{key:?} is larger than this node takes itself"),
    }
}

/// A small generator (Steele's SplitMix64): the same seed gives the same run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}
