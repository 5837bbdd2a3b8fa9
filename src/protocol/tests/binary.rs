use super::{ITEM, check, check_outcome, check_refusal, check_reply};
use crate::command::Outcome;
use crate::protocol::{Reply, RequestError};

/// A packet with the opaque 0x01020304.
fn packet(opcode: u8, extras: &[u8], key: &[u8], value: &[u8]) -> Vec<u8> {
    packet_with_cas(opcode, extras, key, value, 0)
}

fn packet_with_cas(opcode: u8, extras: &[u8], key: &[u8], value: &[u8], cas: u64) -> Vec<u8> {
    let body_length = (extras.len() + key.len() + value.len()) as u32;
    let mut bytes = vec![0x80, opcode];
    bytes.extend((key.len() as u16).to_be_bytes());
    bytes.extend([extras.len() as u8, 0, 0, 0]);
    bytes.extend(body_length.to_be_bytes());
    bytes.extend([1, 2, 3, 4]);
    bytes.extend(cas.to_be_bytes());
    bytes.extend([extras, key, value].concat());
    bytes
}

/// A response to such a packet.
fn response(opcode: u8, status: u8, cas: u64, extras: &[u8], key: &[u8], value: &[u8]) -> Vec<u8> {
    let body_length = (extras.len() + key.len() + value.len()) as u32;
    let mut bytes = vec![0x81, opcode];
    bytes.extend((key.len() as u16).to_be_bytes());
    bytes.extend([extras.len() as u8, 0, 0, status]);
    bytes.extend(body_length.to_be_bytes());
    bytes.extend([1, 2, 3, 4]);
    bytes.extend(cas.to_be_bytes());
    bytes.extend([extras, key, value].concat());
    bytes
}

/// Flags 5, exptime 60.
const STORE_EXTRAS: &[u8] = &[0, 0, 0, 5, 0, 0, 0, 60];
/// Exptime 60.
const EXPTIME: &[u8] = &[0, 0, 0, 60];

/// Delta 2, initial 10, and the exptime.
fn increment(exptime: u32) -> Vec<u8> {
    [
        &[0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 10],
        &exptime.to_be_bytes()[..],
    ]
    .concat()
}

#[test]
fn the_header_on_the_wire() {
    let get = b"\x80\x0c\0\x05\0\0\0\0\0\0\0\x05\xde\xad\xbe\xef\0\0\0\0\0\0\0\0fruit";
    check(get, &["read fruit"]);
    let hit = |reply: &Reply<'_>, out: &mut Vec<u8>| reply.hit(false, &ITEM, out);
    let expected = b"\x81\x0c\0\x05\x04\0\0\0\0\0\0\x0e\xde\xad\xbe\xef\
        \0\0\0\x1c\xbe\x99\x1a\x14\0\0\0\x07fruitapple";
    check_reply(get, hit, expected);
}

#[test]
fn every_opcode() {
    for (opcode, extras, key, value, expected) in [
        (0x00, &b""[..], "a", "", "read a"),
        (0x01, STORE_EXTRAS, "a", "x", "set a=x flags=5 exptime=60"),
        (0x02, STORE_EXTRAS, "a", "x", "add a=x flags=5 exptime=60"),
        (
            0x03,
            STORE_EXTRAS,
            "a",
            "x",
            "replace a=x flags=5 exptime=60",
        ),
        (0x04, b"", "a", "", "delete a"),
        (0x05, &increment(60), "n", "", "n +2 or 10 for 60"),
        (0x06, &increment(60), "n", "", "n -2 or 10 for 60"),
        (0x07, b"", "", "", "quit"),
        (0x08, b"", "", "", "flush_all 0"),
        (0x08, EXPTIME, "", "", "flush_all 60"),
        (0x09, b"", "a", "", "read a quiet"),
        (0x0a, b"", "", "", "noop"),
        (0x0b, b"", "", "", "version"),
        (0x0c, b"", "a", "", "read a"),
        (0x0d, b"", "a", "", "read a quiet"),
        (0x0e, b"", "a", "x", "append a=x"),
        (0x0f, b"", "a", "x", "prepend a=x"),
        (0x10, b"", "", "", "stats []"),
        (0x10, b"", "settings", "", "stats [settings]"),
        (
            0x11,
            STORE_EXTRAS,
            "a",
            "x",
            "set a=x flags=5 exptime=60 quiet",
        ),
        (
            0x12,
            STORE_EXTRAS,
            "a",
            "x",
            "add a=x flags=5 exptime=60 quiet",
        ),
        (
            0x13,
            STORE_EXTRAS,
            "a",
            "x",
            "replace a=x flags=5 exptime=60 quiet",
        ),
        (0x14, b"", "a", "", "delete a quiet"),
        (0x15, &increment(0), "n", "", "n +2 or 10 for 0 quiet"),
        (0x16, &increment(0xffff_ffff), "n", "", "n -2 quiet"),
        (0x17, b"", "", "", "quit quiet"),
        (0x18, b"", "", "", "flush_all 0 quiet"),
        (0x19, b"", "a", "x", "append a=x quiet"),
        (0x1a, b"", "a", "x", "prepend a=x quiet"),
        (0x1c, EXPTIME, "a", "", "read a touch=60"),
        (0x1d, EXPTIME, "a", "", "read a touch=60"),
        (0x1e, EXPTIME, "a", "", "read a touch=60 quiet"),
        (0x23, EXPTIME, "a", "", "read a touch=60"),
        (0x24, EXPTIME, "a", "", "read a touch=60 quiet"),
    ] {
        check(
            &packet(opcode, extras, key.as_bytes(), value.as_bytes()),
            &[expected],
        );
    }
}

