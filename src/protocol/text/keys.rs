//! Lists of keys: their lengths, and lines of them that are longer than any other line.
//!
//! A client may ask for 100,000 keys in one line. Such a line is handed out in parts of whole keys,
//! each at most [`KEYS_LENGTH_MAX`] bytes, so that nobody needs a buffer for all of it. Where it is
//! divided depends on the line alone, not on how it arrives.

use memchr::{memchr, memrchr};

use super::number::signed;
use super::words::words;
use super::{KEYS_LENGTH_MAX, line_end, long_line, without_carriage_return};
use crate::command::{Command, Exptime, Get, KEY_LENGTH_MAX};
use crate::protocol::{Decoder, Reply, Request, RequestError, State, Step};

/// The input holds no line end yet, or none within the longest part of a list of keys.
#[cold]
pub(super) fn unfinished<'a>(decoder: &'a mut Decoder, input: &'a [u8]) -> Step<'a> {
    let Some(window) = input.get(..=KEYS_LENGTH_MAX) else {
        return Step::Incomplete { need: 0 };
    };
    let Some((keys, with_cas, touch)) = start_of_keys(window) else {
        return long_line(decoder, input);
    };
    decoder.scanned = 0;
    decoder.state = State::Keys { with_cas, touch };
    part_of_keys(decoder, keys, window.len() - keys.len(), with_cas, touch)
}

/// The keys of a retrieval line whose end is not in sight, and what to do with them. `None` if the
/// line is something else.
fn start_of_keys(window: &[u8]) -> Option<(&[u8], bool, Option<Exptime>)> {
    let (command, rest) = first_word(window)?;
    match command {
        b"get" | b"bget" => Some((rest, false, None)),
        b"gets" => Some((rest, true, None)),
        b"gat" | b"gats" => {
            let (exptime, keys) = first_word(rest)?;
            Some((keys, command == b"gats", Some(Exptime(signed(exptime)?))))
        }
        _ => None,
    }
}

/// The first word and what follows it, if anything does.
fn first_word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = &line[line.iter().position(|byte| *byte != b' ')?..];
    Some(line.split_at(memchr(b' ', line)?))
}

/// More keys of a retrieval line that is longer than [`KEYS_LENGTH_MAX`].
#[cold]
pub(in crate::protocol) fn more_keys<'a>(
    decoder: &mut Decoder,
    input: &'a [u8],
    with_cas: bool,
    touch: Option<Exptime>,
) -> Step<'a> {
    let Some(end) = line_end(decoder, input) else {
        let Some(window) = input.get(..=KEYS_LENGTH_MAX) else {
            return Step::Incomplete { need: 0 };
        };
        decoder.scanned = 0;
        return part_of_keys(decoder, window, 0, with_cas, touch);
    };
    decoder.state = State::Ready;
    let line = without_carriage_return(&input[..end]);
    if !keys_fit(line) {
        return refused_keys(end + 1);
    }
    let command = Command::Get(Get {
        line,
        with_cas,
        touch,
        last: true,
    });
    Step::Request {
        consumed: end + 1,
        request: Request {
            command,
            reply: Reply::TEXT,
        },
    }
}

/// Hand out the keys that are complete: all but what follows the last space. `before` bytes of
/// the input stand in front of `keys`.
fn part_of_keys<'a>(
    decoder: &mut Decoder,
    keys: &'a [u8],
    before: usize,
    with_cas: bool,
    touch: Option<Exptime>,
) -> Step<'a> {
    let complete = memrchr(b' ', keys).unwrap_or(0);
    let (line, begun) = keys.split_at(complete);
    // The begun key has a space in front and perhaps a carriage return behind.
    if begun.len() > KEY_LENGTH_MAX + 2 || !keys_fit(line) {
        decoder.state = State::DropLine;
        return refused_keys(before + keys.len());
    }
    let consumed = before + complete + 1;
    if words(line).next().is_none() {
        return Step::Skipped { consumed };
    }
    let command = Command::Get(Get {
        line,
        with_cas,
        touch,
        last: false,
    });
    Step::Request {
        consumed,
        request: Request {
            command,
            reply: Reply::TEXT,
        },
    }
}

/// One of the keys is too long. memcached answers with the error alone.
fn refused_keys<'a>(consumed: usize) -> Step<'a> {
    let error = RequestError::BadFormat;
    Step::Refused {
        consumed,
        reply: Reply::TEXT,
        error,
        forget: None,
        close: false,
    }
}

/// Whether each key of the line has a permitted length. Looks for the last space that a key may
/// end at, so that it touches only a few places of a long line.
#[inline]
pub(super) fn keys_fit(line: &[u8]) -> bool {
    let mut rest = line;
    while rest.len() > KEY_LENGTH_MAX {
        let Some(space) = memrchr(b' ', &rest[..=KEY_LENGTH_MAX]) else {
            return false;
        };
        rest = &rest[space + 1..];
    }
    true
}
