use super::{ITEM, check, check_outcome, check_refusal, check_reply};
use crate::command::{ItemView, Outcome, Value};
use crate::protocol::{Reply, RequestError};

const LONG_KEY: &str = concat!(
    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
);

/// One line and the value behind it, if any.
#[track_caller]
fn check_line(line: &str, expected: &str) {
    check(format!("{line}\r\n").as_bytes(), &[expected]);
}

#[test]
fn retrieval() {
    check_line("get a", "get a");
    check_line("get a b", "get a b");
    check_line("get  a   b ", "get a b");
    check_line("  get a", "get a");
    check_line("gets a b", "gets a b");
    check_line("gat 10 a b", "get a b touch=10");
    check_line("gats -1 a", "gets a touch=-1");
    check_line("gat 10", "get touch=10");
    check_line("bget a", "get a");
    check_line("get noreply", "get noreply");
    check_line(&format!("get {}", &LONG_KEY[1..]), "get <250>");
    check(b"get a\nget b\r\n", &["get a", "get b"]);
}

#[test]
fn bad_retrieval() {
    check_line("get", "refused UnknownCommand");
    check_line("get ", "refused UnknownCommand");
    check_line("gets", "refused UnknownCommand");
    check_line("gat", "refused UnknownCommand");
    check_line("gat x a", "refused InvalidExptime");
    check_line(&format!("get {LONG_KEY}"), "refused BadFormat");
    check_line(&format!("get a {LONG_KEY} b"), "refused BadFormat");
    check_line(&format!("gets {LONG_KEY}"), "refused BadFormat");
    check_line(&format!("gat 1 {LONG_KEY}"), "refused BadFormat");
}

#[test]
fn storage() {
    check(b"set a 0 0 1\r\nx\r\n", &["set a=x"]);
    check(
        b"set a 5 60 3 noreply\r\nx\r\n\r\n",
        &["set a=x\\r\\n flags=5 exptime=60 quiet"],
    );
    check(
        b"set a 4294967295 0 0\r\n\r\n",
        &["set a= flags=4294967295"],
    );
    check(b"set a 0 -1 1\r\nx\r\n", &["set a=x exptime=-1"]);
    check(
        b"set a 0 1900000000 1\r\nx\r\n",
        &["set a=x exptime=1900000000"],
    );
    check(b"set  a  +5 0  1 \r\nx\r\n", &["set a=x flags=5"]);
    check(b"set a 0 0 1  noreply \r\nx\r\n", &["set a=x quiet"]);
    check(b"set a 0 0 1 whatever\r\nx\r\n", &["set a=x"]);
    check(b"set a 1\t2 0 1\r\nx\r\n", &["set a=x flags=1"]);
    check(b"set a 0 0 1\nx\r\n", &["set a=x"]);
    check(b"add a 1 2 1\r\nx\r\n", &["add a=x flags=1 exptime=2"]);
    check(
        b"replace a 1 2 1\r\nx\r\n",
        &["replace a=x flags=1 exptime=2"],
    );
    check(b"append a 0 0 1\r\nx\r\n", &["append a=x"]);
    check(b"prepend a 0 0 1 noreply\r\nx\r\n", &["prepend a=x quiet"]);
    check(b"cas a 0 0 1 99\r\nx\r\n", &["set a=x compare=99"]);
    check(
        b"cas a 0 0 1 99 noreply\r\nx\r\n",
        &["set a=x compare=99 quiet"],
    );
    check(b"cas a 0 0 1 0\r\nx\r\n", &["set a=x compare=0"]);
}

#[test]
fn a_store_waits_for_its_value() {
    check(b"set a 0 0 5\r\n", &["needs 20"]);
    check(b"set a 0 0 5\r\nhello", &["needs 20"]);
    check(b"set a 0 0 5\r\nhello\r\n", &["set a=hello"]);
}

#[test]
fn a_bad_data_chunk_consumes_exactly_length_and_two() {
    check(
        b"set a 0 0 3\r\nabcdeversion\r\n",
        &["refused BadDataChunk", "version"],
    );
    check(
        b"set a 0 0 3 noreply\r\nabcdeversion\r\n",
        &["refused BadDataChunk quiet", "version"],
    );
    check_refusal(b"set a 0 0 3\r\nabcde", b"CLIENT_ERROR bad data chunk\r\n");
    check_refusal(b"set a 0 0 3 noreply\r\nabcde", b"");
}

