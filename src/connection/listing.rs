//! Answers that show every item: written in pieces, so that a large store neither fills the
//! output nor keeps a thread from its other clients.

use std::collections::BTreeMap;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use vrrp::time::Instant;

use super::uri::UriKey;
use crate::protocol::Reply;
use crate::store::{DumpCursor, DumpedItem, Store};

/// A piece of the answer ends when it has become this long, in bytes.
const PIECE_BYTES: usize = 32 * 1024;
/// A piece of the answer ends after so many steps of the walk, of at most 128 items each.
const PIECE_STEPS: usize = 32;
/// `stats sizes` counts in classes of so many bytes.
const SIZE_CLASS_BYTES: usize = 32;

/// A walk through the store that is being answered with.
#[derive(Debug)]
pub(super) struct Listing {
    cursor: DumpCursor,
    shows: Shows,
}

#[derive(Debug)]
enum Shows {
    /// `lru_crawler metadump`.
    Metadata,
    /// `lru_crawler mgdump`: meta gets that would fetch the items.
    Gets,
    /// `stats sizes`: how many items there are of each size class.
    Sizes(BTreeMap<usize, u64>),
}

impl Listing {
    /// `lru_crawler metadump`.
    pub fn of_metadata() -> Listing {
        Listing {
            cursor: DumpCursor::default(),
            shows: Shows::Metadata,
        }
    }

    /// `lru_crawler mgdump`.
    pub fn of_gets() -> Listing {
        Listing {
            cursor: DumpCursor::default(),
            shows: Shows::Gets,
        }
    }

    /// `stats sizes`.
    pub fn of_sizes() -> Listing {
        Listing {
            cursor: DumpCursor::default(),
            shows: Shows::Sizes(BTreeMap::new()),
        }
    }

    /// Appends the next piece, which may be empty. False once the answer is complete.
    pub fn go_on(
        &mut self,
        now: Instant,
        store: &Store,
        reply: &Reply<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        let start = out.len();
        for _ in 0..PIECE_STEPS {
            let shows = &mut self.shows;
            if !store.dump(now, &mut self.cursor, |item| shows.item(item, out)) {
                self.shows.end(reply, out);
                return false;
            }
            if out.len() - start >= PIECE_BYTES {
                break;
            }
        }
        true
    }
}

impl Shows {
    fn item(&mut self, item: &DumpedItem<'_>, out: &mut Vec<u8>) {
        match self {
            Shows::Metadata => metadata(item, out),
            Shows::Gets => meta_get(item.key, out),
            Shows::Sizes(sizes) => {
                *sizes
                    .entry(item.bytes.div_ceil(SIZE_CLASS_BYTES))
                    .or_default() += 1
            }
        }
    }

    fn end(&self, reply: &Reply<'_>, out: &mut Vec<u8>) {
        match self {
            Shows::Metadata => out.extend_from_slice(b"END\r\n"),
            Shows::Gets => out.extend_from_slice(b"EN\r\n"),
            Shows::Sizes(sizes) => {
                for (class, count) in sizes {
                    let size = (class * SIZE_CLASS_BYTES).to_string();
                    reply.stat(&size, count.to_string().as_bytes(), out);
                }
                reply.stats_end(out);
            }
        }
    }
}

/// memcached ends these lines with a line feed alone.
fn metadata(item: &DumpedItem<'_>, out: &mut Vec<u8>) {
    let (key, cas, size) = (UriKey(item.key), item.cas, item.bytes);
    let expires = item.expires_unix_s.map_or(-1, |unix_s| unix_s as i64);
    let (used, fetched) = (item.used_unix_s, if item.fetched { "yes" } else { "no" });
    writeln!(
        out,
        "key={key} exp={expires} la={used} cas={cas} fetch={fetched} cls=1 size={size}"
    )
    .expect("a vector takes all bytes");
}

/// A key that could not stand on a line was given in base64, and is shown so.
fn meta_get(key: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"mg ");
    if key.iter().all(|byte| *byte > b' ' && *byte != 0x7f) {
        out.extend_from_slice(key);
    } else {
        out.extend_from_slice(STANDARD.encode(key).as_bytes());
        out.extend_from_slice(b" b");
    }
    out.extend_from_slice(b"\r\n");
}