#[test]
fn a_cas_other_than_0_is_compared() {
    let store = STORE_EXTRAS;
    check(
        &packet_with_cas(0x01, store, b"a", b"x", 9),
        &["set a=x flags=5 exptime=60 compare=9"],
    );
    check(
        &packet_with_cas(0x02, store, b"a", b"x", 9),
        &["set a=x flags=5 exptime=60 compare=9"],
    );
    check(
        &packet_with_cas(0x03, store, b"a", b"x", 9),
        &["set a=x flags=5 exptime=60 compare=9"],
    );
    check(
        &packet_with_cas(0x0e, b"", b"a", b"x", 9),
        &["append a=x compare=9"],
    );
    check(
        &packet_with_cas(0x04, b"", b"a", b"", 9),
        &["delete a compare=9"],
    );
    let extras = increment(0xffff_ffff);
    check(
        &packet_with_cas(0x05, &extras, b"n", b"", 9),
        &["n +2 compare=9"],
    );
}

#[test]
fn values_may_be_empty_and_hold_anything() {
    check(&packet(0x01, &[0; 8], b"a", b""), &["set a="]);
    check(
        &packet(0x01, &[0; 8], b"a b\n", b"\0\x80\r\n"),
        &["set a b\\n=\\x00\\x80\\r\\n"],
    );
}

#[test]
fn an_incomplete_packet_says_what_it_needs() {
    let packet = packet(0x01, STORE_EXTRAS, b"key", b"value");
    check(&packet[..1], &["needs 24"]);
    check(&packet[..23], &["needs 24"]);
    check(&packet[..24], &["needs 35"]);
    check(&packet[..35], &["needs 40"]);
    check(&packet[..39], &["needs 40"]);
}

#[test]
fn unknown_opcodes_are_skipped_by_their_body() {
    for opcode in [0x1b, 0x1f, 0x20, 0x21, 0x22, 0x25, 0x30, 0x3d, 0xff] {
        let mut input = packet(opcode, EXPTIME, b"PLAIN", b"anything");
        input.extend(packet(0x0a, b"", b"", b""));
        check(&input, &["refused UnknownCommand", "skipped 17", "noop"]);
        let expected = response(opcode, 0x81, 0, b"", b"", b"Unknown command");
        check_refusal(&input, &expected);
    }
}

#[test]
fn an_unknown_opcode_may_have_a_gigantic_body() {
    let mut input = packet(0x40, b"", b"", b"");
    input[8..12].copy_from_slice(&[0xff; 4]);
    check(&input, &["refused UnknownCommand"]);
}

