mod binary;
mod monitors;

use std::collections::BTreeMap;

use crate::connection::fixture::{Fixture, connection, seconds, settings};
use crate::connection::{Endpoint, Settings};

/// What memcached 1.6.18 answers to `stats`, in its order.
const GENERAL: &str = "\
    pid uptime time version libevent pointer_size rusage_user rusage_system max_connections \
    curr_connections total_connections rejected_connections connection_structures \
    response_obj_oom response_obj_count response_obj_bytes read_buf_count read_buf_bytes \
    read_buf_bytes_free read_buf_oom reserved_fds cmd_get cmd_set cmd_flush cmd_touch cmd_meta \
    get_hits get_misses get_expired get_flushed delete_misses delete_hits incr_misses incr_hits \
    decr_misses decr_hits cas_misses cas_hits cas_badval touch_hits touch_misses store_too_large \
    store_no_memory auth_cmds auth_errors bytes_read bytes_written limit_maxbytes \
    accepting_conns listen_disabled_num time_in_listen_disabled_us threads conn_yields \
    hash_power_level hash_bytes hash_is_expanding slab_reassign_rescues \
    slab_reassign_chunk_rescues slab_reassign_evictions_nomem slab_reassign_inline_reclaim \
    slab_reassign_busy_items slab_reassign_busy_deletes slab_reassign_running slabs_moved \
    lru_crawler_running lru_crawler_starts lru_maintainer_juggles malloc_fails \
    log_worker_dropped log_worker_written log_watcher_skipped log_watcher_sent log_watchers \
    unexpected_napi_ids round_robin_fallback bytes curr_items total_items slab_global_page_pool \
    expired_unfetched evicted_unfetched evicted_active evictions reclaimed crawler_reclaimed \
    crawler_items_checked lrutail_reflocked moves_to_cold moves_to_warm moves_within_lru \
    direct_reclaims lru_bumps_dropped";

/// What memcached 1.6.18 answers to `stats settings`, with the values of the fixture.
const SETTINGS: &str = "\
maxbytes 67108864
maxconns 1024
tcpport 11211
udpport 0
inter 127.0.0.1
verbosity 0
oldest 0
evictions on
domain_socket NULL
umask 700
shutdown_command no
growth_factor 1.25
chunk_size 48
num_threads 4
num_threads_per_udp 4
stat_key_prefix :
detail_enabled no
reqs_per_event 20
cas_enabled yes
tcp_backlog 1024
binding_protocol auto-negotiate
auth_enabled_sasl no
auth_enabled_ascii no
item_size_max 1048576
maxconns_fast yes
hashpower_init 0
slab_reassign yes
slab_automove 1
slab_automove_ratio 0.80
slab_automove_window 30
slab_chunk_max 1048576
lru_crawler yes
lru_crawler_sleep 100
lru_crawler_tocrawl 0
tail_repair_time 0
flush_enabled yes
dump_enabled yes
hash_algorithm ahash
lru_maintainer_thread yes
lru_segmented yes
hot_lru_pct 20
warm_lru_pct 40
hot_max_factor 0.20
warm_max_factor 2.00
temp_lru no
temporary_ttl 61
idle_timeout 0
watcher_logbuf_size 262144
worker_logbuf_size 65536
read_buf_mem_limit 0
track_sizes no
inline_ascii_response no
ext_item_size 512
ext_item_age 4294967295
ext_low_ttl 0
ext_recache_rate 2000
ext_wbuf_size 4194304
ext_compact_under 0
ext_drop_under 0
ext_max_sleep 1000000
ext_max_frag 0.80
slab_automove_freeratio 0.010
ext_drop_unread no
ssl_enabled no
ssl_chain_cert (null)
ssl_key (null)
ssl_verify_mode 0
ssl_keyformat 1
ssl_ciphers NULL
ssl_ca_cert NULL
ssl_wbuf_size 16384
ssl_session_cache no
ssl_kernel_tls no
ssl_min_version tlsv1.2
num_napi_ids (null)
memory_file (null)
";

/// What memcached 1.6.18 says of each class in `stats items`.
const ITEMS: &str = "\
    number number_hot number_warm number_cold age_hot age_warm age mem_requested evicted \
    evicted_nonzero evicted_time outofmemory tailrepairs reclaimed expired_unfetched \
    evicted_unfetched evicted_active crawler_reclaimed crawler_items_checked lrutail_reflocked \
    moves_to_cold moves_to_warm moves_within_lru direct_reclaims hits_to_hot hits_to_warm \
    hits_to_cold hits_to_temp";