#[test]
fn a_bad_store_takes_its_value_along_if_the_length_can_be_read() {
    let long_key = format!("set {LONG_KEY} 0 0 5\r\nhello\r\nversion\r\n");
    check(
        long_key.as_bytes(),
        &["refused BadFormat", "skipped 7", "version"],
    );
    check(
        b"set a x 0 5\r\nhello\r\nmn\r\n",
        &["refused BadFormat", "skipped 7", "noop"],
    );
    check(
        b"set a 0 x 5\r\nhello\r\nmn\r\n",
        &["refused BadFormat", "skipped 7", "noop"],
    );
    check(
        b"set a -1 0 5\r\nhello\r\nmn\r\n",
        &["refused BadFormat", "skipped 7", "noop"],
    );
    check(
        b"set a 0 0 5 6 7\r\nhello\r\nmn\r\n",
        &["refused UnknownCommand", "skipped 7", "noop"],
    );
    check(
        b"cas a 0 0 5\r\nhello\r\nmn\r\n",
        &["refused BadFormat", "skipped 7", "noop"],
    );
    check(
        b"cas a 0 0 5 x\r\nhello\r\nmn\r\n",
        &["refused BadFormat", "skipped 7", "noop"],
    );
    check(
        b"cas a 0 0 5 noreply\r\nhello\r\n",
        &["refused BadFormat quiet", "skipped 7"],
    );
    check_refusal(
        b"cas a 0 0 5\r\n",
        b"CLIENT_ERROR bad command line format\r\n",
    );
}

#[test]
fn a_bad_store_without_a_length_is_one_line() {
    check_line("set", "refused UnknownCommand");
    check_line("set a", "refused UnknownCommand");
    check_line("set a 0 0", "refused UnknownCommand");
    check_line("set a 0 0 x", "refused BadFormat");
    check_line("set a 0 0 -1", "refused BadFormat");
    check_line("set a 0 0 2147483646", "refused BadFormat");
    check_line("set a 0 0 4294967297", "refused BadFormat");
    check_line("set a 0 0 99999999999999999999", "refused BadFormat");
    check_line("set a 0 noreply", "refused UnknownCommand quiet");
}

#[test]
fn removal() {
    check_line("delete a", "delete a");
    check_line("delete a noreply", "delete a quiet");
    check_line("delete a 0", "delete a");
    check_line("delete a 0 noreply", "delete a quiet");
    check_line("delete noreply", "delete noreply");
    check_line("delete", "refused UnknownCommand");
    check_line("delete a 5", "refused BadDelete");
    check_line("delete a 0 5", "refused BadDelete");
    check_line("delete a noreply 0", "refused BadDelete");
    check_line("delete a 5 noreply", "refused BadDelete quiet");
    check_line("delete a 0 0 0", "refused UnknownCommand");
    check_line(&format!("delete {LONG_KEY}"), "refused BadFormat");
    check_refusal(
        b"delete a 5\r\n",
        b"CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n",
    );
}

#[test]
fn arithmetic_and_touch() {
    check_line("incr n 5", "n +5");
    check_line("decr n 18446744073709551615", "n -18446744073709551615");
    check_line("incr n 1 noreply", "n +1 quiet");
    check_line("incr n 1 whatever", "n +1");
    check_line("incr n", "refused UnknownCommand");
    check_line("incr n 1 2 3", "refused UnknownCommand");
    check_line("incr n x", "refused InvalidDelta");
    check_line("incr n -1", "refused InvalidDelta");
    check_line("decr n 18446744073709551616", "refused InvalidDelta");
    check_line("incr n noreply", "refused InvalidDelta quiet");
    check_line(&format!("incr {LONG_KEY} 1"), "refused BadFormat");
    check_line("touch a 30", "touch a 30");
    check_line("touch a -1 noreply", "touch a -1 quiet");
    check_line("touch a", "refused UnknownCommand");
    check_line("touch a x", "refused InvalidExptime");
    check_line(&format!("touch {LONG_KEY} 1"), "refused BadFormat");
    check_refusal(
        b"incr n x\r\n",
        b"CLIENT_ERROR invalid numeric delta argument\r\n",
    );
    check_refusal(
        b"touch a x\r\n",
        b"CLIENT_ERROR invalid exptime argument\r\n",
    );
}

#[test]
fn server_commands() {
    check_line("flush_all", "flush_all 0");
    check_line("flush_all ", "flush_all 0");
    check_line("flush_all 10", "flush_all 10");
    check_line("flush_all -1", "flush_all -1");
    check_line("flush_all noreply", "flush_all 0 quiet");
    check_line("flush_all 10 noreply", "flush_all 10 quiet");
    check_line("flush_all x", "refused InvalidExptime");
    check_line("flush_all 1 2 3", "refused UnknownCommand");
    check_line("version", "version");
    check_line("version noreply", "version");
    check_line("verbosity 1", "verbosity 1");
    check_line("verbosity 1 noreply", "verbosity 1 quiet");
    check_line("verbosity", "refused UnknownCommand");
    check_line("verbosity x", "refused BadFormat");
    check_line("verbosity noreply", "refused BadFormat quiet");
    check_line("verbosity 1 2 3", "refused UnknownCommand");
    check_line("stats", "stats []");
    check_line("stats ", "stats []");
    check_line("stats settings", "stats [settings]");
    check_line("stats  detail  on ", "stats [detail  on]");
    check_line("quit", "quit");
    check_line("quit noreply", "quit");
    check_line("shutdown graceful", "admin [shutdown graceful]");
    check_line(
        "lru_crawler metadump all",
        "admin [lru_crawler metadump all]",
    );
    check_line("watch", "admin [watch]");
    check_line("slabs automove 1 noreply", "admin [slabs automove 1] quiet");
    check_line(" cache_memlimit 64 ", "admin [cache_memlimit 64]");
    check_line("cache_memlimit", "refused UnknownCommand");
    check_line("lru", "refused UnknownCommand");
    check_line("lru mode flat", "admin [lru mode flat]");
}

