//! `stats` without arguments.

use std::sync::atomic::Ordering;

use vrrp::time::Instant;

use super::lines::Lines;
use crate::connection::{Context, Facts, VERSION};
use crate::store::Statistics;

/// What takes the place of libevent.
const EVENT_LIBRARY: &str = "tokio-1";

pub(super) fn answer(now: Instant, context: &Context<'_>, lines: &mut Lines<'_>) {
    let statistics = context.store.statistics();
    process(now, context, lines);
    connections(context.facts, lines);
    commands(context.facts, &statistics, lines);
    traffic(context.facts, &statistics, lines);
    table(&statistics, lines);
    housekeeping(context.facts, &statistics, lines);
    items(&statistics, lines);
}

fn process(now: Instant, context: &Context<'_>, lines: &mut Lines<'_>) {
    let process = (context.process)();
    lines.number("pid", process.pid.into());
    // Instants count from the start. Clients divide by the uptime: it is never 0.
    lines.number("uptime", now.as_millis() / 1000 + 1);
    lines.number("time", process.unix_time_s);
    lines.text("version", VERSION);
    lines.text("libevent", EVENT_LIBRARY);
    lines.number("pointer_size", usize::BITS.into());
    lines.cpu_time("rusage_user", process.user_us);
    lines.cpu_time("rusage_system", process.system_us);
}

fn connections(facts: &Facts, lines: &mut Lines<'_>) {
    let curr_connections = Facts::of(&facts.curr_connections);
    lines.number("max_connections", facts.settings.connections_max as u64);
    lines.number("curr_connections", curr_connections);
    lines.number("total_connections", Facts::of(&facts.total_connections));
    lines.number(
        "rejected_connections",
        Facts::of(&facts.rejected_connections),
    );
    lines.number("connection_structures", curr_connections);
    lines.number("response_obj_oom", 0);
    lines.number("response_obj_count", 0);
    lines.number("response_obj_bytes", 0);
    lines.number("read_buf_count", Facts::of(&facts.read_buf_count));
    lines.number("read_buf_bytes", Facts::of(&facts.read_buf_bytes));
    lines.number("read_buf_bytes_free", 0);
    lines.number("read_buf_oom", 0);
    lines.number("reserved_fds", Facts::of(&facts.reserved_fds));
}

fn commands(facts: &Facts, statistics: &Statistics, lines: &mut Lines<'_>) {
    let counters = &statistics.counters;
    for (name, value) in [
        ("cmd_get", counters.cmd_get),
        ("cmd_set", counters.cmd_set),
        ("cmd_flush", Facts::of(&facts.cmd_flush)),
        ("cmd_touch", counters.cmd_touch),
        ("cmd_meta", Facts::of(&facts.cmd_meta)),
        ("get_hits", counters.get_hits),
        ("get_misses", counters.get_misses),
        ("get_expired", counters.get_expired),
        ("get_flushed", counters.get_flushed),
        ("delete_misses", counters.delete_misses),
        ("delete_hits", counters.delete_hits),
        ("incr_misses", counters.incr_misses),
        ("incr_hits", counters.incr_hits),
        ("decr_misses", counters.decr_misses),
        ("decr_hits", counters.decr_hits),
        ("cas_misses", counters.cas_misses),
        ("cas_hits", counters.cas_hits),
        ("cas_badval", counters.cas_badval),
        ("touch_hits", counters.touch_hits),
        ("touch_misses", counters.touch_misses),
        (
            "store_too_large",
            counters.store_too_large + Facts::of(&facts.store_too_large),
        ),
        ("store_no_memory", counters.store_no_memory),
        ("auth_cmds", Facts::of(&facts.auth_cmds)),
        ("auth_errors", Facts::of(&facts.auth_errors)),
    ] {
        lines.number(name, value);
    }
    if facts.settings.idle_timeout_s > 0 {
        lines.number("idle_kicks", Facts::of(&facts.idle_kicks));
    }
}

fn traffic(facts: &Facts, statistics: &Statistics, lines: &mut Lines<'_>) {
    let is_accepting = !facts.is_not_accepting.load(Ordering::Relaxed);
    lines.number("bytes_read", Facts::of(&facts.bytes_read));
    lines.number("bytes_written", Facts::of(&facts.bytes_written));
    lines.number("limit_maxbytes", statistics.limit);
    lines.number("accepting_conns", is_accepting.into());
    lines.number("listen_disabled_num", Facts::of(&facts.listen_disabled_num));
    let listen_disabled_us = Facts::of(&facts.time_in_listen_disabled_us);
    lines.number("time_in_listen_disabled_us", listen_disabled_us);
    lines.number("threads", facts.settings.threads as u64);
    lines.number("conn_yields", Facts::of(&facts.conn_yields));
}

/// Tables grow by one bucket at a time, so none is ever expanding. Sparse segments are emptied like
/// memcached's slab pages.
fn table(statistics: &Statistics, lines: &mut Lines<'_>) {
    lines.number("hash_power_level", statistics.buckets.max(1).ilog2().into());
    lines.number("hash_bytes", statistics.bucket_bytes);
    lines.number("hash_is_expanding", 0);
    lines.number("slab_reassign_rescues", statistics.counters.items_moved);
    lines.number("slab_reassign_chunk_rescues", 0);
    lines.number("slab_reassign_evictions_nomem", 0);
    lines.number("slab_reassign_inline_reclaim", 0);
    lines.number("slab_reassign_busy_items", 0);
    lines.number("slab_reassign_busy_deletes", 0);
    lines.number("slab_reassign_running", 0);
    lines.number("slabs_moved", statistics.counters.segments_emptied);
}

fn housekeeping(facts: &Facts, statistics: &Statistics, lines: &mut Lines<'_>) {
    let watchers = &facts.observers.watchers;
    lines.number("lru_crawler_running", 0);
    lines.number("lru_crawler_starts", statistics.counters.crawler_starts);
    lines.number("lru_maintainer_juggles", 0);
    lines.number("malloc_fails", 0);
    lines.number("log_worker_dropped", 0);
    lines.number(
        "log_worker_written",
        watchers.written.load(Ordering::Relaxed),
    );
    lines.number(
        "log_watcher_skipped",
        watchers.skipped.load(Ordering::Relaxed),
    );
    lines.number("log_watcher_sent", watchers.sent.load(Ordering::Relaxed));
    lines.number("log_watchers", watchers.count() as u64);
    lines.number("unexpected_napi_ids", 0);
    lines.number("round_robin_fallback", 0);
}

/// Every eviction is done by the request that needs the room: a direct reclaim.
fn items(statistics: &Statistics, lines: &mut Lines<'_>) {
    let counters = &statistics.counters;
    lines.number("bytes", statistics.item_bytes);
    lines.number("curr_items", statistics.items);
    lines.number("total_items", counters.total_items);
    lines.number("slab_global_page_pool", statistics.idle_segments());
    lines.number("expired_unfetched", counters.expired_unfetched);
    lines.number("evicted_unfetched", counters.evicted_unfetched);
    lines.number("evicted_active", 0);
    lines.number("evictions", counters.evictions);
    lines.number("reclaimed", counters.reclaimed);
    lines.number("crawler_reclaimed", counters.crawler_reclaimed);
    lines.number("crawler_items_checked", counters.crawler_items_checked);
    lines.number("lrutail_reflocked", 0);
    lines.number("moves_to_cold", 0);
    lines.number("moves_to_warm", 0);
    lines.number("moves_within_lru", counters.moves_within_lru);
    lines.number("direct_reclaims", counters.evictions);
    lines.number("lru_bumps_dropped", 0);
}
