//! `stats settings`.

use super::lines::Lines;
use crate::connection::adjustable::Adjustable;
use crate::connection::observers::DETAIL;
use crate::connection::{Context, Settings};
use crate::store::Statistics;

pub(super) fn answer(context: &Context<'_>, lines: &mut Lines<'_>) {
    let (settings, adjustable) = (
        &context.facts.settings,
        context.facts.adjustable.lock().clone(),
    );
    server(settings, &adjustable, &context.store.statistics(), lines);
    prefixes(context, lines);
    protocol(settings, context.store.item_size_max(), lines);
    slabs(settings, &adjustable, lines);
    crawler(settings, &adjustable, lines);
    lru(&adjustable, lines);
    buffers(settings, &adjustable, lines);
    absent(lines);
}

fn server(
    settings: &Settings,
    adjustable: &Adjustable,
    statistics: &Statistics,
    lines: &mut Lines<'_>,
) {
    lines.number("maxbytes", statistics.limit);
    lines.number("maxconns", settings.connections_max as u64);
    lines.number("tcpport", settings.tcp_port.into());
    lines.number("udpport", settings.udp_port.into());
    lines.text("inter", or_null(&settings.interfaces));
    lines.number("verbosity", adjustable.verbosity.into());
    lines.number("oldest", statistics.flushed_at_s.unwrap_or(0));
    lines.text("evictions", if settings.evict { "on" } else { "off" });
    lines.text("domain_socket", or_null(&settings.socket_path));
    lines.text("umask", &format!("{:o}", settings.socket_mode));
    lines.flag("shutdown_command", settings.shutdown_enabled);
    lines.text("growth_factor", "1.25");
    lines.number("chunk_size", 48);
    lines.number("num_threads", settings.threads as u64);
    lines.number("num_threads_per_udp", settings.threads as u64);
}

fn prefixes(context: &Context<'_>, lines: &mut Lines<'_>) {
    let delimiter = context.facts.settings.prefix_delimiter();
    lines.text("stat_key_prefix", &char::from(delimiter).to_string());
    lines.flag("detail_enabled", context.facts.observers.want(DETAIL));
}

/// `item_size_max` is the limit that counts: the lower one of both hosts.
fn protocol(settings: &Settings, item_size_max: usize, lines: &mut Lines<'_>) {
    lines.number("reqs_per_event", settings.requests_per_event as u64);
    lines.flag("cas_enabled", settings.cas_enabled);
    lines.number("tcp_backlog", settings.backlog.into());
    lines.text("binding_protocol", settings.protocol);
    lines.flag("auth_enabled_sasl", false);
    lines.flag("auth_enabled_ascii", settings.authentication);
    lines.number("item_size_max", item_size_max as u64);
    lines.flag("maxconns_fast", settings.connections_max_fast);
    lines.number("hashpower_init", 0);
}

/// A value is never cut into chunks.
fn slabs(settings: &Settings, adjustable: &Adjustable, lines: &mut Lines<'_>) {
    lines.flag("slab_reassign", true);
    lines.number("slab_automove", adjustable.slab_automove.into());
    lines.text(
        "slab_automove_ratio",
        &format!("{:.2}", adjustable.slab_automove_ratio),
    );
    lines.number(
        "slab_automove_window",
        adjustable.slab_automove_window.into(),
    );
    lines.number("slab_chunk_max", settings.item_size_max as u64);
}

fn crawler(settings: &Settings, adjustable: &Adjustable, lines: &mut Lines<'_>) {
    lines.flag("lru_crawler", adjustable.crawler);
    lines.number("lru_crawler_sleep", adjustable.crawler_sleep_us.into());
    lines.number("lru_crawler_tocrawl", adjustable.crawler_tocrawl.into());
    lines.number("tail_repair_time", 0);
    lines.flag("flush_enabled", settings.flush_enabled);
    lines.flag("dump_enabled", settings.dump_enabled);
    lines.text("hash_algorithm", "ahash");
}

fn lru(adjustable: &Adjustable, lines: &mut Lines<'_>) {
    lines.flag("lru_maintainer_thread", true);
    lines.flag("lru_segmented", adjustable.lru_segmented);
    lines.number("hot_lru_pct", adjustable.hot_lru_pct.into());
    lines.number("warm_lru_pct", adjustable.warm_lru_pct.into());
    lines.text(
        "hot_max_factor",
        &format!("{:.2}", adjustable.hot_max_factor),
    );
    lines.text(
        "warm_max_factor",
        &format!("{:.2}", adjustable.warm_max_factor),
    );
    lines.flag("temp_lru", adjustable.temp_lru);
    lines.number("temporary_ttl", adjustable.temporary_ttl_s.into());
}

fn buffers(settings: &Settings, adjustable: &Adjustable, lines: &mut Lines<'_>) {
    lines.number("idle_timeout", settings.idle_timeout_s);
    lines.number("watcher_logbuf_size", 262_144);
    lines.number("worker_logbuf_size", 65_536);
    lines.number("read_buf_mem_limit", 0);
    lines.flag("track_sizes", adjustable.track_sizes);
    lines.flag("inline_ascii_response", false);
}

/// What memcached shows of storage on disk and TLS while they are not used.
fn absent(lines: &mut Lines<'_>) {
    for (name, value) in [
        ("ext_item_size", "512"),
        ("ext_item_age", "4294967295"),
        ("ext_low_ttl", "0"),
        ("ext_recache_rate", "2000"),
        ("ext_wbuf_size", "4194304"),
        ("ext_compact_under", "0"),
        ("ext_drop_under", "0"),
        ("ext_max_sleep", "1000000"),
        ("ext_max_frag", "0.80"),
        ("slab_automove_freeratio", "0.010"),
        ("ext_drop_unread", "no"),
        ("ssl_enabled", "no"),
        ("ssl_chain_cert", "(null)"),
        ("ssl_key", "(null)"),
        ("ssl_verify_mode", "0"),
        ("ssl_keyformat", "1"),
        ("ssl_ciphers", "NULL"),
        ("ssl_ca_cert", "NULL"),
        ("ssl_wbuf_size", "16384"),
        ("ssl_session_cache", "no"),
        ("ssl_kernel_tls", "no"),
        ("ssl_min_version", "tlsv1.2"),
        ("num_napi_ids", "(null)"),
        ("memory_file", "(null)"),
    ] {
        lines.text(name, value);
    }
}

const fn or_null(text: &str) -> &str {
    if text.is_empty() { "NULL" } else { text }
}
