//! Requests and the answers they must get, in the text and the binary protocol.
//!
//! A key is a number, and its value follows from it: the number and the length in digits, then a
//! filler. So every byte of an answer is known before it comes. [`Wire::check`] compares an answer
//! in whatever pieces it arrives, except for the filler, of which only the length counts, and the
//! cas unique.

use std::ops::Range;

use crate::error::Failure;

/// Digits of a number in keys and values.
const DIGITS: usize = 8;
/// Bytes of a value that are checked: its key's number and its length, each in [`DIGITS`] digits.
pub const VALUE_PREFIX: usize = 2 * DIGITS;
/// Length of keys in bytes.
const KEY_BYTES: usize = 24;
const BINARY_HEADER: usize = 24;

/// Which protocol is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Classic text.
    Text,
    /// Binary.
    Binary,
}

/// One answer that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    pub part: Part,
    pub key: u32,
    /// The request is answered with it.
    pub completes: bool,
}

/// The parts that answers are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// A key's value, asked for alone.
    Item,
    /// A key's value, one of several.
    ItemOfMany,
    /// The end of the values.
    End,
    /// A value was stored.
    Stored,
}

/// How requests and answers look for values of one length.
pub struct Wire {
    protocol: Protocol,
    get: Template,
    get_one_of_many: Template,
    set: Template,
    item: Template,
    item_of_many: Template,
    stored: Template,
    end: Template,
}

/// Bytes that differ only in a key's number.
#[derive(Default)]
struct Template {
    head: Vec<u8>,
    /// Where the number stands in digits.
    digits: Vec<usize>,
    /// Where it stands as the binary protocol's opaque.
    opaque: Option<usize>,
    /// Bytes of the head that may be anything.
    ignored: Range<usize>,
    /// Bytes behind the head that may be anything.
    filler: usize,
    tail: &'static [u8],
}

impl Wire {
    /// For values of this length, at least [`VALUE_PREFIX`].
    pub fn new(protocol: Protocol, value_bytes: usize) -> Wire {
        match protocol {
            Protocol::Text => text(value_bytes),
            Protocol::Binary => binary(value_bytes),
        }
    }

    /// Appends a request for one key.
    pub fn get(&mut self, key: u32, out: &mut Vec<u8>, answers: &mut impl Extend<Answer>) {
        out.extend_from_slice(self.get.with(key));
        let with_end = self.protocol == Protocol::Text;
        answers.extend([answer(Part::Item, key, !with_end)]);
        if with_end {
            answers.extend([answer(Part::End, key, true)]);
        }
    }

    /// Appends one request for several keys.
    pub fn get_many(
        &mut self,
        keys: impl Iterator<Item = u32>,
        out: &mut Vec<u8>,
        answers: &mut impl Extend<Answer>,
    ) {
        let many = &mut self.get_one_of_many;
        let ends: &[u8] = match self.protocol {
            Protocol::Text => {
                out.extend_from_slice(b"get");
                b"\r\n"
            }
            Protocol::Binary => &NOOP,
        };
        answers.extend(keys.map(|key| {
            out.extend_from_slice(many.with(key));
            answer(Part::ItemOfMany, key, false)
        }));
        out.extend_from_slice(ends);
        answers.extend([answer(Part::End, 0, true)]);
    }

    /// Appends a request that stores a key's value.
    pub fn set(&mut self, key: u32, out: &mut Vec<u8>, answers: &mut impl Extend<Answer>) {
        out.extend_from_slice(self.set.with(key));
        answers.extend([answer(Part::Stored, key, true)]);
    }

    /// Compares `bytes` with `answer`, of which `offset` bytes came before. Returns how many of the
    /// bytes belong to it, and whether it has ended.
    pub fn check(
        &mut self,
        answer: Answer,
        offset: usize,
        bytes: &[u8],
    ) -> Result<(usize, bool), Failure> {
        let template = match answer.part {
            Part::Item => &mut self.item,
            Part::ItemOfMany => &mut self.item_of_many,
            Part::End => &mut self.end,
            Part::Stored => &mut self.stored,
        };
        template.with(answer.key);
        let end = template.len().min(offset + bytes.len());
        let piece = &bytes[..end - offset];
        if template.agrees(offset, piece) {
            return Ok((piece.len(), end == template.len()));
        }
        Err(Failure::WrongAnswer {
            expected: template.head.escape_ascii().to_string(),
            found: format!(
                "at byte {offset}: {}",
                piece[..piece.len().min(120)].escape_ascii()
            ),
        })
    }
}

impl Template {
    /// The bytes for this key, without filler and tail.
    fn with(&mut self, key: u32) -> &[u8] {
        let digits = digits_of(key);
        for at in &self.digits {
            self.head[*at..*at + DIGITS].copy_from_slice(&digits);
        }
        if let Some(at) = self.opaque {
            self.head[at..at + 4].copy_from_slice(&key.to_be_bytes());
        }
        &self.head
    }

    fn len(&self) -> usize {
        self.head.len() + self.filler + self.tail.len()
    }

    /// Whether `piece` may stand at `offset`.
    fn agrees(&self, offset: usize, piece: &[u8]) -> bool {
        let (before, behind) = (self.ignored.start, self.ignored.end);
        is_at(0, &self.head[..before], offset, piece)
            && is_at(behind, &self.head[behind..], offset, piece)
            && is_at(self.len() - self.tail.len(), self.tail, offset, piece)
    }
}

/// Whether `piece`, which stands at `offset`, is the same as `expected`, which stands at `at`, where
/// the two overlap.
fn is_at(at: usize, expected: &[u8], offset: usize, piece: &[u8]) -> bool {
    let start = at.max(offset);
    let end = (at + expected.len()).min(offset + piece.len());
    start >= end || expected[start - at..end - at] == piece[start - offset..end - offset]
}