/// What memcached 1.6.18 says of each class in `stats slabs`.
const SLABS: &str = "\
    chunk_size chunks_per_page total_pages total_chunks used_chunks free_chunks free_chunks_end \
    get_hits cmd_set delete_hits incr_hits decr_hits cas_hits cas_badval touch_hits";

/// Names and values of an answer that is made of statistics, in order.
fn parsed(answer: &str) -> Vec<(String, String)> {
    let lines = answer.strip_suffix("END\r\n").expect("an end");
    let lines = lines.split_terminator("\r\n").map(|line| {
        let (name, value) = line
            .strip_prefix("STAT ")
            .and_then(|line| line.split_once(' '))
            .unwrap_or_else(|| panic!("not a statistic: {line:?}"));
        (name.to_owned(), value.to_owned())
    });
    lines.collect()
}

fn names(answer: &str) -> Vec<String> {
    parsed(answer).into_iter().map(|(name, _)| name).collect()
}

fn table(answer: &str) -> BTreeMap<String, String> {
    parsed(answer).into_iter().collect()
}

/// A server to which every kind of command was said.
fn used() -> Fixture {
    let fixture = Fixture::new();
    fixture.say(
        seconds(10),
        "set user:1 0 0 5\r\nvalue\r\nset n 7 100 1\r\n1\r\nget user:1 user:2\r\n\
         add user:1 0 0 1\r\nx\r\nincr n 2\r\nincr none 1\r\ndecr n 1\r\ndecr none 1\r\n\
         delete none\r\nset gone 0 0 1\r\nx\r\ndelete gone\r\ntouch n 50\r\ntouch none 1\r\n\
         cas n 0 0 1 1\r\n5\r\ncas none 0 0 1 1\r\n5\r\nmg user:1 v\r\nflush_all 100\r\n\
         add big 0 0 2000000\r\n",
    );
    fixture
}

#[test]
fn the_general_statistics_are_memcached_s_in_its_order() {
    let answer = used().say(seconds(15), "stats\r\n");
    assert_eq!(
        names(&answer),
        GENERAL.split_whitespace().collect::<Vec<_>>()
    );
}

#[test]
fn the_general_statistics_tell_what_happened() {
    let statistics = table(&used().say(seconds(15), "stats\r\n"));
    for (name, expected) in [
        ("pid", "4711"),
        ("uptime", "16"),
        ("time", "1700000010"),
        ("pointer_size", "64"),
        ("rusage_user", "1.000002"),
        ("rusage_system", "20.000300"),
        ("max_connections", "1024"),
        ("cmd_get", "3"),
        ("get_hits", "2"),
        ("get_misses", "1"),
        ("cmd_set", "6"),
        ("cmd_flush", "1"),
        ("cmd_touch", "2"),
        ("cmd_meta", "1"),
        ("delete_hits", "1"),
        ("delete_misses", "1"),
        ("incr_hits", "1"),
        ("incr_misses", "1"),
        ("decr_hits", "1"),
        ("decr_misses", "1"),
        ("cas_misses", "1"),
        ("cas_badval", "1"),
        ("cas_hits", "0"),
        ("touch_hits", "1"),
        ("touch_misses", "1"),
        ("store_too_large", "1"),
        ("limit_maxbytes", "67108864"),
        ("accepting_conns", "1"),
        ("threads", "4"),
        ("hash_power_level", "8"),
        ("hash_bytes", "1024"),
        ("curr_items", "2"),
        ("total_items", "3"),
        ("bytes", "136"),
        ("evictions", "0"),
        ("log_watchers", "0"),
    ] {
        assert_eq!(statistics[name], expected, "{name}");
    }
}

#[test]
fn an_empty_server_counts_no_bytes_and_its_uptime_is_not_zero() {
    let statistics = table(&Fixture::new().say(seconds(0), "stats\r\n"));
    for (name, expected) in [("uptime", "1"), ("bytes", "0"), ("curr_items", "0")] {
        assert_eq!(statistics[name], expected, "{name}");
    }
}

#[test]
fn the_settings_are_memcached_s_in_its_order() {
    let answer = Fixture::new().say(seconds(1), "stats settings\r\n");
    let lines: Vec<String> = parsed(&answer)
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    assert_eq!(lines, SETTINGS.lines().collect::<Vec<_>>());
}