#[test]
fn broken_lengths_close_the_connection() {
    let long_key = "k".repeat(251);
    for (opcode, extras, key, value) in [
        (0x00, &b""[..], "", ""),
        (0x00, EXPTIME, "a", ""),
        (0x00, b"", "a", "x"),
        (0x00, b"", &*long_key, ""),
        (0x01, b"", "a", "x"),
        (0x01, EXPTIME, "a", "x"),
        (0x01, STORE_EXTRAS, "", "x"),
        (0x01, STORE_EXTRAS, &*long_key, "x"),
        (0x04, EXPTIME, "a", ""),
        (0x05, EXPTIME, "a", ""),
        (0x07, b"", "a", ""),
        (0x08, STORE_EXTRAS, "", ""),
        (0x08, b"", "a", ""),
        (0x0a, b"", "", "x"),
        (0x0b, EXPTIME, "", ""),
        (0x0e, EXPTIME, "a", "x"),
        (0x0e, b"", "", "x"),
        (0x10, EXPTIME, "", ""),
        (0x1c, b"", "a", ""),
        (0x1d, EXPTIME, "", ""),
        (0x24, EXPTIME, "a", "x"),
    ] {
        let input = packet(opcode, extras, key.as_bytes(), value.as_bytes());
        let quiet = if opcode == 0x24 { " quiet" } else { "" };
        check(
            &input,
            &[&*format!("refused InvalidArguments{quiet} close")],
        );
        let expected = response(opcode, 0x04, 0, b"", b"", b"Invalid arguments");
        check_refusal(&input, &expected);
    }
}

#[test]
fn a_body_shorter_than_its_parts_closes_the_connection() {
    for body_length in [0, 8, 10] {
        let mut input = packet(0x01, STORE_EXTRAS, b"key", b"");
        input[11] = body_length;
        check(&input, &["refused InvalidArguments close"]);
    }
}

#[test]
fn another_magic_closes_without_a_word() {
    let mut input = packet(0x0a, b"", b"", b"");
    input.extend(b"get a\r\n");
    check(&input, &["noop", "refused InvalidArguments quiet close"]);
}

#[test]
fn a_value_too_large_is_swallowed() {
    let value = vec![b'x'; 1_100_000];
    let mut input = packet(0x11, STORE_EXTRAS, b"a", &value);
    input.extend(packet(0x0a, b"", b"", b""));
    check(
        &input,
        &["refused TooLarge forget=a quiet", "skipped 1100000", "noop"],
    );
    check_refusal(&input, &response(0x11, 0x03, 0, b"", b"", b"Too large."));
    let input = packet(0x02, STORE_EXTRAS, b"a", &value);
    check(&input, &["refused TooLarge", "skipped 1100000"]);
    let mut endless = packet(0x01, STORE_EXTRAS, b"a", b"");
    endless[8..12].copy_from_slice(&[0xff; 4]);
    check(&endless, &["refused TooLarge forget=a"]);
}

#[test]
fn hits() {
    let hit = |reply: &Reply<'_>, out: &mut Vec<u8>| reply.hit(false, &ITEM, out);
    let (cas, flags) = (123_456_789_012, &[0, 0, 0, 7]);
    for opcode in [0x00, 0x09] {
        let expected = response(opcode, 0, cas, flags, b"", b"apple");
        check_reply(&packet(opcode, b"", b"fruit", b""), hit, &expected);
    }
    for opcode in [0x0c, 0x0d] {
        let expected = response(opcode, 0, cas, flags, b"fruit", b"apple");
        check_reply(&packet(opcode, b"", b"fruit", b""), hit, &expected);
    }
    for (opcode, key, value) in [
        (0x1c, "", ""),
        (0x1d, "", "apple"),
        (0x1e, "", "apple"),
        (0x23, "fruit", "apple"),
        (0x24, "fruit", "apple"),
    ] {
        let expected = response(opcode, 0, cas, flags, key.as_bytes(), value.as_bytes());
        check_reply(&packet(opcode, EXPTIME, b"fruit", b""), hit, &expected);
    }
}

#[test]
fn misses() {
    let miss = |reply: &Reply<'_>, out: &mut Vec<u8>| reply.miss(b"fruit", out);
    for (opcode, extras, key, value) in [
        (0x00, &b""[..], "", "Not found"),
        (0x0c, b"", "fruit", ""),
        (0x1c, EXPTIME, "", "Not found"),
        (0x1d, EXPTIME, "", "Not found"),
        (0x23, EXPTIME, "fruit", ""),
    ] {
        let expected = response(opcode, 0x01, 0, b"", key.as_bytes(), value.as_bytes());
        check_reply(&packet(opcode, extras, b"fruit", b""), miss, &expected);
    }
    for (opcode, extras) in [
        (0x09, &b""[..]),
        (0x0d, b""),
        (0x1e, EXPTIME),
        (0x24, EXPTIME),
    ] {
        check_reply(&packet(opcode, extras, b"fruit", b""), miss, b"");
    }
}