fn answer(part: Part, key: u32, completes: bool) -> Answer {
    Answer {
        part,
        key,
        completes,
    }
}

/// Eight digits, of base 16 because they are made fastest.
pub fn digits_of(number: u32) -> [u8; DIGITS] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|place| HEX[(number >> (28 - 4 * place) & 15) as usize])
}

/// The value of key 0, and so of all keys but for the first digits.
fn value(length: usize) -> Vec<u8> {
    let mut value = vec![b'v'; length];
    value[..DIGITS].copy_from_slice(&digits_of(0));
    value[DIGITS..VALUE_PREFIX].copy_from_slice(&digits_of(length as u32));
    value
}

fn key() -> Vec<u8> {
    let mut key = vec![b'k'; KEY_BYTES - DIGITS];
    key.extend(digits_of(0));
    key
}

/// Where a key's digits start if the key starts at `at`.
const fn digits_at(at: usize) -> usize {
    at + KEY_BYTES - DIGITS
}

fn text(value_bytes: usize) -> Wire {
    let (key, value) = (key(), value(value_bytes));
    let set_line = [b"set ", &*key, format!(" 0 0 {value_bytes}\r\n").as_bytes()].concat();
    let item_line = [b"VALUE ", &*key, format!(" 0 {value_bytes}\r\n").as_bytes()].concat();
    let item = || Template {
        digits: vec![digits_at(6), item_line.len()],
        head: [&*item_line, &value[..VALUE_PREFIX]].concat(),
        filler: value_bytes - VALUE_PREFIX,
        tail: b"\r\n",
        ..Template::default()
    };
    Wire {
        protocol: Protocol::Text,
        get: Template {
            head: [b"get ", &*key, b"\r\n"].concat(),
            digits: vec![digits_at(4)],
            ..Template::default()
        },
        get_one_of_many: Template {
            head: [b" ", &*key].concat(),
            digits: vec![digits_at(1)],
            ..Template::default()
        },
        set: Template {
            digits: vec![digits_at(4), set_line.len()],
            head: [&*set_line, &value, b"\r\n"].concat(),
            ..Template::default()
        },
        item: item(),
        item_of_many: item(),
        stored: Template {
            tail: b"STORED\r\n",
            ..Template::default()
        },
        end: Template {
            tail: b"END\r\n",
            ..Template::default()
        },
    }
}

const REQUEST: u8 = 0x80;
const RESPONSE: u8 = 0x81;
const GET: u8 = 0x00;
const SET: u8 = 0x01;
const NOOP_CODE: u8 = 0x0a;
const GETKQ: u8 = 0x0d;
const NOOP: [u8; BINARY_HEADER] = header(REQUEST, NOOP_CODE, 0, 0, 0);
/// Where the opaque and the cas unique stand in a header.
const OPAQUE_AT: usize = 12;
const CAS: Range<usize> = 16..24;

/// A header whose status or reserved field, opaque and cas unique are 0. `body` is the value.
const fn header(magic: u8, code: u8, key: u8, extras: u8, body: usize) -> [u8; BINARY_HEADER] {
    let total = (key as u32 + extras as u32 + body as u32).to_be_bytes();
    let mut header = [0; BINARY_HEADER];
    header[0] = magic;
    header[1] = code;
    header[3] = key;
    header[4] = extras;
    header[8] = total[0];
    header[9] = total[1];
    header[10] = total[2];
    header[11] = total[3];
    header
}

fn binary(value_bytes: usize) -> Wire {
    const KEY: u8 = KEY_BYTES as u8;
    let (key, value) = (key(), value(value_bytes));
    let prefix = &value[..VALUE_PREFIX];
    let request = |header: [u8; BINARY_HEADER], rest: &[u8], digits: Vec<usize>| Template {
        head: [&header, rest].concat(),
        digits,
        opaque: Some(OPAQUE_AT),
        ..Template::default()
    };
    let response = |header, rest: &[u8], digits, filler| Template {
        ignored: CAS,
        filler,
        ..request(header, rest, digits)
    };
    let filler = value_bytes - VALUE_PREFIX;
    let value_at = BINARY_HEADER + 4;
    Wire {
        protocol: Protocol::Binary,
        get: request(
            header(REQUEST, GET, KEY, 0, 0),
            &key,
            vec![digits_at(BINARY_HEADER)],
        ),
        get_one_of_many: request(
            header(REQUEST, GETKQ, KEY, 0, 0),
            &key,
            vec![digits_at(BINARY_HEADER)],
        ),
        set: request(
            header(REQUEST, SET, KEY, 8, value_bytes),
            &[&[0; 8], &*key, &value].concat(),
            vec![digits_at(BINARY_HEADER + 8), BINARY_HEADER + 8 + KEY_BYTES],
        ),
        item: response(
            header(RESPONSE, GET, 0, 4, value_bytes),
            &[&[0; 4], prefix].concat(),
            vec![value_at],
            filler,
        ),
        item_of_many: response(
            header(RESPONSE, GETKQ, KEY, 4, value_bytes),
            &[&[0; 4], &*key, prefix].concat(),
            vec![digits_at(value_at), value_at + KEY_BYTES],
            filler,
        ),
        stored: response(header(RESPONSE, SET, 0, 0, 0), b"", vec![], 0),
        end: Template {
            opaque: None,
            ..response(header(RESPONSE, NOOP_CODE, 0, 0, 0), b"", vec![], 0)
        },
    }
}

#[cfg(test)]
mod tests;
