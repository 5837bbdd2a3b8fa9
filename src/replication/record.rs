//! The records of a `Changes` frame: items, tombstones, touches, listed keys.
//!
//! ```text
//! | kind | key length | key | version | life | flags | marks | (cas) | value length | value |
//! ```
//!
//! A tombstone and what is too large for the receiver end after the version, a touch after life and cas, a listed key after the key.

use super::envelope::{CHANGES, begin, end};
use super::wire::{Reader, Write};
use crate::command::{Life, MARK_STALE, MARK_WIN_SENT, Mutation, Record, Value};

/// Changes of one shard in the order of its change list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Changes<'a> {
    /// The sender's shard.
    pub shard: u32,
    /// The sender's position after these changes.
    pub position: u64,
    /// The sender's monotonic clock in nanoseconds when it read them from its store.
    pub sent_at_ns: u64,
    pub(super) records: &'a [u8],
}

const RECORD_ITEM: u8 = 1;
const RECORD_TOMBSTONE: u8 = 2;
const RECORD_TOUCH: u8 = 3;
const RECORD_LISTED: u8 = 4;
const RECORD_TOO_LARGE: u8 = 5;
const RECORD_OWN_CAS: u8 = 0x40;
const LIFE_FOREVER: u64 = u64::MAX;

impl<'a> Changes<'a> {
    /// The records. `None` is a malformed one, after which nothing follows.
    pub fn records(&self) -> impl Iterator<Item = Option<Record<'a>>> + use<'a> {
        let mut reader = Reader(self.records);
        let mut broken = false;
        std::iter::from_fn(move || {
            if broken || reader.is_empty() {
                return None;
            }
            let record = decode_record(&mut reader);
            broken = record.is_none();
            Some(record)
        })
    }
}

fn decode_record<'a>(reader: &mut Reader<'a>) -> Option<Record<'a>> {
    let kind = reader.u8()?;
    let key_len = reader.u8()? as usize;
    let key = reader
        .take(key_len)
        .filter(|key| !key.is_empty() && key.len() <= 250)?;
    let mutation = match kind & !RECORD_OWN_CAS {
        RECORD_LISTED => return Some(Record::Listed(key)),
        RECORD_TOO_LARGE => {
            let version = reader.version()?;
            return Some(Record::TooLarge { key, version });
        }
        RECORD_TOMBSTONE => Mutation::Tombstone {
            key,
            version: reader.version()?,
        },
        RECORD_TOUCH => Mutation::Touch {
            key,
            version: reader.version()?,
            life: life_of(reader.u64()?),
            cas: reader.u64()?,
        },
        RECORD_ITEM => Mutation::Item {
            key,
            version: reader.version()?,
            life: life_of(reader.u64()?),
            flags: reader.u32()?,
            marks: reader.u8()? & (MARK_STALE | MARK_WIN_SENT),
            cas: if kind & RECORD_OWN_CAS != 0 {
                Some(reader.u64()?)
            } else {
                None
            },
            value: Value::whole(reader.bytes()?),
        },
        _ => return None,
    };
    Some(Record::Mutation(mutation))
}

fn life_of(millis: u64) -> Life {
    if millis == LIFE_FOREVER {
        Life::Forever
    } else {
        Life::Remaining { millis }
    }
}

fn put_life(out: &mut Vec<u8>, life: Life) {
    out.put_u64(match life {
        Life::Forever => LIFE_FOREVER,
        Life::Remaining { millis } => millis,
    });
}

fn put_key(out: &mut Vec<u8>, kind: u8, key: &[u8]) {
    out.put_u8(kind);
    out.put_u8(key.len() as u8);
    out.extend_from_slice(key);
}

/// Appends a record to the body of a `Changes` frame under construction.
fn put_record(out: &mut Vec<u8>, record: &Record<'_>) {
    match *record {
        Record::Listed(key) => put_key(out, RECORD_LISTED, key),
        Record::TooLarge { key, version } => {
            put_key(out, RECORD_TOO_LARGE, key);
            out.put_u64(version);
        }
        Record::Mutation(Mutation::Tombstone { key, version }) => {
            put_key(out, RECORD_TOMBSTONE, key);
            out.put_u64(version);
        }
        Record::Mutation(Mutation::Touch {
            key,
            version,
            cas,
            life,
        }) => {
            put_key(out, RECORD_TOUCH, key);
            out.put_u64(version);
            put_life(out, life);
            out.put_u64(cas);
        }
        Record::Mutation(Mutation::Item {
            key,
            value,
            flags,
            life,
            version,
            cas,
            marks,
        }) => {
            let own_cas = cas.map_or(0, |_| RECORD_OWN_CAS);
            put_key(out, RECORD_ITEM | own_cas, key);
            out.put_u64(version);
            put_life(out, life);
            out.put_u32(flags);
            out.put_u8(marks);
            cas.into_iter().for_each(|cas| out.put_u64(cas));
            out.put_value(value);
        }
    }
}

/// Builds one `Changes` frame in place, record by record.
pub(super) struct ChangesWriter {
    start: usize,
    position_at: usize,
    /// Records written.
    pub records: usize,
}

impl ChangesWriter {
    pub fn begin(out: &mut Vec<u8>, shard: usize, sent_at_ns: u64) -> ChangesWriter {
        let start = begin(out, CHANGES);
        out.put_u32(shard as u32);
        let position_at = out.len();
        out.put_u64(0);
        out.put_u64(sent_at_ns);
        ChangesWriter {
            start,
            position_at,
            records: 0,
        }
    }

    pub fn push(&mut self, out: &mut Vec<u8>, record: &Record<'_>) {
        put_record(out, record);
        self.records += 1;
    }

    /// Bytes so far, prefix included.
    pub fn len(&self, out: &[u8]) -> usize {
        out.len() - self.start
    }

    pub fn end(self, out: &mut [u8], position: u64) {
        out[self.position_at..self.position_at + 8].copy_from_slice(&position.to_le_bytes());
        end(out, self.start);
    }
}

pub(super) fn decode_changes(mut reader: Reader<'_>) -> Option<Changes<'_>> {
    Some(Changes {
        shard: reader.u32()?,
        position: reader.u64()?,
        sent_at_ns: reader.u64()?,
        records: reader.0,
    })
}
