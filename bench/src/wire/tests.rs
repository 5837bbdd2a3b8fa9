//! What goes out, and which answers are taken for right.

use super::*;

/// Feeds `bytes` in pieces of `size` to the checks of `answers`. True if all of them were right and
/// nothing is missing or left.
fn is_right(wire: &mut Wire, answers: &[Answer], bytes: &[u8], size: usize) -> bool {
    let mut due = answers.iter();
    let mut current = due.next();
    let mut offset = 0;
    for mut piece in bytes.chunks(size) {
        while !piece.is_empty() {
            let Some(answer) = current else { return false };
            let Ok((taken, ended)) = wire.check(*answer, offset, piece) else {
                return false;
            };
            offset = if ended { 0 } else { offset + taken };
            current = if ended { due.next() } else { current };
            piece = &piece[taken..];
        }
    }
    current.is_none()
}

fn check(wire: &mut Wire, answers: &[Answer], bytes: &[u8], right: bool) {
    for size in 1..=bytes.len() {
        assert_eq!(
            is_right(wire, answers, bytes, size),
            right,
            "pieces of {size}"
        );
    }
}

#[test]
fn a_text_get_expects_the_value_of_its_key() {
    let mut wire = Wire::new(Protocol::Text, 20);
    let (mut out, mut answers) = (Vec::new(), Vec::new());
    wire.get(0xab, &mut out, &mut answers);
    assert_eq!(out, b"get kkkkkkkkkkkkkkkk000000ab\r\n");
    let item = b"VALUE kkkkkkkkkkkkkkkk000000ab 0 20\r\n000000ab00000014anyt\r\nEND\r\n";
    check(&mut wire, &answers, item, true);
}

#[test]
fn another_length_key_value_or_end_is_wrong() {
    let mut wire = Wire::new(Protocol::Text, 20);
    let (mut out, mut answers) = (Vec::new(), Vec::new());
    wire.get(0xab, &mut out, &mut answers);
    for wrong in [
        &b"VALUE kkkkkkkkkkkkkkkk000000ab 0 21\r\n000000ab00000014anyth\r\nEND\r\n"[..],
        b"VALUE kkkkkkkkkkkkkkkk000000ac 0 20\r\n000000ab00000014anyt\r\nEND\r\n",
        b"VALUE kkkkkkkkkkkkkkkk000000ab 0 20\r\n000000ac00000014anyt\r\nEND\r\n",
        b"VALUE kkkkkkkkkkkkkkkk000000ab 0 20\r\n000000ab00000014any\r\nEND\r\n",
        b"VALUE kkkkkkkkkkkkkkkk000000ab 0 20\r\n000000ab00000014anyt\r\nEND\r\nEND\r\n",
        b"END\r\n",
    ] {
        check(&mut wire, &answers, wrong, false);
    }
}

#[test]
fn a_text_set_carries_key_and_value() {
    let mut wire = Wire::new(Protocol::Text, 20);
    let (mut out, mut answers) = (Vec::new(), Vec::new());
    wire.set(1, &mut out, &mut answers);
    assert_eq!(
        out,
        b"set kkkkkkkkkkkkkkkk00000001 0 0 20\r\n0000000100000014vvvv\r\n"
    );
    check(&mut wire, &answers, b"STORED\r\n", true);
    check(&mut wire, &answers, b"NOT_STORED\r\n", false);
}

#[test]
fn many_keys_make_one_request_with_one_end() {
    let mut wire = Wire::new(Protocol::Text, 16);
    let (mut out, mut answers) = (Vec::new(), Vec::new());
    wire.get_many([1, 2].into_iter(), &mut out, &mut answers);
    assert_eq!(
        out,
        b"get kkkkkkkkkkkkkkkk00000001 kkkkkkkkkkkkkkkk00000002\r\n"
    );
    let completing: Vec<bool> = answers.iter().map(|answer| answer.completes).collect();
    assert_eq!(completing, [false, false, true]);
}

#[test]
fn a_binary_set_and_its_answer_follow_the_protocol() {
    let mut wire = Wire::new(Protocol::Binary, 16);
    let (mut out, mut answers) = (Vec::new(), Vec::new());
    wire.set(0x01020304, &mut out, &mut answers);
    let mut expected = vec![0x80, 1, 0, 24, 8, 0, 0, 0, 0, 0, 0, 48, 1, 2, 3, 4];
    expected.extend([0; 16]);
    expected.extend(b"kkkkkkkkkkkkkkkk010203040102030400000010");
    assert_eq!(out, expected);
    let stored = [
        0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 9, 9, 9, 9, 9, 9, 9, 9,
    ];
    check(&mut wire, &answers, &stored, true);
    let refused = [
        0x81, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4, 9, 9, 9, 9, 9, 9, 9, 9,
    ];
    check(&mut wire, &answers, &refused, false);
}

#[test]
fn a_binary_get_of_many_ends_with_a_noop() {
    let mut wire = Wire::new(Protocol::Binary, 16);
    let (mut out, mut answers) = (Vec::new(), Vec::new());
    wire.get_many([7].into_iter(), &mut out, &mut answers);
    assert_eq!(out.len(), 24 + 24 + 24);
    assert_eq!(out[48..50], [0x80, 0x0a]);
    let mut answer = vec![0x81, 0x0d, 0, 24, 4, 0, 0, 0, 0, 0, 0, 44, 0, 0, 0, 7];
    answer.extend([5; 8]);
    answer.extend([0; 4]);
    answer.extend(b"kkkkkkkkkkkkkkkk000000070000000700000010");
    answer.extend([0x81, 0x0a]);
    answer.extend([0; 22]);
    check(&mut wire, &answers, &answer, true);
}
