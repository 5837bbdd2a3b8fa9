//! `stats items` and `stats slabs`: everything is in class 1.
//!
//! There is one LRU, which memcached would call cold. A chunk is a word of 8 bytes and a page is a
//! segment, so that used, free and total chunks say how full the segments are.

use vrrp::time::Instant;

use super::lines::Lines;
use crate::connection::Context;

/// `stats items`; nothing without items, as memcached has it.
pub(super) fn items(now: Instant, context: &Context<'_>, lines: &mut Lines<'_>) {
    let statistics = context.store.statistics();
    if statistics.items == 0 {
        return;
    }
    let counters = &statistics.counters;
    let seconds = now.as_millis() / 1000;
    let age = seconds.saturating_sub(statistics.oldest_use_s.map_or(seconds, u64::from));
    for (name, value) in [
        ("number", statistics.items),
        ("number_hot", 0),
        ("number_warm", 0),
        ("number_cold", statistics.items),
        ("age_hot", 0),
        ("age_warm", 0),
        ("age", age),
        ("mem_requested", statistics.item_bytes),
        ("evicted", counters.evictions),
        ("evicted_nonzero", counters.evicted_nonzero),
        ("evicted_time", statistics.evicted_idle_s.into()),
        ("outofmemory", counters.store_no_memory),
        ("tailrepairs", 0),
        ("reclaimed", counters.reclaimed),
        ("expired_unfetched", counters.expired_unfetched),
        ("evicted_unfetched", counters.evicted_unfetched),
        ("evicted_active", 0),
        ("crawler_reclaimed", counters.crawler_reclaimed),
        ("crawler_items_checked", counters.crawler_items_checked),
        ("lrutail_reflocked", 0),
        ("moves_to_cold", 0),
        ("moves_to_warm", 0),
        ("moves_within_lru", counters.moves_within_lru),
        ("direct_reclaims", counters.evictions),
        ("hits_to_hot", 0),
        ("hits_to_warm", 0),
        ("hits_to_cold", counters.get_hits),
        ("hits_to_temp", 0),
    ] {
        lines.number(&format!("items:1:{name}"), value);
    }
}

/// `stats slabs`.
pub(super) fn slabs(context: &Context<'_>, lines: &mut Lines<'_>) {
    let statistics = context.store.statistics();
    let counters = &statistics.counters;
    let total = statistics.segments * statistics.segment_words;
    if statistics.segments > 0 {
        for (name, value) in [
            ("chunk_size", 8),
            ("chunks_per_page", statistics.segment_words),
            ("total_pages", statistics.segments),
            ("total_chunks", total),
            ("used_chunks", statistics.words),
            ("free_chunks", total - statistics.words),
            ("free_chunks_end", 0),
            ("get_hits", counters.get_hits),
            ("cmd_set", counters.cmd_set),
            ("delete_hits", counters.delete_hits),
            ("incr_hits", counters.incr_hits),
            ("decr_hits", counters.decr_hits),
            ("cas_hits", counters.cas_hits),
            ("cas_badval", counters.cas_badval),
            ("touch_hits", counters.touch_hits),
        ] {
            lines.number(&format!("1:{name}"), value);
        }
    }
    lines.number("active_slabs", u64::from(statistics.segments > 0));
    lines.number("total_malloced", statistics.held_bytes);
}
