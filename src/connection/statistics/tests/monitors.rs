//! What monitoring tools look up, and how they read it.

use std::collections::BTreeMap;

use super::{SLABS, table, used};
use crate::connection::fixture::seconds;

/// memcached_exporter: what `parseStats` and `parseStatsSettings` look up in `stats`, `stats items`,
/// `stats slabs` and `stats settings`. A value that it cannot parse fails the scrape.
#[test]
fn memcached_exporter_finds_numbers_where_it_looks() {
    let fixture = used();
    let [general, items, slabs, settings] = ["", " items", " slabs", " settings"]
        .map(|what| table(&fixture.say(seconds(15), format!("stats{what}\r\n"))));
    let float = |table: &BTreeMap<String, String>, name: &str| {
        let value = table.get(name).unwrap_or_else(|| panic!("no {name}"));
        value
            .parse::<f64>()
            .unwrap_or_else(|_| panic!("{name}: {value}"))
    };
    for name in "get_hits get_misses delete_hits delete_misses incr_hits incr_misses decr_hits \
        decr_misses cas_hits cas_misses cas_badval touch_hits touch_misses uptime time cmd_flush \
        cmd_set bytes limit_maxbytes curr_items total_items bytes_read bytes_written \
        curr_connections total_connections rejected_connections conn_yields listen_disabled_num \
        evictions reclaimed store_too_large store_no_memory lru_crawler_starts direct_reclaims \
        crawler_items_checked crawler_reclaimed moves_to_cold moves_to_warm moves_within_lru \
        accepting_conns"
        .split_whitespace()
    {
        float(&general, name);
    }
    for name in ["rusage_user", "rusage_system"] {
        let (seconds, micros) = general[name]
            .split_once('.')
            .expect("seconds and microseconds");
        assert!(
            seconds.parse::<u64>().is_ok() && micros.len() == 6,
            "{name}"
        );
        assert!(micros.parse::<u64>().is_ok(), "{name}");
    }
    for name in "number age hits_to_hot hits_to_warm hits_to_cold hits_to_temp crawler_reclaimed \
        evicted evicted_nonzero evicted_time evicted_unfetched expired_unfetched outofmemory \
        reclaimed tailrepairs mem_requested moves_to_cold moves_to_warm moves_within_lru \
        number_hot number_warm number_cold age_hot age_warm"
        .split_whitespace()
    {
        float(&items, &format!("items:1:{name}"));
    }
    for name in SLABS.split_whitespace() {
        float(&slabs, &format!("1:{name}"));
    }
    for name in "maxconns lru_crawler_sleep lru_crawler_tocrawl hot_lru_pct warm_lru_pct \
        hot_max_factor warm_max_factor"
        .split_whitespace()
    {
        float(&settings, name);
    }
    for name in ["lru_crawler", "lru_maintainer_thread"] {
        assert!(["yes", "no"].contains(&settings[name].as_str()), "{name}");
    }
    // The exporter takes the cas operations off the sets, which must not become negative.
    let cas: f64 = ["cas_hits", "cas_misses", "cas_badval"]
        .map(|name| float(&general, name))
        .iter()
        .sum();
    assert!(float(&general, "cmd_set") >= cas);
}

/// telegraf splits each line at its first two spaces and reads these as integers; munin's
/// `memcached_`, `memcached_multi_` and memcstat look up a part of them.
#[test]
fn telegraf_munin_and_memcstat_find_integers_where_they_look() {
    let statistics = table(&used().say(seconds(15), "stats\r\n"));
    for name in "accepting_conns auth_cmds auth_errors bytes bytes_read bytes_written cas_badval \
        cas_hits cas_misses cmd_flush cmd_get cmd_set cmd_touch conn_yields connection_structures \
        curr_connections curr_items decr_hits decr_misses delete_hits delete_misses evicted_active \
        evicted_unfetched evictions expired_unfetched get_expired get_flushed get_hits get_misses \
        hash_bytes hash_is_expanding hash_power_level incr_hits incr_misses limit_maxbytes \
        listen_disabled_num max_connections reclaimed rejected_connections store_no_memory \
        store_too_large threads total_connections total_items touch_hits touch_misses uptime \
        pid pointer_size time"
        .split_whitespace()
    {
        let value = statistics.get(name).unwrap_or_else(|| panic!("no {name}"));
        assert!(value.parse::<i64>().is_ok(), "{name}: {value}");
    }
}