#[test]
fn the_settings_show_flags_and_what_commands_changed() {
    let fixture = Fixture::with(Settings {
        interfaces: String::new(),
        socket_path: "/run/cache".to_owned(),
        socket_mode: 0o770,
        evict: false,
        flush_enabled: true,
        verbosity: 1,
        stats_prefix_delimiter: Some(b'/'),
        ..settings()
    });
    fixture.say(
        seconds(30),
        "flush_all\r\nlru_crawler disable\r\nlru_crawler sleep 200\r\nlru_crawler tocrawl 5\r\n\
         slabs automove 2\r\nslabs automove ratio 0.9\r\nlru tune 10 25 0.1 2.0\r\n\
         lru mode flat\r\nlru temp_ttl 30\r\nverbosity 9\r\nstats sizes_enable\r\n\
         cache_memlimit 100\r\n",
    );
    let settings = table(&fixture.say(seconds(40), "stats settings\r\n"));
    for (name, expected) in [
        ("maxbytes", "104857600"),
        ("inter", "NULL"),
        ("domain_socket", "/run/cache"),
        ("umask", "770"),
        ("evictions", "off"),
        ("oldest", "30"),
        ("verbosity", "2"),
        ("stat_key_prefix", "/"),
        ("detail_enabled", "yes"),
        ("lru_crawler", "no"),
        ("lru_crawler_sleep", "200"),
        ("lru_crawler_tocrawl", "5"),
        ("slab_automove", "2"),
        ("slab_automove_ratio", "0.90"),
        ("hot_lru_pct", "10"),
        ("warm_lru_pct", "25"),
        ("hot_max_factor", "0.10"),
        ("lru_segmented", "no"),
        ("temp_lru", "yes"),
        ("temporary_ttl", "30"),
        ("track_sizes", "yes"),
    ] {
        assert_eq!(settings[name], expected, "{name}");
    }
}

#[test]
fn all_items_are_in_class_one() {
    let fixture = used();
    let items = fixture.say(seconds(15), "stats items\r\n");
    let expected: Vec<String> = ITEMS
        .split_whitespace()
        .map(|name| format!("items:1:{name}"))
        .collect();
    assert_eq!(names(&items), expected);
    let items = table(&items);
    for (name, expected) in [("number", "2"), ("age", "5"), ("mem_requested", "136")] {
        assert_eq!(items[&format!("items:1:{name}")], expected, "{name}");
    }
    assert_eq!(
        Fixture::new().say(seconds(15), "stats items\r\n"),
        "END\r\n"
    );
}

#[test]
fn slabs_are_segments_and_their_chunks_are_words() {
    let slabs = used().say(seconds(15), "stats slabs\r\n");
    let mut expected: Vec<String> = SLABS
        .split_whitespace()
        .map(|name| format!("1:{name}"))
        .collect();
    expected.extend(["active_slabs".to_owned(), "total_malloced".to_owned()]);
    assert_eq!(names(&slabs), expected);
    let slabs = table(&slabs);
    let number = |name: &str| slabs[name].parse::<u64>().expect("a number");
    assert_eq!(
        (number("1:chunk_size"), number("1:chunks_per_page")),
        (8, 8192)
    );
    assert_eq!(number("1:total_chunks"), number("1:total_pages") * 8192);
    assert_eq!(number("1:used_chunks"), 17);
    assert_eq!(number("1:free_chunks"), number("1:total_chunks") - 17);
    assert!(number("total_malloced") >= number("1:total_pages") * 65536);
}

#[test]
fn sub_commands_answer_as_memcached_does() {
    for (command, expected) in [
        ("stats foo", "ERROR\r\n"),
        ("stats proxy", "ERROR\r\n"),
        ("stats extstore", "END\r\n"),
        ("stats replication", "STAT name replication 1\r\nEND\r\n"),
        ("stats vrrp", "STAT name vrrp 1\r\nEND\r\n"),
        ("stats reset", "RESET\r\n"),
        ("stats reset foo", "RESET\r\n"),
        ("stats sizes", "STAT sizes_status disabled\r\nEND\r\n"),
        (
            "stats sizes_disable",
            "STAT sizes_status disabled\r\nEND\r\n",
        ),
        (
            "stats detail",
            "CLIENT_ERROR usage: stats detail on|off|dump\r\n",
        ),
        (
            "stats detail foo",
            "CLIENT_ERROR usage: stats detail on|off|dump\r\n",
        ),
        ("stats detail on more", "OK\r\n"),
        ("stats detail dump", "END\r\n"),
        ("stats cachedump", "CLIENT_ERROR bad command line\r\n"),
        ("stats cachedump 1", "CLIENT_ERROR bad command line\r\n"),
        (
            "stats cachedump a b",
            "CLIENT_ERROR bad command line format\r\n",
        ),
        ("stats cachedump 64 0", "CLIENT_ERROR Illegal slab id\r\n"),
        ("stats cachedump 2 0", "END\r\n"),
        ("stats cachedump 1 0 3", "END\r\n"),
    ] {
        let answer = Fixture::new().say(seconds(1), format!("{command}\r\n"));
        assert_eq!(answer, expected, "{command}");
    }
}

