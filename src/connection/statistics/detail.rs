//! `stats detail on|off|dump`: counts per prefix of the keys.

use super::is_binary;
use crate::connection::Context;
use crate::protocol::{Reply, RequestError};

const USAGE: &str = "CLIENT_ERROR usage: stats detail on|off|dump";

pub(super) fn answer(
    context: &Context<'_>,
    what: Option<&str>,
    reply: &Reply<'_>,
    out: &mut Vec<u8>,
) {
    let observers = &context.facts.observers;
    match what {
        Some(on @ ("on" | "off")) => {
            observers.show_detail(on == "on");
            if is_binary(reply) {
                reply.stats_end(out)
            } else {
                reply.line("OK", out)
            }
        }
        Some("dump") => dump(&observers.prefixes.lines(), reply, out),
        _ if is_binary(reply) => reply.error(&RequestError::UnknownStatistics, out),
        _ => reply.line(USAGE, out),
    }
}

/// memcached's binary form is the whole text as one statistic.
fn dump(lines: &[u8], reply: &Reply<'_>, out: &mut Vec<u8>) {
    if is_binary(reply) {
        reply.stat("detailed", &[lines, b"END\r\n"].concat(), out);
    } else {
        out.extend_from_slice(lines);
    }
    reply.stats_end(out);
}
