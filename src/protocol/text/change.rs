//! Lines that change one item: stores, `delete`, `incr`, `decr` and `touch`.

use super::VALUE_END;
use super::line::{Line, refused, request};
use super::number::{signed, unsigned, unsigned_32, value_length};
use super::words::Words;
use crate::command::{
    Arithmetic, Command, Delete, Exptime, KEY_LENGTH_MAX, Store, StoreMode, Touch,
};
use crate::protocol::{Form, Reply, RequestError};

/// A store of nothing, to be filled in.
#[inline]
pub(in crate::protocol) const fn store_of(key: &[u8], mode: StoreMode) -> Store<'_> {
    Store {
        key,
        value: &[],
        flags: 0,
        exptime: Exptime::NEVER,
        mode,
        compare: None,
        new_cas: None,
        invalidate: false,
        vivify: None,
    }
}

/// `set KEY FLAGS EXPTIME LENGTH [noreply]` and the like.
pub(super) fn store<'a>(words: &Words<'a>, mode: StoreMode) -> Line<'a> {
    let quiet = words.noreply();
    let length = value_length(words.at(4));
    if !(5..=6).contains(&words.count()) {
        return refused_value(RequestError::UnknownCommand, quiet, length);
    }
    match (fields(words, mode), length) {
        (Some(store), Some(length)) => Line::Value {
            store,
            length,
            reply: Reply {
                form: Form::Text,
                quiet,
            },
        },
        _ => refused_value(RequestError::BadFormat, quiet, length),
    }
}

/// `cas KEY FLAGS EXPTIME LENGTH UNIQUE [noreply]`. Without the unique it is one error, and the
/// value is swallowed.
pub(super) fn compare_and_store<'a>(words: &Words<'a>) -> Line<'a> {
    let quiet = words.noreply();
    let length = value_length(words.at(4));
    if !(5..=7).contains(&words.count()) {
        return refused_value(RequestError::UnknownCommand, quiet, length);
    }
    match (fields(words, StoreMode::Set), length, unsigned(words.at(5))) {
        (Some(store), Some(length), Some(unique)) => Line::Value {
            store: Store {
                compare: Some(unique),
                ..store
            },
            length,
            reply: Reply {
                form: Form::Text,
                quiet,
            },
        },
        _ => refused_value(RequestError::BadFormat, quiet, length),
    }
}

/// Key, flags and exptime of a store.
fn fields<'a>(words: &Words<'a>, mode: StoreMode) -> Option<Store<'a>> {
    let key = fitting_key(words)?;
    let flags = unsigned_32(words.at(2))?;
    let exptime = Exptime(signed(words.at(3))?);
    Some(Store {
        flags,
        exptime,
        ..store_of(key, mode)
    })
}

/// `delete KEY [0] [noreply]`: the 0 was a time once, and old clients still send it.
pub(super) fn delete<'a>(words: &Words<'a>) -> Line<'a> {
    let noreply = words.count() > 2 && words.noreply();
    let zero = words.at(2) == b"0";
    match words.count() {
        2 => {}
        3 if zero || noreply => {}
        4 if zero && noreply => {}
        3 | 4 => return refused(RequestError::BadDelete, noreply),
        _ => return refused(RequestError::UnknownCommand, noreply),
    }
    let Some(key) = fitting_key(words) else {
        return refused(RequestError::BadFormat, noreply);
    };
    let delete = Delete {
        key,
        compare: None,
        new_cas: None,
        invalidate: false,
        exptime: None,
        drop_value: false,
    };
    request(Command::Delete(delete), noreply)
}

/// `incr KEY DELTA [noreply]`, `decr`.
pub(super) fn arithmetic<'a>(words: &Words<'a>, decrement: bool) -> Line<'a> {
    let quiet = words.noreply();
    if !(3..=4).contains(&words.count()) {
        return refused(RequestError::UnknownCommand, quiet);
    }
    let Some(key) = fitting_key(words) else {
        return refused(RequestError::BadFormat, quiet);
    };
    let Some(delta) = unsigned(words.at(2)) else {
        return refused(RequestError::InvalidDelta, quiet);
    };
    let arithmetic = Arithmetic {
        key,
        delta,
        decrement,
        initial: None,
        exptime: None,
        compare: None,
        new_cas: None,
    };
    request(Command::Arithmetic(arithmetic), quiet)
}

/// `touch KEY EXPTIME [noreply]`.
pub(super) fn touch<'a>(words: &Words<'a>) -> Line<'a> {
    let quiet = words.noreply();
    if !(3..=4).contains(&words.count()) {
        return refused(RequestError::UnknownCommand, quiet);
    }
    let Some(key) = fitting_key(words) else {
        return refused(RequestError::BadFormat, quiet);
    };
    let Some(exptime) = signed(words.at(2)) else {
        return refused(RequestError::InvalidExptime, quiet);
    };
    request(
        Command::Touch(Touch {
            key,
            exptime: Exptime(exptime),
        }),
        quiet,
    )
}

/// The second word as a key.
fn fitting_key<'a>(words: &Words<'a>) -> Option<&'a [u8]> {
    let key = words.at(1);
    (key.len() <= KEY_LENGTH_MAX).then_some(key)
}

/// A bad line in front of a value, whose length may be readable.
fn refused_value<'a>(error: RequestError, quiet: bool, length: Option<usize>) -> Line<'a> {
    let swallow = length.map_or(0, |length| (length + VALUE_END.len()) as u64);
    Line::Refused {
        error,
        reply: Reply {
            form: Form::Text,
            quiet,
        },
        swallow,
        close: false,
    }
}
