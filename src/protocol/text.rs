//! The classic text protocol: lines, values and lists of keys.
//!
//! Plain `get` and `set` are decoded here without a detour, since nearly all requests are one of
//! them; whatever is unusual about a line goes to `parse`, which follows memcached argument by
//! argument. A value is at most as long as an item, a line at most [`LINE_LENGTH_MAX`] bytes: any
//! longer one closes the connection, unless it is a list of keys. Such a list is handed out in parts
//! of at most [`KEYS_LENGTH_MAX`] bytes.

pub(super) mod change;
pub(super) mod keys;
pub(super) mod line;
pub(super) mod number;
mod parse;
pub(super) mod reply;
pub(super) mod words;

use memchr::memchr;

use super::{Decoder, Form, Limits, Reply, Request, RequestError, State, Step};
use crate::command::{Command, Exptime, Get, KEY_LENGTH_MAX, Store, StoreMode};
use keys::{keys_fit, unfinished};
use line::Line;

/// Longest part of a list of keys in bytes (memcached asks what a line is when it has read more than
/// this and found no end).
const KEYS_LENGTH_MAX: usize = 2048;

/// Longest line in bytes, without its line end. memcached takes what comes with one read, of at most
/// 16 KiB, and closes at 2048 bytes where the line comes in several: here both are the same.
const LINE_LENGTH_MAX: usize = 16 * 1024 - 1;

/// The line end behind a value.
const VALUE_END: &[u8] = b"\r\n";

/// Decode the command at the start of `input`.
#[inline]
pub(super) fn decode<'a>(decoder: &'a mut Decoder, input: &'a [u8]) -> Step<'a> {
    let Some(end) = line_end(decoder, input) else {
        return unfinished(decoder, input);
    };
    let line = without_carriage_return(&input[..end]);
    let consumed = end + 1;
    if let Some(get) = plain_get(line) {
        let request = Request {
            command: Command::Get(get),
            reply: Reply::TEXT,
        };
        return Step::Request { consumed, request };
    }
    if let Some(arguments) = line.strip_prefix(b"set ")
        && let Some((store, length, quiet)) = plain_set(arguments)
    {
        let reply = Reply {
            form: Form::Text,
            quiet,
        };
        return value(
            decoder.limits,
            &mut decoder.state,
            input,
            consumed,
            store,
            length,
            reply,
        );
    }
    unusual(decoder, input, line, consumed)
}

/// Everything that is not a plain `get` or `set`.
#[inline(never)]
fn unusual<'a>(
    decoder: &'a mut Decoder,
    input: &'a [u8],
    line: &'a [u8],
    consumed: usize,
) -> Step<'a> {
    let Decoder {
        limits,
        state,
        decoded_key,
        ..
    } = decoder;
    match parse::parse(line, decoded_key) {
        Line::Request(request) => Step::Request { consumed, request },
        Line::Value {
            store,
            length,
            reply,
        } => value(*limits, state, input, consumed, store, length, reply),
        Line::Refused {
            error,
            reply,
            swallow,
            close,
        } => {
            *state = match swallow {
                _ if close => State::Closed,
                0 => State::Ready,
                swallow => State::Skip(swallow),
            };
            Step::Refused {
                consumed,
                reply,
                error,
                forget: None,
                close,
            }
        }
    }
}

/// The lines `get KEY*` and `gets KEY*` with a key right behind the first space.
#[inline]
fn plain_get(line: &[u8]) -> Option<Get<'_>> {
    let (with_cas, line) = match line.strip_prefix(b"get")? {
        [b' ', keys @ ..] => (false, keys),
        [b's', b' ', keys @ ..] => (true, keys),
        _ => return None,
    };
    let is_plain = line.first().is_some_and(|byte| *byte != b' ') && keys_fit(line);
    is_plain.then_some(Get {
        line,
        with_cas,
        touch: None,
        last: true,
    })
}

/// The line `set KEY FLAGS EXPTIME LENGTH[ noreply]` as every client writes it: one space between
/// the arguments, digits only, nothing that could overflow.
#[inline]
fn plain_set(arguments: &[u8]) -> Option<(Store<'_>, usize, bool)> {
    let (key, rest) = arguments.split_at(memchr(b' ', arguments)?);
    if key.is_empty() || key.len() > KEY_LENGTH_MAX {
        return None;
    }
    let (flags, rest) = number::digits(rest.strip_prefix(b" ")?)?;
    let (exptime, rest) = number::digits(rest.strip_prefix(b" ")?)?;
    let (length, rest) = number::digits(rest.strip_prefix(b" ")?)?;
    let quiet = match rest {
        b"" => false,
        b" noreply" => true,
        _ => return None,
    };
    let store = Store {
        flags,
        exptime: Exptime(i64::from(exptime)),
        ..change::store_of(key, StoreMode::Set)
    };
    Some((store, length as usize, quiet))
}

/// The value that follows a line of `line_length` bytes.
#[inline]
fn value<'a>(
    limits: Limits,
    state: &mut State,
    input: &'a [u8],
    line_length: usize,
    mut store: Store<'a>,
    length: usize,
    reply: Reply<'a>,
) -> Step<'a> {
    if !limits.admit(store.key.len(), store.flags, length) {
        *state = State::Skip((length + VALUE_END.len()) as u64);
        // memcached forgets the old value after a `set` and after any `ms`.
        let is_set = store.mode == StoreMode::Set && store.compare.is_none();
        let forget = (is_set || matches!(reply.form, Form::Meta(_))).then_some(store.key);
        let error = RequestError::TooLarge;
        return Step::Refused {
            consumed: line_length,
            reply,
            error,
            forget,
            close: false,
        };
    }
    let need = line_length + length + VALUE_END.len();
    let Some(body) = input.get(line_length..need) else {
        return Step::Incomplete { need };
    };
    let (value, end) = body.split_at(length);
    if end != VALUE_END {
        let error = RequestError::BadDataChunk;
        return Step::Refused {
            consumed: need,
            reply,
            error,
            forget: None,
            close: false,
        };
    }
    store.value = value;
    Step::Request {
        consumed: need,
        request: Request {
            command: Command::Store(store),
            reply,
        },
    }
}

/// A line that is longer than a part of a list of keys, and is none.
fn long_line<'a>(decoder: &'a mut Decoder, input: &'a [u8]) -> Step<'a> {
    let window = &input[..input.len().min(LINE_LENGTH_MAX + 1)];
    if let Some(end) = memchr(b'\n', window) {
        decoder.scanned = 0;
        return unusual(
            decoder,
            input,
            without_carriage_return(&input[..end]),
            end + 1,
        );
    }
    if input.len() <= LINE_LENGTH_MAX {
        return Step::Incomplete { need: 0 };
    }
    decoder.state = State::Closed;
    // memcached closes without a word.
    let reply = Reply {
        form: Form::Text,
        quiet: true,
    };
    Step::Refused {
        consumed: input.len(),
        reply,
        error: RequestError::LineTooLong,
        forget: None,
        close: true,
    }
}

/// Where the first line ends. Remembers how far it has looked.
#[inline]
fn line_end(decoder: &mut Decoder, input: &[u8]) -> Option<usize> {
    let window = &input[..input.len().min(KEYS_LENGTH_MAX + 1)];
    let start = (decoder.scanned as usize).min(window.len());
    let end = memchr(b'\n', &window[start..]).map(|at| start + at);
    decoder.scanned = if end.is_some() {
        0
    } else {
        window.len() as u32
    };
    end
}

#[inline]
fn without_carriage_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
