//! `stats` and all its sub-commands, with memcached 1.6's keys, order and formats.
//!
//! What memcached reports of parts that do not exist here (slab classes, the segmented LRU, its
//! logger threads) is 0, or what memcached shows when the part is idle. All items are in class 1.
//! `stats replication` and `stats vrrp` are our own.

mod cachedump;
mod detail;
mod general;
mod items;
mod lines;
mod settings;
#[cfg(test)]
mod tests;

use vrrp::time::Instant;

use self::lines::Lines;
use super::Context;
use super::listing::Listing;
use crate::protocol::{Form, Reply, RequestError};

/// Answers `stats ARGUMENTS`; the arguments are trimmed. The answer is complete unless a listing is
/// returned, which then is the answer.
pub(super) fn answer(
    now: Instant,
    context: &Context<'_>,
    arguments: &[u8],
    reply: &Reply<'_>,
    out: &mut Vec<u8>,
) -> Option<Listing> {
    let arguments = String::from_utf8_lossy(arguments);
    let words: Vec<&str> = arguments
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect();
    let mut lines = Lines { reply, out };
    match words.first().copied().unwrap_or_default() {
        "" => general::answer(now, context, &mut lines),
        "settings" => settings::answer(context, &mut lines),
        "items" => items::items(now, context, &mut lines),
        "slabs" => items::slabs(context, &mut lines),
        "sizes" => return sizes(now, context, reply, out),
        "sizes_enable" => track_sizes(context, true, &mut lines),
        "sizes_disable" => track_sizes(context, false, &mut lines),
        "conns" => connections(now, context, &mut lines),
        section @ ("replication" | "vrrp") => {
            for (name, value) in (context.section)(section) {
                lines.text(&name, &value);
            }
        }
        "extstore" => {}
        "reset" => {
            context.store.reset_counters();
            context.facts.reset();
            reply.stats_reset(out);
            return None;
        }
        "detail" => {
            detail::answer(context, words.get(1).copied(), reply, out);
            return None;
        }
        "cachedump" if !is_binary(reply) => {
            cachedump::answer(now, context, &words[1..], reply, out);
            return None;
        }
        _ => {
            reply.error(&RequestError::UnknownStatistics, out);
            return None;
        }
    }
    reply.stats_end(out);
    None
}

const fn is_binary(reply: &Reply<'_>) -> bool {
    matches!(reply.form, Form::Binary(_))
}

/// A histogram of item sizes, if it was asked for with `stats sizes_enable`. The walk through the
/// store goes in pieces, but a binary answer repeats its request, which is gone by then.
fn sizes(
    now: Instant,
    context: &Context<'_>,
    reply: &Reply<'_>,
    out: &mut Vec<u8>,
) -> Option<Listing> {
    if !context.facts.adjustable.lock().track_sizes {
        reply.stat("sizes_status", b"disabled", out);
        reply.stats_end(out);
        return None;
    }
    let mut listing = Listing::of_sizes();
    if !is_binary(reply) {
        return Some(listing);
    }
    while listing.go_on(now, context.store, reply, out) {}
    None
}

/// memcached forgets the `END` behind this one, which no client can rely on.
fn track_sizes(context: &Context<'_>, on: bool, lines: &mut Lines<'_>) {
    context.facts.adjustable.lock().track_sizes = on;
    lines.text("sizes_status", if on { "enabled" } else { "disabled" });
}

fn connections(now: Instant, context: &Context<'_>, lines: &mut Lines<'_>) {
    for client in context.facts.clients.open() {
        let id = client.id;
        lines.text(&format!("{id}:addr"), &client.address.to_string());
        if let Some(listener) = &client.listener {
            lines.text(&format!("{id}:listen_addr"), &listener.to_string());
        }
        lines.text(&format!("{id}:state"), client.state());
        let idle_s = client.idle_s(now).into();
        lines.number(&format!("{id}:secs_since_last_cmd"), idle_s);
    }
}
