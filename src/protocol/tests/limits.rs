use super::{check, check_refusal, steps};
use crate::protocol::{Decoder, Dialect, Limits, RequestError, Step};

/// A classic store of that many bytes under a key of one letter.
fn store(command: &str, length: usize) -> Vec<u8> {
    let mut input = format!("{command} k 0 0 {length}\r\n").into_bytes();
    input.resize(input.len() + length, b'x');
    input.extend_from_slice(b"\r\n");
    input
}

#[test]
fn a_decoder_is_small() {
    assert!(size_of::<Decoder>() <= 64, "{}", size_of::<Decoder>());
}

#[test]
fn the_first_byte_decides_the_dialect() {
    let limits = Limits {
        item_size_max: 1024,
    };
    let mut decoder = Decoder::new(limits);
    assert_eq!(decoder.decode(b""), Step::Incomplete { need: 1 });
    assert_eq!(decoder.dialect(), None);
    decoder.decode(b"v");
    assert_eq!(decoder.dialect(), Some(Dialect::Text));
    let mut decoder = Decoder::new(limits);
    decoder.decode(&[0x80]);
    assert_eq!(decoder.dialect(), Some(Dialect::Binary));
}

#[test]
fn the_largest_value_is_memcacheds() {
    // Measured against memcached 1.6.18 with its default of 1 MiB.
    let limits = Limits {
        item_size_max: 1_048_576,
    };
    assert!(limits.admit(1, 0, 1_048_516));
    assert!(!limits.admit(1, 0, 1_048_517));
    assert!(limits.admit(1, 1, 1_048_512));
    assert!(!limits.admit(1, 1, 1_048_513));
    assert!(!limits.admit(1, 0, usize::MAX));
}

#[test]
fn a_value_too_large_is_swallowed_and_its_old_value_forgotten() {
    let mut input = store("set", 1_100_000);
    input.extend_from_slice(b"get k\r\n");
    check(
        &input,
        &["refused TooLarge forget=k", "skipped 1100002", "get k"],
    );
    check_refusal(&input, b"SERVER_ERROR object too large for cache\r\n");
}

#[test]
fn other_stores_too_large_keep_the_old_value() {
    for command in ["add", "replace", "append", "prepend"] {
        check(
            &store(command, 1_100_000),
            &["refused TooLarge", "skipped 1100002"],
        );
    }
}

#[test]
fn a_value_that_has_not_arrived_is_awaited_only_if_it_may_be_stored() {
    check(b"set k 0 0 1000000\r\nxx", &["needs 1000021"]);
    check(
        b"set k 0 0 2000000\r\nxx",
        &["refused TooLarge forget=k", "skipped 2"],
    );
}

#[test]
fn a_line_without_end_closes_the_connection() {
    check(&[b'x'; 16_383], &["needs 0"]);
    check(&[b'x'; 16_384], &["refused LineTooLong quiet close"]);
    check_refusal(&[b'x'; 16_384], b"");
    let set_without_end = [&b"set "[..], &[b'k'; 20_000]].concat();
    check(&set_without_end, &["refused LineTooLong quiet close"]);
}

#[test]
fn a_line_of_16_kib_with_its_end_is_still_read() {
    let mut line = vec![b'x'; 16_383];
    line.push(b'\n');
    check(&line, &["refused UnknownCommand"]);
    line.insert(0, b'x');
    check(&line, &["refused LineTooLong quiet close"]);
}

#[test]
fn what_is_too_long_in_a_long_line_is_told_and_the_next_line_is_read() {
    let opaque = [&b"mg a O"[..], &[b'x'; 3000], b"\r\nversion\r\n"].concat();
    check(&opaque, &["refused OpaqueTooLong", "version"]);
    let key = [&b"set "[..], &[b'k'; 3000], b" 0 0 1\r\nx\r\nversion\r\n"].concat();
    check(&key, &["refused BadFormat", "skipped 3", "version"]);
    let spaces = [&b"set k"[..], &[b' '; 3000], b"0 0 1\r\nx\r\nversion\r\n"].concat();
    check(&spaces, &["set k=x", "version"]);
}

#[test]
fn after_a_close_everything_is_dropped() {
    let mut decoder = Decoder::new(Limits {
        item_size_max: 1024,
    });
    let junk = [b'x'; 20_000];
    assert!(matches!(
        decoder.decode(&junk),
        Step::Refused {
            error: RequestError::LineTooLong,
            close: true,
            consumed: 20_000,
            ..
        }
    ));
    assert_eq!(decoder.decode(b"get a\r\n"), Step::Skipped { consumed: 7 });
}

#[test]
fn a_list_of_100_000_keys_comes_in_parts() {
    let mut line = b"gets".to_vec();
    for number in 0..100_000 {
        line.extend_from_slice(format!(" key-{number}").as_bytes());
    }
    line.extend_from_slice(b"\r\nversion\r\n");
    let found = steps(&line);
    let (last, parts) = found.split_last().expect("there are steps");
    assert_eq!(last, "version");
    let (last, parts) = parts.split_last().expect("there are parts");
    assert!(
        last.starts_with("gets key-") && last.ends_with(" key-99999"),
        "{last}"
    );
    assert!(
        parts
            .iter()
            .all(|part| part.starts_with("gets key-") && part.ends_with(" and more"))
    );
    let keys: usize = found.iter().map(|part| part.matches("key-").count()).sum();
    assert_eq!(keys, 100_000);
}

#[test]
fn a_long_list_of_keys_remembers_its_exptime() {
    let mut line = b"  gat 30".to_vec();
    line.extend(b" abcdefghi".repeat(300));
    line.extend_from_slice(b"\r\n");
    let found = steps(&line);
    assert_eq!(found.len(), 2);
    assert!(
        found[0].ends_with("abcdefghi touch=30 and more"),
        "{}",
        found[0]
    );
    assert!(found[1].ends_with("abcdefghi touch=30"), "{}", found[1]);
}

#[test]
fn a_key_too_long_in_a_long_list_refuses_the_rest_of_the_line() {
    let mut line = b"get ".to_vec();
    line.extend([b'k'; 3000]);
    line.extend_from_slice(b" short\r\nversion\r\n");
    check(&line, &["refused BadFormat", "skipped 963", "version"]);
}

#[test]
fn a_key_of_250_bytes_may_stand_at_the_end_of_a_part() {
    let mut line = b"get".to_vec();
    line.extend(b" a".repeat(898));
    line.push(b' ');
    line.extend([b'k'; 250]);
    line.extend_from_slice(b"\r\n");
    let found = steps(&line);
    assert_eq!(found.len(), 2);
    assert_eq!(found[1], "get <250>");
}

#[test]
fn a_long_line_of_spaces_is_no_list_of_keys() {
    let mut line = b"get".to_vec();
    line.extend([b' '; 5000]);
    line.extend_from_slice(b"\r\n");
    check(&line, &["skipped 4098", "get"]);
}
