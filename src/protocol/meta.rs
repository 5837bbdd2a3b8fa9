//! Meta commands: `mg`, `ms`, `md`, `ma`, `me` and `mn`.
//!
//! A line becomes the same [`Command`] as its classic relative. Its [`Form`] keeps what the answer
//! repeats: the flags in the order of the request and the key as the client wrote it. The words of
//! errors are those of memcached 1.6.18, the flags are those of the newest 1.6 (`E`, `x`, `s` of
//! `ms`, and `N` of `ms` in its append modes came later).

mod flags;
mod reply;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::text::change::store_of;
use super::text::line::Line;
use super::text::number::value_length;
use super::text::words::{Words, words};
use super::{DECODED_KEY_LENGTH_MAX, DecodedKey, Reply, Request, RequestError};
use crate::command::{
    Arithmetic, Command, Delete, Exptime, KEY_LENGTH_MAX, Read, Store, StoreMode,
};
use flags::Flags;

/// Most words of a line, command and key included (memcached's `MFLAG_MAX_OPT_LENGTH` counts one
/// more, behind the last).
const WORDS_MAX: usize = 19;

/// Longest opaque with its `O`.
const OPAQUE_WORD_LENGTH_MAX: usize = 32;

/// What the answer to a meta command repeats of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form<'a> {
    kind: Kind,
    /// The flags as they stand on the line.
    flags: &'a [u8],
    /// The key as it stands on the line, perhaps in base64.
    key: &'a [u8],
    base64: bool,
    /// Whether the value is wanted (`v`).
    value: bool,
    /// Length in bytes of the value that `ms` brought.
    size: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Get,
    Set,
    Delete,
    Arithmetic,
    Debug,
    Noop,
}

/// Decode a line whose first word is `m` and `kind`.
pub(super) fn parse<'a>(kind: u8, line: &'a [u8], decoded_key: &'a mut DecodedKey) -> Line<'a> {
    let words = Words::of(line);
    match kind {
        b'g' => flagged(Kind::Get, &words, decoded_key),
        b's' => set(&words, decoded_key),
        b'd' => flagged(Kind::Delete, &words, decoded_key),
        b'a' => flagged(Kind::Arithmetic, &words, decoded_key),
        b'e' => debug(&words, decoded_key),
        b'n' => request(Command::Noop, form(Kind::Noop, &[], &[]), false),
        _ => refused(RequestError::UnknownCommand, None),
    }
}

/// `mg KEY FLAGS*`, `md`, `ma`.
fn flagged<'a>(kind: Kind, words: &Words<'a>, decoded_key: &'a mut DecodedKey) -> Line<'a> {
    let parsed = match kind {
        _ if words.count() < 2 => Err(RequestError::UnknownCommand),
        _ if words.at(1).len() > KEY_LENGTH_MAX => Err(RequestError::BadFormat),
        Kind::Get if words.count() > WORDS_MAX => Err(RequestError::TooManyFlags),
        _ if words.count() > WORDS_MAX => Err(RequestError::TooManyFlagsLong),
        Kind::Get => Flags::parse(words.behind(2)),
        _ => Flags::parse(words.behind(2)).map_err(|_| RequestError::InvalidOrDuplicateFlag),
    };
    let flags = match parsed {
        Ok(flags) => flags,
        Err(error) => return refused(error, None),
    };
    let form = Form {
        base64: flags.base64,
        value: flags.value,
        ..form(kind, words.at(1), words.behind(2))
    };
    let Some(key) = key(&form, decoded_key) else {
        return refused(bad_key_encoding(kind), None);
    };
    if opaque_is_too_long(form.flags) {
        return refused(RequestError::OpaqueTooLong, None);
    }
    let command = match kind {
        Kind::Delete => Ok(Command::Delete(delete(key, &flags))),
        Kind::Arithmetic => arithmetic(key, &flags).map(Command::Arithmetic),
        _ => Ok(Command::Read(read(key, &flags))),
    };
    match command {
        Ok(command) => request(command, form, flags.quiet),
        Err(error) => refused(error, None),
    }
}

/// `ms KEY LENGTH FLAGS*`, and the value. What is wrong with it is told after the length is known,
/// so that the value can be swallowed.
fn set<'a>(words: &Words<'a>, decoded_key: &'a mut DecodedKey) -> Line<'a> {
    if words.count() < 2 {
        return refused(RequestError::UnknownCommand, None);
    }
    let Some(length) = value_length(words.at(2)) else {
        return refused(RequestError::BadFormat, None);
    };
    let parsed = match words.at(1).len() {
        0..=KEY_LENGTH_MAX if words.count() > WORDS_MAX => Err(RequestError::TooManyFlagsLong),
        0..=KEY_LENGTH_MAX => Flags::parse(words.behind(3)),
        _ => Err(RequestError::BadFormat),
    };
    let flags = match parsed {
        Ok(flags) => flags,
        Err(error) => return refused(error, Some(length)),
    };
    let form = Form {
        base64: flags.base64,
        size: length as u32,
        ..form(Kind::Set, words.at(1), words.behind(3))
    };
    let Some(key) = key(&form, decoded_key) else {
        return refused(RequestError::BadKeyEncoding, Some(length));
    };
    match store(key, &flags) {
        Err(error) => refused(error, Some(length)),
        Ok(_) if opaque_is_too_long(form.flags) => {
            refused(RequestError::OpaqueTooLong, Some(length))
        }
        Ok(store) => {
            let reply = Reply {
                form: super::Form::Meta(form),
                quiet: flags.quiet,
            };
            Line::Value {
                store,
                length,
                reply,
            }
        }
    }
}