#[test]
fn reset_starts_counts_anew_and_keeps_what_is_the_case() {
    let fixture = used();
    fixture
        .facts
        .curr_connections
        .store(3, std::sync::atomic::Ordering::Relaxed);
    fixture.say(seconds(15), "stats reset\r\n");
    let statistics = table(&fixture.say(seconds(15), "stats\r\n"));
    for (name, expected) in [
        ("cmd_get", "0"),
        ("cmd_flush", "0"),
        ("cmd_meta", "0"),
        ("total_items", "0"),
        ("curr_items", "2"),
        ("curr_connections", "3"),
        ("uptime", "16"),
    ] {
        assert_eq!(statistics[name], expected, "{name}");
    }
}

#[test]
fn detail_counts_prefixes_only_while_it_is_on() {
    let fixture = Fixture::new();
    let set = "set pre:a 0 0 3\r\nabc\r\n";
    fixture.say(seconds(1), set);
    fixture.say(
        seconds(1),
        "stats detail on\r\nset pre:a 0 0 3\r\nabc\r\nget pre:a\r\nget pre:b\r\nget nopre\r\n\
         mg pre:a v\r\ndelete pre:a\r\nstats detail off\r\nget pre:a\r\n",
    );
    let expected = "PREFIX pre get 3 hit 2 set 1 del 1\r\nEND\r\n";
    assert_eq!(fixture.say(seconds(2), "stats detail dump\r\n"), expected);
    fixture.say(seconds(1), "stats reset\r\n");
    assert_eq!(fixture.say(seconds(2), "stats detail dump\r\n"), "END\r\n");
}

#[test]
fn sizes_are_counted_in_classes_of_32_bytes_once_enabled() {
    let fixture = used();
    let enabled = "STAT sizes_status enabled\r\nEND\r\n";
    assert_eq!(fixture.say(seconds(11), "stats sizes_enable\r\n"), enabled);
    let expected = "STAT 64 1\r\nSTAT 96 1\r\nEND\r\n";
    assert_eq!(fixture.say(seconds(11), "stats sizes\r\n"), expected);
}

#[test]
fn cachedump_shows_keys_up_to_its_limit_or_is_refused() {
    let fixture = used();
    let all = fixture.say(seconds(11), "stats cachedump 1 0\r\n");
    let mut lines: Vec<&str> = all.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "END",
            "ITEM n [1 b; 1700000060 s]",
            "ITEM user:1 [5 b; 0 s]"
        ]
    );
    let one = fixture.say(seconds(11), "stats cachedump 1 1\r\n");
    assert_eq!(one.lines().count(), 2);
    let refusing = Fixture::with(Settings {
        dump_enabled: false,
        ..settings()
    });
    let answer = refusing.say(seconds(11), "stats cachedump 1 1\r\n");
    assert_eq!(answer, "CLIENT_ERROR stats cachedump not allowed\r\n");
}

#[test]
fn connections_are_shown_with_their_addresses_and_states() {
    let fixture = Fixture::new();
    let tcp = |address: &str| Endpoint::Tcp(address.parse().expect("an address"));
    let clients = &fixture.facts.clients;
    let _listener = clients.add(seconds(0), 15, tcp("127.0.0.1:11211"), None);
    let from = Some(tcp("127.0.0.1:11211"));
    let _idle = clients.add(seconds(2), 17, tcp("127.0.0.1:47020"), from.clone());
    let mut asking = connection();
    asking.identify(clients.add(seconds(2), 16, tcp("127.0.0.1:47018"), from));
    let answer = fixture.send(&mut asking, seconds(5), "stats conns\r\n");
    let expected = "\
        STAT 15:addr tcp:127.0.0.1:11211\r\n\
        STAT 15:state conn_listening\r\n\
        STAT 15:secs_since_last_cmd 5\r\n\
        STAT 16:addr tcp:127.0.0.1:47018\r\n\
        STAT 16:listen_addr tcp:127.0.0.1:11211\r\n\
        STAT 16:state conn_parse_cmd\r\n\
        STAT 16:secs_since_last_cmd 0\r\n\
        STAT 17:addr tcp:127.0.0.1:47020\r\n\
        STAT 17:listen_addr tcp:127.0.0.1:11211\r\n\
        STAT 17:state conn_read\r\n\
        STAT 17:secs_since_last_cmd 3\r\n\
        END\r\n";
    assert_eq!(String::from_utf8_lossy(&answer), expected);
}