#[test]
fn unknown_commands() {
    for line in [
        "",
        " ",
        "\r",
        "a",
        "GET a",
        "Set a 0 0 1",
        "bogus",
        "getx a",
        "m",
        "mx a",
        "\0",
    ] {
        check_line(line, "refused UnknownCommand");
    }
    check(b"\n", &["refused UnknownCommand"]);
    check_line("bogus noreply", "refused UnknownCommand quiet");
    check_line("noreply", "refused UnknownCommand");
    check_refusal(b"bogus\r\n", b"ERROR\r\n");
    check_refusal(b"bogus noreply\r\n", b"");
}

#[test]
fn a_browser_is_shown_the_door() {
    check(
        b"GET / HTTP/1.1\r\nset a 0 0 1\r\n",
        &["refused UnknownCommand quiet close"],
    );
}

#[test]
fn pipelined_commands_are_separate_requests() {
    check(
        b"set a 0 0 1\r\nx\r\nget a\r\ndelete a noreply\r\nversion\r\nge",
        &["set a=x", "get a", "delete a quiet", "version", "needs 0"],
    );
}

#[test]
fn a_hit_shows_key_flags_length_and_value() {
    let get = |reply: &Reply<'_>, out: &mut Vec<u8>| {
        reply.hit(false, &ITEM, out);
        reply.miss(b"other", out);
        reply.end(out);
    };
    check_reply(
        b"get fruit other\r\n",
        get,
        b"VALUE fruit 7 5\r\napple\r\nEND\r\n",
    );
    let gets = |reply: &Reply<'_>, out: &mut Vec<u8>| reply.hit(true, &ITEM, out);
    check_reply(
        b"gets fruit\r\n",
        gets,
        b"VALUE fruit 7 5 123456789012\r\napple\r\n",
    );
    let plain = ItemView {
        flags: 0,
        value: Value::default(),
        ..ITEM
    };
    let hit = |reply: &Reply<'_>, out: &mut Vec<u8>| reply.hit(false, &plain, out);
    check_reply(b"get fruit\r\n", hit, b"VALUE fruit 0 0\r\n\r\n");
}

#[test]
fn outcomes_have_memcacheds_words() {
    let number = Outcome::Number {
        value: 18_446_744_073_709_551_615,
        cas: 1,
        ttl: None,
        ttl_before: None,
    };
    for (outcome, words) in [
        (Outcome::Stored { cas: 1 }, "STORED\r\n"),
        (Outcome::NotStored, "NOT_STORED\r\n"),
        (Outcome::Exists, "EXISTS\r\n"),
        (Outcome::NotFound, "NOT_FOUND\r\n"),
        (Outcome::Deleted, "DELETED\r\n"),
        (Outcome::Touched, "TOUCHED\r\n"),
        (Outcome::Ok, "OK\r\n"),
        (number, "18446744073709551615\r\n"),
        (
            Outcome::NonNumeric,
            "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n",
        ),
        (
            Outcome::TooLarge,
            "SERVER_ERROR object too large for cache\r\n",
        ),
        (
            Outcome::OutOfMemory,
            "SERVER_ERROR out of memory storing object\r\n",
        ),
    ] {
        check_outcome(b"incr a 1\r\n", outcome, words.as_bytes());
        check_outcome(b"incr a 1 noreply\r\n", outcome, b"");
    }
}

#[test]
fn the_server_answers_for_itself() {
    check_reply(
        b"version\r\n",
        |reply, out| reply.version("1.6.18", out),
        b"VERSION 1.6.18\r\n",
    );
    check_reply(b"mn\r\n", |reply, out| reply.noop(out), b"MN\r\n");
    check_reply(b"quit\r\n", |reply, out| reply.quit(out), b"");
    let stats = |reply: &Reply<'_>, out: &mut Vec<u8>| {
        reply.stat("pid", b"17", out);
        reply.stats_end(out);
    };
    check_reply(b"stats\r\n", stats, b"STAT pid 17\r\nEND\r\n");
    check_reply(
        b"stats reset\r\n",
        |reply, out| reply.stats_reset(out),
        b"RESET\r\n",
    );
    let unknown = RequestError::UnknownStatistics;
    check_reply(
        b"stats x\r\n",
        |reply, out| reply.error(&unknown, out),
        b"ERROR\r\n",
    );
    check_reply(b"watch\r\n", |reply, out| reply.line("OK", out), b"OK\r\n");
    check_reply(
        b"slabs noreply\r\n",
        |reply, out| reply.line("OK", out),
        b"",
    );
}
