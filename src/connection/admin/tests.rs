use std::sync::atomic::Ordering;

use crate::connection::fixture::{Fixture, connection, seconds, settings};
use crate::connection::{Endpoint, Settings};

/// Every command and its answer by a server with memcached's default settings; unless marked, they
/// are memcached 1.6.18's.
const ANSWERS: &[(&str, &str)] = &[
    ("cache_memlimit", "ERROR"),
    (
        "cache_memlimit 0",
        "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m",
    ),
    (
        "cache_memlimit 7",
        "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m",
    ),
    ("cache_memlimit 8", "OK"),
    ("cache_memlimit 64 x", "OK"),
    ("cache_memlimit abc", "ERROR"),
    ("cache_memlimit -5", "ERROR"),
    (
        "cache_memlimit 99999999999",
        "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes",
    ),
    ("shutdown", "ERROR: shutdown not enabled"),
    ("shutdown graceful", "ERROR: shutdown not enabled"),
    ("lru_crawler", "ERROR"),
    ("lru_crawler foo", "ERROR"),
    (
        "lru_crawler enable",
        "ERROR failed to start lru crawler thread",
    ),
    ("lru_crawler enable x", "ERROR"),
    ("lru_crawler disable", "OK"),
    ("lru_crawler sleep", "ERROR"),
    ("lru_crawler sleep 100", "OK"),
    (
        "lru_crawler sleep 1000001",
        "CLIENT_ERROR sleep must be one second or less",
    ),
    (
        "lru_crawler sleep -1",
        "CLIENT_ERROR bad command line format",
    ),
    (
        "lru_crawler sleep abc",
        "CLIENT_ERROR bad command line format",
    ),
    ("lru_crawler tocrawl", "ERROR"),
    ("lru_crawler tocrawl 10", "OK"),
    ("lru_crawler tocrawl 99999999999", "OK"),
    (
        "lru_crawler tocrawl abc",
        "CLIENT_ERROR bad command line format",
    ),
    ("lru_crawler crawl", "ERROR"),
    ("lru_crawler crawl all", "OK"),
    ("lru_crawler crawl 1", "OK"),
    ("lru_crawler crawl 1,2,3", "OK"),
    ("lru_crawler crawl 99", "BADCLASS invalid class id"),
    ("lru_crawler crawl abc", "BADCLASS invalid class id"),
    ("lru_crawler crawl hash", "ERROR an unknown error happened"),
    ("lru_crawler metadump", "ERROR"),
    ("lru_crawler metadump 99", "BADCLASS invalid class id"),
    ("lru_crawler metadump abc", "BADCLASS invalid class id"),
    ("lru_crawler metadump all 10", "ERROR"),
    ("lru_crawler metadump all", "END"),
    ("lru_crawler metadump 2,3", "END"),
    // As memcached 1.6.42; 1.6.18 does not have it.
    ("lru_crawler mgdump", "ERROR"),
    ("lru_crawler mgdump 0", "BADCLASS invalid class id"),
    ("lru_crawler mgdump hash", "EN"),
    ("lru_crawler mgdump 2", "EN"),
    ("slabs", "ERROR"),
    ("slabs foo", "ERROR"),
    ("slabs reassign", "ERROR"),
    ("slabs reassign 1", "ERROR"),
    (
        "slabs reassign 1 2",
        "NOSPARE source class has no spare pages",
    ),
    (
        "slabs reassign 5 6",
        "NOSPARE source class has no spare pages",
    ),
    ("slabs reassign 1 1", "SAME src and dst class are identical"),
    (
        "slabs reassign 99 1",
        "BADCLASS invalid src or dst class id",
    ),
    (
        "slabs reassign -1 5",
        "BADCLASS invalid src or dst class id",
    ),
    ("slabs reassign a b", "CLIENT_ERROR bad command line format"),
    ("slabs automove", "ERROR"),
    ("slabs automove 0", "OK"),
    ("slabs automove 2", "OK"),
    ("slabs automove 3", "ERROR"),
    ("slabs automove a", "CLIENT_ERROR bad command line format"),
    ("slabs automove ratio 0.8", "OK"),
    ("slabs automove ratio x", "ERROR"),
    ("slabs automove window 10", "OK"),
    ("lru", "ERROR"),
    ("lru foo", "ERROR"),
    ("lru tune", "ERROR"),
    ("lru tune 25 25", "ERROR"),
    ("lru tune 25 25 0.2 2.0", "OK"),
    (
        "lru tune 90 20 0.2 2.0",
        "ERROR hot and warm pcts must not exceed 80",
    ),
    (
        "lru tune 9 20 0 2.0",
        "ERROR hot/warm age factors must be greater than 0",
    ),
    ("lru tune a b c d", "ERROR"),
    ("lru mode", "ERROR"),
    ("lru mode flat", "OK"),
    ("lru mode segmented", "OK"),
    ("lru mode x", "ERROR"),
    ("lru temp_ttl", "ERROR"),
    ("lru temp_ttl 60", "OK"),
    ("lru temp_ttl -1", "OK"),
    ("lru temp_ttl a", "ERROR"),
    ("verbosity", "ERROR"),
    ("verbosity 1", "OK"),
    ("verbosity a", "CLIENT_ERROR bad command line format"),
    ("extstore", "ERROR"),
    ("extstore foo 1", "ERROR"),
    ("debugtime", "ERROR"),
    ("debugtime p", "ERROR"),
    ("watch foo", "ERROR"),
    ("watch fetchers foo", "ERROR"),
    ("watch", "OK"),
    ("watch rawcmds sysevents", "OK"),
];

