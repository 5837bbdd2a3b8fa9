use crate::protocol::text::number::{digits, signed, unsigned, unsigned_32, value_length};

#[test]
fn plain_digits_end_at_the_first_other_byte() {
    assert_eq!(digits(b"0"), Some((0, &b""[..])));
    assert_eq!(digits(b"123 x"), Some((123, &b" x"[..])));
    assert_eq!(digits(b"999999999"), Some((999_999_999, &b""[..])));
    assert_eq!(digits(b"1234567890"), None);
    assert_eq!(digits(b""), None);
    assert_eq!(digits(b" 1"), None);
    assert_eq!(digits(b"-1"), None);
}

#[test]
fn unsigned_numbers_are_read_as_strtoull_reads_them() {
    for (word, expected) in [
        ("0", Some(0)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("99999999999999999999999", None),
        ("+5", Some(5)),
        ("\t5", Some(5)),
        ("\x0b5", Some(5)),
        ("5\tx", Some(5)),
        ("5x", None),
        ("x5", None),
        ("", None),
        ("+", None),
        ("-", None),
        ("-0", Some(0)),
        ("-1", None),
        ("1 2", Some(1)),
        ("0x10", None),
    ] {
        assert_eq!(unsigned(word.as_bytes()), expected, "{word}");
    }
}

#[test]
fn thirty_two_bits_keep_the_low_half_as_memcached_does() {
    assert_eq!(unsigned_32(b"4294967295"), Some(4_294_967_295));
    assert_eq!(unsigned_32(b"4294967296"), Some(0));
    assert_eq!(unsigned_32(b"4294967303"), Some(7));
    assert_eq!(unsigned_32(b"-1"), None);
}

#[test]
fn signed_numbers_have_64_bits() {
    for (word, expected) in [
        ("-1", Some(-1)),
        ("2592001", Some(2_592_001)),
        ("2147483648", Some(2_147_483_648)),
        ("9223372036854775807", Some(i64::MAX)),
        ("9223372036854775808", None),
        ("-9223372036854775808", Some(i64::MIN)),
        ("-9223372036854775809", None),
        ("", None),
        ("ten", None),
    ] {
        assert_eq!(signed(word.as_bytes()), expected, "{word}");
    }
}

#[test]
fn value_lengths_are_bounded() {
    assert_eq!(value_length(b"0"), Some(0));
    assert_eq!(value_length(b"-0"), Some(0));
    assert_eq!(value_length(b"2147483645"), Some(2_147_483_645));
    assert_eq!(value_length(b"2147483646"), None);
    assert_eq!(value_length(b"4294967297"), None);
    assert_eq!(value_length(b"-1"), None);
    assert_eq!(value_length(b"5x"), None);
}
