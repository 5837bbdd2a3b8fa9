//! `stats cachedump CLASS LIMIT`: keys of some items.

use vrrp::time::Instant;

use crate::connection::Context;
use crate::protocol::{Reply, RequestError};
use crate::store::{DumpCursor, DumpedItem};

/// Longest answer in bytes (memcached's limit).
const ANSWER_BYTES_MAX: usize = 2 << 20;
/// Steps of the walk, of at most 128 items each, after which it ends however little was shown.
const STEPS_MAX: usize = 4096;
/// memcached has classes from 0 to 63.
const CLASS_MAX: u32 = 63;
/// The class of all items.
const CLASS: u32 = 1;

/// The first `LIMIT` items that a walk finds, or as many as 2 MiB hold where the limit is 0.
pub(super) fn answer(
    now: Instant,
    context: &Context<'_>,
    words: &[&str],
    reply: &Reply<'_>,
    out: &mut Vec<u8>,
) {
    if !context.facts.settings.dump_enabled {
        return reply.line("CLIENT_ERROR stats cachedump not allowed", out);
    }
    let [class, limit, ..] = words else {
        return reply.line("CLIENT_ERROR bad command line", out);
    };
    let (Ok(class), Ok(limit)) = (class.parse::<u32>(), limit.parse::<usize>()) else {
        return reply.error(&RequestError::BadFormat, out);
    };
    if class > CLASS_MAX {
        return reply.line("CLIENT_ERROR Illegal slab id", out);
    }
    if class == CLASS {
        dump(
            now,
            context,
            if limit == 0 { usize::MAX } else { limit },
            reply,
            out,
        );
    }
    reply.stats_end(out);
}

fn dump(now: Instant, context: &Context<'_>, limit: usize, reply: &Reply<'_>, out: &mut Vec<u8>) {
    let (mut cursor, start, mut left) = (DumpCursor::default(), out.len(), limit);
    for _ in 0..STEPS_MAX {
        let more = context.store.dump(now, &mut cursor, |item| {
            if left > 0 && out.len() - start < ANSWER_BYTES_MAX {
                left -= 1;
                reply.line(&line(item), out);
            }
        });
        if !more || left == 0 || out.len() - start >= ANSWER_BYTES_MAX {
            return;
        }
    }
}

fn line(item: &DumpedItem<'_>) -> String {
    let (key, expires) = (
        String::from_utf8_lossy(item.key),
        item.expires_unix_s.unwrap_or(0),
    );
    format!("ITEM {key} [{} b; {expires} s]", item.value_len)
}