#[test]
fn successes_are_silent_when_quiet() {
    let stored = Outcome::Stored { cas: 99 };
    let number = Outcome::Number {
        value: 258,
        cas: 99,
        ttl: None,
        ttl_before: None,
    };
    let digits = &[0, 0, 0, 0, 0, 0, 1, 2];
    for (loud, quiet, extras, key, outcome, cas, value) in [
        (0x01, 0x11, STORE_EXTRAS, "a", stored, 99, &b""[..]),
        (0x02, 0x12, STORE_EXTRAS, "a", stored, 99, b""),
        (0x03, 0x13, STORE_EXTRAS, "a", stored, 99, b""),
        (0x04, 0x14, b"", "a", Outcome::Deleted, 0, b""),
        (0x05, 0x15, &increment(0), "a", number, 99, digits),
        (0x06, 0x16, &increment(0), "a", number, 99, digits),
        (0x08, 0x18, b"", "", Outcome::Ok, 0, b""),
        (0x0e, 0x19, b"", "a", stored, 99, b""),
        (0x0f, 0x1a, b"", "a", stored, 99, b""),
    ] {
        let expected = response(loud, 0, cas, b"", b"", value);
        check_outcome(
            &packet(loud, extras, key.as_bytes(), b""),
            outcome,
            &expected,
        );
        check_outcome(&packet(quiet, extras, key.as_bytes(), b""), outcome, b"");
    }
}

#[test]
fn failures_are_told_even_when_quiet() {
    for (outcome, status, words) in [
        (Outcome::NotFound, 0x01, "Not found"),
        (Outcome::Exists, 0x02, "Data exists for key."),
        (Outcome::TooLarge, 0x03, "Too large."),
        (Outcome::NotStored, 0x05, "Not stored."),
        (
            Outcome::NonNumeric,
            0x06,
            "Non-numeric server-side value for incr or decr",
        ),
        (Outcome::OutOfMemory, 0x82, "Out of memory"),
    ] {
        for opcode in [0x0e, 0x19] {
            let expected = response(opcode, status, 0, b"", b"", words.as_bytes());
            check_outcome(&packet(opcode, b"", b"a", b"x"), outcome, &expected);
        }
    }
}

#[test]
fn add_and_replace_say_why_they_did_not_store() {
    let exists = response(0x02, 0x02, 0, b"", b"", b"Data exists for key.");
    check_outcome(
        &packet(0x02, STORE_EXTRAS, b"a", b"x"),
        Outcome::NotStored,
        &exists,
    );
    let absent = response(0x13, 0x01, 0, b"", b"", b"Not found");
    check_outcome(
        &packet(0x13, STORE_EXTRAS, b"a", b"x"),
        Outcome::NotStored,
        &absent,
    );
}

#[test]
fn the_server_answers_for_itself() {
    let version = packet(0x0b, b"", b"", b"");
    let expected = response(0x0b, 0, 0, b"", b"", b"1.6.18");
    check_reply(
        &version,
        |reply, out| reply.version("1.6.18", out),
        &expected,
    );
    let noop = packet(0x0a, b"", b"", b"");
    check_reply(
        &noop,
        |reply, out| reply.noop(out),
        &response(0x0a, 0, 0, b"", b"", b""),
    );
    let quit = packet(0x07, b"", b"", b"");
    check_reply(
        &quit,
        |reply, out| reply.quit(out),
        &response(0x07, 0, 0, b"", b"", b""),
    );
    check_reply(
        &packet(0x17, b"", b"", b""),
        |reply, out| reply.quit(out),
        b"",
    );
}

#[test]
fn statistics_end_with_an_empty_packet() {
    let stats = |reply: &Reply<'_>, out: &mut Vec<u8>| {
        reply.stat("pid", b"17", out);
        reply.stats_end(out);
    };
    let mut expected = response(0x10, 0, 0, b"", b"pid", b"17");
    expected.extend(response(0x10, 0, 0, b"", b"", b""));
    check_reply(&packet(0x10, b"", b"", b""), stats, &expected);
    let reset = response(0x10, 0, 0, b"", b"", b"");
    check_reply(
        &packet(0x10, b"", b"reset", b""),
        |reply, out| reply.stats_reset(out),
        &reset,
    );
    let unknown = response(0x10, 0x01, 0, b"", b"", b"Not found");
    let error = RequestError::UnknownStatistics;
    check_reply(
        &packet(0x10, b"", b"x", b""),
        |reply, out| reply.error(&error, out),
        &unknown,
    );
}