fn refusing() -> Fixture {
    Fixture::with(Settings {
        dump_enabled: false,
        watch_enabled: false,
        ..settings()
    })
}

#[test]
fn every_command_has_memcached_s_answer() {
    for (command, expected) in ANSWERS {
        let answer = Fixture::new().say(seconds(1), format!("{command}\r\n"));
        assert_eq!(answer, format!("{expected}\r\n"), "{command}");
    }
}

#[test]
fn noreply_silences_a_command_that_is_done_nevertheless() {
    let fixture = Fixture::new();
    let answer = fixture.say(
        seconds(1),
        "cache_memlimit 32 noreply\r\nverbosity 1 noreply\r\nmn\r\n",
    );
    assert_eq!(answer, "MN\r\n");
    assert_eq!(fixture.store.statistics().limit, 32 << 20);
    assert_eq!(fixture.facts.adjustable.lock().verbosity, 1);
}

#[test]
fn flags_refuse_dumps_and_watching() {
    for (command, expected) in [
        ("lru_crawler metadump all", "ERROR metadump not allowed\r\n"),
        ("lru_crawler mgdump all", "ERROR key dump not allowed\r\n"),
        ("watch", "CLIENT_ERROR watch commands not allowed\r\n"),
    ] {
        let answer = refusing().say(seconds(1), format!("{command}\r\n"));
        assert_eq!(answer, expected, "{command}");
    }
}

#[test]
fn a_disabled_crawler_lists_nothing_until_it_is_enabled() {
    let answer = Fixture::new().say(
        seconds(1),
        "lru_crawler disable\r\nlru_crawler metadump all\r\nlru_crawler crawl all\r\n\
         lru_crawler enable\r\nlru_crawler metadump all\r\n",
    );
    let expected = "OK\r\nCLIENT_ERROR lru crawler disabled\r\n\
                    CLIENT_ERROR lru crawler disabled\r\nOK\r\nEND\r\n";
    assert_eq!(answer, expected);
}

#[test]
fn shutdown_closes_without_a_word_where_it_is_allowed() {
    let fixture = || {
        Fixture::with(Settings {
            shutdown_enabled: true,
            ..settings()
        })
    };
    for (command, is_done) in [
        ("shutdown", true),
        ("shutdown graceful", true),
        ("shutdown x", false),
    ] {
        let (fixture, mut client) = (fixture(), connection());
        let answer = fixture.send(&mut client, seconds(1), format!("{command}\r\nmn\r\n"));
        let expected: &[u8] = if is_done {
            b""
        } else {
            b"CLIENT_ERROR invalid shutdown mode\r\nMN\r\n"
        };
        assert_eq!(answer, expected, "{command}");
        assert_eq!(client.is_closing(), is_done, "{command}");
        assert_eq!(
            fixture.facts.shutdown.load(Ordering::Acquire),
            is_done,
            "{command}"
        );
    }
}

#[test]
fn metadump_shows_each_item_on_a_line() {
    let fixture = Fixture::new();
    fixture.say(
        seconds(10),
        "ms k%20a 3 F7 E5\r\nabc\r\nms k2 3 T100 E6\r\nabc\r\nget k2\r\nset old 0 -1 1\r\nx\r\n",
    );
    let answer = fixture.say(seconds(20), "lru_crawler metadump all\r\nmn\r\n");
    let mut lines: Vec<&str> = answer.split_inclusive('\n').collect();
    lines.sort_unstable();
    let expected = [
        "END\r\n",
        "MN\r\n",
        "key=k%2520a exp=-1 la=1700000010 cas=5 fetch=no cls=1 size=72\n",
        "key=k2 exp=1700000110 la=1700000010 cas=6 fetch=yes cls=1 size=72\n",
    ];
    assert_eq!(lines, expected);
    assert!(answer.ends_with("END\r\nMN\r\n"));
}

