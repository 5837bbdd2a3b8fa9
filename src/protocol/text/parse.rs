//! Every command line, argument by argument.
//!
//! The number of words each command takes and the error it gives otherwise are memcached 1.6's
//! (`process_command_ascii`). Two things are decided differently: a line that announces a value of
//! a readable length is refused together with that value, so that the value is never taken for
//! commands; and `noreply` as the last word silences errors too, of any command that has an answer
//! to silence.

use super::change::{arithmetic, compare_and_store, delete, store, touch};
use super::keys::keys_fit;
use super::line::{Line, refused, request};
use super::number::{signed, unsigned_32};
use super::words::{Words, trim};
use crate::command::{Command, Exptime, Get, StoreMode};
use crate::protocol::{DecodedKey, Form, Reply, RequestError, meta};

/// Decode one line.
pub(super) fn parse<'a>(line: &'a [u8], decoded_key: &'a mut DecodedKey) -> Line<'a> {
    let words = Words::of(line);
    match words.at(0) {
        [b'm', kind] => meta::parse(*kind, line, decoded_key),
        b"get" | b"bget" => keys(&words, false),
        b"gets" => keys(&words, true),
        b"gat" => touched_keys(&words, false),
        b"gats" => touched_keys(&words, true),
        b"set" => store(&words, StoreMode::Set),
        b"add" => store(&words, StoreMode::Add),
        b"replace" => store(&words, StoreMode::Replace),
        b"append" => store(&words, StoreMode::Append),
        b"prepend" => store(&words, StoreMode::Prepend),
        b"cas" => compare_and_store(&words),
        b"delete" => delete(&words),
        b"incr" => arithmetic(&words, false),
        b"decr" => arithmetic(&words, true),
        b"touch" => touch(&words),
        b"flush_all" => flush_all(&words),
        b"verbosity" => verbosity(&words),
        b"version" => request(Command::Version, false),
        b"stats" => request(Command::Stats(words.behind(1)), false),
        b"quit" => request(Command::Quit, false),
        b"shutdown" | b"lru_crawler" | b"slabs" | b"watch" | b"debugtime" => admin(&words, 1, None),
        b"lru" | b"extstore" => admin(&words, 2, None),
        b"cache_memlimit" => admin(&words, 2, Some(3)),
        _ => unknown(&words),
    }
}

fn keys<'a>(words: &Words<'a>, with_cas: bool) -> Line<'a> {
    let line = words.behind(1);
    if line.is_empty() {
        return refused(RequestError::UnknownCommand, false);
    }
    if !keys_fit(line) {
        return refused(RequestError::BadFormat, false);
    }
    request(
        Command::Get(Get {
            line,
            with_cas,
            touch: None,
            last: true,
        }),
        false,
    )
}

/// `gat EXPTIME KEY*`. Without a key memcached answers `END`.
fn touched_keys<'a>(words: &Words<'a>, with_cas: bool) -> Line<'a> {
    if words.count() < 2 {
        return refused(RequestError::UnknownCommand, false);
    }
    let Some(exptime) = signed(words.at(1)) else {
        return refused(RequestError::InvalidExptime, false);
    };
    let line = words.behind(2);
    if !keys_fit(line) {
        return refused(RequestError::BadFormat, false);
    }
    let touch = Some(Exptime(exptime));
    request(
        Command::Get(Get {
            line,
            with_cas,
            touch,
            last: true,
        }),
        false,
    )
}

/// `flush_all [DELAY] [noreply]`; a word behind the delay is ignored.
fn flush_all<'a>(words: &Words<'a>) -> Line<'a> {
    let quiet = words.noreply();
    if words.count() > 3 {
        return refused(RequestError::UnknownCommand, quiet);
    }
    if words.count() == 1 + usize::from(quiet) {
        return request(
            Command::FlushAll {
                delay: Exptime::NEVER,
            },
            quiet,
        );
    }
    match signed(words.at(1)) {
        Some(delay) => request(
            Command::FlushAll {
                delay: Exptime(delay),
            },
            quiet,
        ),
        None => refused(RequestError::InvalidExptime, quiet),
    }
}

/// `verbosity LEVEL [noreply]`.
fn verbosity<'a>(words: &Words<'a>) -> Line<'a> {
    let quiet = words.noreply();
    if !(2..=3).contains(&words.count()) {
        return refused(RequestError::UnknownCommand, quiet);
    }
    match unsigned_32(words.at(1)) {
        Some(level) => request(Command::Verbosity(level), quiet),
        None => refused(RequestError::BadFormat, quiet),
    }
}

/// A command for the server itself, handed on without its `noreply`.
fn admin<'a>(words: &Words<'a>, words_min: usize, words_max: Option<usize>) -> Line<'a> {
    let quiet = words.noreply();
    if words.count() < words_min || words_max.is_some_and(|max| words.count() > max) {
        return refused(RequestError::UnknownCommand, quiet);
    }
    let line = words.behind(0);
    let line = if quiet {
        trim(line.strip_suffix(b"noreply").unwrap_or(line))
    } else {
        line
    };
    request(Command::Admin(line), quiet)
}

/// No command at all. A browser or a probe gets no answer, as memcached has it: it might be made to
/// send commands in its body.
fn unknown<'a>(words: &Words<'a>) -> Line<'a> {
    let is_http = words.count() > 1 && words.last().starts_with(b"HTTP/");
    let reply = Reply {
        form: Form::Text,
        quiet: is_http || words.noreply(),
    };
    Line::Refused {
        error: RequestError::UnknownCommand,
        reply,
        swallow: 0,
        close: is_http,
    }
}