/// `me KEY [b]`. Other flags are ignored.
fn debug<'a>(words: &Words<'a>, decoded_key: &'a mut DecodedKey) -> Line<'a> {
    if words.count() < 2 || words.at(1).len() > KEY_LENGTH_MAX {
        return refused(RequestError::BadFormat, None);
    }
    let form = Form {
        base64: words.at(2) == b"b",
        ..form(Kind::Debug, words.at(1), &[])
    };
    match key(&form, decoded_key) {
        Some(key) => request(Command::MetaDebug { key }, form, false),
        None => refused(RequestError::BadFormat, None),
    }
}

fn read<'a>(key: &'a [u8], flags: &Flags) -> Read<'a> {
    Read {
        key,
        touch: flags.exptime,
        vivify: flags.vivify.and(flags.last_life),
        recache: flags.recache,
        recache_before_touch: flags.recache_before_touch,
        is_meta: true,
        new_cas: flags.new_cas,
        bump: !flags.no_bump,
    }
}

fn store<'a>(key: &'a [u8], flags: &Flags) -> Result<Store<'a>, RequestError> {
    let mode = match flags.mode {
        None | Some(b'S') => StoreMode::Set,
        Some(b'E') => StoreMode::Add,
        Some(b'A') => StoreMode::Append,
        Some(b'P') => StoreMode::Prepend,
        Some(b'R') => StoreMode::Replace,
        Some(_) => return Err(RequestError::BadStoreMode),
    };
    let extends = matches!(mode, StoreMode::Append | StoreMode::Prepend);
    Ok(Store {
        flags: flags.client_flags,
        exptime: flags.exptime.unwrap_or(Exptime::NEVER),
        compare: flags.compare,
        new_cas: flags.new_cas,
        invalidate: flags.invalidate,
        vivify: flags.vivify.filter(|_| extends),
        ..store_of(key, mode)
    })
}

fn delete<'a>(key: &'a [u8], flags: &Flags) -> Delete<'a> {
    Delete {
        key,
        compare: flags.compare,
        new_cas: flags.new_cas,
        invalidate: flags.invalidate,
        exptime: flags.exptime,
        drop_value: flags.drop_value,
    }
}

fn arithmetic<'a>(key: &'a [u8], flags: &Flags) -> Result<Arithmetic<'a>, RequestError> {
    let decrement = match flags.mode {
        None | Some(b'I' | b'+') => false,
        Some(b'D' | b'-') => true,
        Some(_) => return Err(RequestError::BadArithmeticMode),
    };
    Ok(Arithmetic {
        key,
        delta: flags.delta,
        decrement,
        initial: flags
            .vivify
            .and(flags.last_life)
            .map(|exptime| (flags.initial, exptime)),
        exptime: flags.exptime,
        // memcached compares here only with a cas unique other than 0.
        compare: flags.compare.filter(|unique| *unique != 0),
        new_cas: flags.new_cas,
    })
}

const fn form<'a>(kind: Kind, key: &'a [u8], flags: &'a [u8]) -> Form<'a> {
    Form {
        kind,
        flags,
        key,
        base64: false,
        value: false,
        size: 0,
    }
}

/// The key itself, decoded if need be. `None` if it is not base64 though it should be.
fn key<'a>(form: &Form<'a>, decoded_key: &'a mut DecodedKey) -> Option<&'a [u8]> {
    if !form.base64 {
        return Some(form.key);
    }
    let room = decoded_key.get_or_insert_with(|| Box::new([0; DECODED_KEY_LENGTH_MAX]));
    let length = STANDARD.decode_slice(form.key, room.as_mut_slice()).ok()?;
    (length > 0).then(|| &room[..length])
}

fn opaque_is_too_long(flags: &[u8]) -> bool {
    words(flags).any(|word| word[0] == b'O' && word.len() > OPAQUE_WORD_LENGTH_MAX)
}

/// `md` and `ma` have one word for everything wrong with their flags.
const fn bad_key_encoding(kind: Kind) -> RequestError {
    match kind {
        Kind::Get | Kind::Set | Kind::Debug | Kind::Noop => RequestError::BadKeyEncoding,
        Kind::Delete | Kind::Arithmetic => RequestError::InvalidOrDuplicateFlag,
    }
}

fn request<'a>(command: Command<'a>, form: Form<'a>, quiet: bool) -> Line<'a> {
    let reply = Reply {
        form: super::Form::Meta(form),
        quiet,
    };
    Line::Request(Request { command, reply })
}

/// A bad line, perhaps with a value behind it. Errors of meta commands are always told.
fn refused<'a>(error: RequestError, value_length: Option<usize>) -> Line<'a> {
    let swallow = value_length.map_or(0, |length| length as u64 + 2);
    Line::Refused {
        error,
        reply: Reply::TEXT,
        swallow,
        close: false,
    }
}