#[test]
fn mgdump_shows_commands_that_fetch_the_items() {
    let fixture = Fixture::new();
    fixture.say(seconds(10), "set plain 0 0 1\r\nx\r\nms YSBi 1 b\r\nx\r\n");
    let answer = fixture.say(seconds(10), "lru_crawler mgdump hash\r\n");
    let mut lines: Vec<&str> = answer.lines().collect();
    assert_eq!(lines.pop(), Some("EN"));
    lines.sort_unstable();
    assert_eq!(lines, ["mg YSBi b", "mg plain"]);
    let fetched = fixture.say(seconds(10), "mg YSBi b v\r\n");
    assert_eq!(fetched, "VA 1\r\nx\r\n");
}

#[test]
fn a_long_listing_comes_in_pieces_and_what_follows_waits_for_its_end() {
    let fixture = Fixture::new();
    for number in 0..20_000 {
        fixture.say(
            seconds(1),
            format!("set key-{number} 0 0 1 noreply\r\nx\r\n"),
        );
    }
    let mut client = connection();
    let answer = fixture.send(
        &mut client,
        seconds(1),
        "lru_crawler metadump all\r\nmn\r\n",
    );
    let answer = String::from_utf8(answer).expect("text");
    assert!(answer.ends_with("END\r\nMN\r\n"));
    assert_eq!(answer.lines().count(), 20_002);
    assert!(!client.is_blocked());
}

#[test]
fn a_watcher_sees_what_others_do() {
    let fixture = Fixture::new();
    let mut watcher = connection();
    let command = "watch fetchers mutations deletions connevents\r\nget never\r\n";
    assert_eq!(fixture.send(&mut watcher, seconds(1), command), b"OK\r\n");
    assert!(watcher.is_watching());
    let from = "127.0.0.1:56210".parse().expect("an address");
    let client = fixture
        .facts
        .clients
        .add(seconds(1), 17, Endpoint::Tcp(from), None);
    fixture
        .facts
        .observers
        .connected(1_700_000_001_000_005, &client);
    let mut other = connection();
    other.identify(client.clone());
    fixture.send(
        &mut other,
        seconds(2),
        "set foo 0 100 3\r\nabc\r\nget foo no%\r\nadd foo 0 0 1\r\nx\r\ndelete foo\r\nmd none\r\n",
    );
    fixture
        .facts
        .observers
        .disconnected(1_700_000_003_000_000, &client, "normal");
    let expected = "\
ts=1700000001.000005 gid=1 type=conn_new rip=127.0.0.1 rport=56210 transport=tcp cfd=17
ts=1700000002.000000 gid=2 type=item_store key=foo status=stored cmd=set ttl=100 clsid=1 cfd=17 size=3
ts=1700000002.000000 gid=3 type=item_get key=foo status=found clsid=1 cfd=17 size=3
ts=1700000002.000000 gid=4 type=item_get key=no%25 status=not_found clsid=0 cfd=17 size=0
ts=1700000002.000000 gid=5 type=item_store key=foo status=not_stored cmd=add ttl=0 clsid=1 cfd=17 size=1
ts=1700000002.000000 gid=6 type=deleted key=foo cmd=delete clsid=1 size=3
ts=1700000003.000000 gid=7 type=conn_close rip=127.0.0.1 rport=56210 transport=tcp reason=normal cfd=17
";
    assert_eq!(fixture.watched(&mut watcher, seconds(3)), expected);
    assert_eq!(fixture.send(&mut watcher, seconds(3), "quit\r\n"), b"");
    drop(watcher);
    fixture.say(seconds(3), "get foo\r\nget foo\r\n");
    assert!(
        !fixture.facts.observers.want(u16::MAX),
        "nobody looks on any more"
    );
}

#[test]
fn a_watcher_sees_evictions() {
    let fixture = Fixture::new();
    let mut watcher = connection();
    fixture.send(&mut watcher, seconds(1), "watch evictions\r\n");
    assert_eq!(fixture.watched(&mut watcher, seconds(1)), "");
    fixture.say(seconds(1), "cache_memlimit 8\r\n");
    let value = "x".repeat(100_000);
    for number in 0..200 {
        fixture.say(
            seconds(2),
            format!("set k{number} 0 0 100000\r\n{value}\r\n"),
        );
    }
    let lines = fixture.watched(&mut watcher, seconds(3));
    let evictions = fixture.store.statistics().counters.evictions as usize;
    assert!(evictions > 50, "{evictions}");
    assert_eq!(lines.lines().count(), evictions);
    let first = lines.lines().next().expect("a line");
    assert!(
        first.starts_with("ts=1700000003.000000 gid=1 type=eviction key=k"),
        "{first}"
    );
    assert!(
        first.ends_with(" fetch=no ttl=-1 la=0 clsid=1 size=100000"),
        "{first}"
    );
}
