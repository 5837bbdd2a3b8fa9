//! Tables of requests and answers. A request is described in one line, so that the expected side
//! of a table can be read at a glance.

mod binary;
mod limits;
mod meta;
mod number;
mod segmentation;
mod text;

use super::{Decoder, Limits, Reply, RequestError, Step};
use crate::command::{
    Arithmetic, Command, Delete, Exptime, Get, ItemView, Outcome, Read, Store, StoreMode, Touch,
    Value,
};

const LIMITS: Limits = Limits {
    item_size_max: 1024 * 1024,
};

/// An item with a different value in every field.
const ITEM: ItemView<'static> = ItemView {
    key: b"fruit",
    value: Value::whole(b"apple"),
    flags: 7,
    cas: 123_456_789_012,
    ttl: Some(60),
    ttl_before: Some(60),
    idle: 4,
    fetched: true,
    stale: false,
    won: false,
    win_sent: false,
};

/// Decode `input` and compare with one line per step.
#[track_caller]
fn check(input: &[u8], expected: &[&str]) {
    let found = steps(input);
    assert_eq!(found, expected, "input: {}", input.escape_ascii());
}

/// Decode `input`, let `answer` answer its first step, and compare the bytes.
#[track_caller]
fn check_reply(input: &[u8], answer: impl FnOnce(&Reply<'_>, &mut Vec<u8>), expected: &[u8]) {
    let mut decoder = Decoder::new(LIMITS);
    let mut out = Vec::new();
    match decoder.decode(input) {
        Step::Request { request, .. } => answer(&request.reply, &mut out),
        step => panic!("{} is no request but {step:?}", input.escape_ascii()),
    }
    let (found, expected) = (
        out.escape_ascii().to_string(),
        expected.escape_ascii().to_string(),
    );
    assert_eq!(found, expected, "input: {}", input.escape_ascii());
}

#[track_caller]
fn check_outcome(input: &[u8], outcome: Outcome, expected: &[u8]) {
    check_reply(input, |reply, out| reply.outcome(&outcome, out), expected);
}

/// The answer to a refused request.
#[track_caller]
fn check_refusal(input: &[u8], expected: &[u8]) {
    let mut decoder = Decoder::new(LIMITS);
    let mut out = Vec::new();
    match decoder.decode(input) {
        Step::Refused { reply, error, .. } => reply.error(&error, &mut out),
        step => panic!("{} is not refused but {step:?}", input.escape_ascii()),
    }
    let (found, expected) = (
        out.escape_ascii().to_string(),
        expected.escape_ascii().to_string(),
    );
    assert_eq!(found, expected, "input: {}", input.escape_ascii());
}

/// The error of a refused request.
#[track_caller]
fn check_error(input: &[u8], expected: RequestError) {
    let mut decoder = Decoder::new(LIMITS);
    match decoder.decode(input) {
        Step::Refused { error, .. } => assert_eq!(error, expected, "{}", input.escape_ascii()),
        step => panic!("{} is not refused but {step:?}", input.escape_ascii()),
    }
}

/// Every step of `input`, described. Neighbouring skips are one.
fn steps(input: &[u8]) -> Vec<String> {
    let mut decoder = Decoder::new(LIMITS);
    let mut found = Vec::new();
    let (mut position, mut skipped) = (0, 0);
    loop {
        let step = decoder.decode(&input[position..]);
        if let Step::Skipped { consumed } = step {
            skipped += consumed;
            position += consumed;
            continue;
        }
        if skipped > 0 {
            found.push(format!("skipped {skipped}"));
            skipped = 0;
        }
        match &step {
            Step::Incomplete { .. } if position == input.len() => return found,
            Step::Incomplete { need } => {
                found.push(format!("needs {need}"));
                return found;
            }
            _ => found.push(describe(&step)),
        }
        match step {
            Step::Refused { close: true, .. } => return found,
            Step::Request { consumed, .. } | Step::Refused { consumed, .. } => position += consumed,
            Step::Skipped { .. } | Step::Incomplete { .. } => {}
        }
    }
}

/// A request or a refusal in one line.
fn describe(step: &Step<'_>) -> String {
    match step {
        Step::Request { request, .. } => {
            let quiet = if request.reply.quiet { " quiet" } else { "" };
            format!("{}{quiet}", describe_command(&request.command))
        }
        Step::Refused {
            error,
            reply,
            forget,
            close,
            ..
        } => {
            let quiet = if reply.quiet { " quiet" } else { "" };
            let forget = forget.map_or(String::new(), |key| format!(" forget={}", text_of(key)));
            let close = if *close { " close" } else { "" };
            format!("refused {error:?}{forget}{quiet}{close}")
        }
        Step::Skipped { consumed } => format!("skipped {consumed}"),
        Step::Incomplete { need } => format!("needs {need}"),
    }
}

fn describe_command(command: &Command<'_>) -> String {
    match command {
        Command::Get(get) => describe_get(get),
        Command::Read(read) => describe_read(read),
        Command::Store(store) => describe_store(store),
        Command::Delete(delete) => describe_delete(delete),
        Command::Arithmetic(arithmetic) => describe_arithmetic(arithmetic),
        Command::Touch(Touch { key, exptime }) => {
            format!("touch {} {}", text_of(key), exptime.0)
        }
        Command::MetaDebug { key } => format!("debug {}", text_of(key)),
        Command::FlushAll { delay } => format!("flush_all {}", delay.0),
        Command::Noop => "noop".to_owned(),
        Command::Version => "version".to_owned(),
        Command::Verbosity(level) => format!("verbosity {level}"),
        Command::Stats(arguments) => format!("stats [{}]", text_of(arguments)),
        Command::Quit => "quit".to_owned(),
        Command::Admin(line) => format!("admin [{}]", text_of(line)),
    }
}

fn describe_get(get: &Get<'_>) -> String {
    let mut words = vec![if get.with_cas { "gets" } else { "get" }.to_owned()];
    words.extend(get.keys().map(text_of));
    words.extend(option("touch", get.touch.map(|exptime| exptime.0)));
    words.extend((!get.last).then(|| "and more".to_owned()));
    words.join(" ")
}

fn describe_read(read: &Read<'_>) -> String {
    let mut words = vec![format!("read {}", text_of(read.key))];
    words.extend(option("touch", read.touch.map(|exptime| exptime.0)));
    words.extend(option("vivify", read.vivify.map(|exptime| exptime.0)));
    words.extend(option("recache", read.recache));
    words.extend(option("new_cas", read.new_cas));
    words.extend((!read.bump).then(|| "unseen".to_owned()));
    words.join(" ")
}

fn describe_store(store: &Store<'_>) -> String {
    let mode = match store.mode {
        StoreMode::Set => "set",
        StoreMode::Add => "add",
        StoreMode::Replace => "replace",
        StoreMode::Append => "append",
        StoreMode::Prepend => "prepend",
    };
    let value = match store.value.len() {
        0..=20 => text_of(store.value),
        length => format!("{length} bytes"),
    };
    let mut words = vec![format!("{mode} {}={value}", text_of(store.key))];
    words.extend(option("flags", (store.flags != 0).then_some(store.flags)));
    words.extend(option(
        "exptime",
        Some(store.exptime.0).filter(|exptime| *exptime != 0),
    ));
    words.extend(option("compare", store.compare));
    words.extend(option("new_cas", store.new_cas));
    words.extend(option("vivify", store.vivify.map(|exptime| exptime.0)));
    words.extend(store.invalidate.then(|| "invalidate".to_owned()));
    words.join(" ")
}

fn describe_delete(delete: &Delete<'_>) -> String {
    let mut words = vec![format!("delete {}", text_of(delete.key))];
    words.extend(option("compare", delete.compare));
    words.extend(option("new_cas", delete.new_cas));
    words.extend(option("exptime", delete.exptime.map(|exptime| exptime.0)));
    words.extend(delete.invalidate.then(|| "invalidate".to_owned()));
    words.extend(delete.drop_value.then(|| "drop_value".to_owned()));
    words.join(" ")
}

fn describe_arithmetic(arithmetic: &Arithmetic<'_>) -> String {
    let sign = if arithmetic.decrement { "-" } else { "+" };
    let mut words = vec![format!(
        "{} {sign}{}",
        text_of(arithmetic.key),
        arithmetic.delta
    )];
    words.extend(
        arithmetic
            .initial
            .map(|(number, Exptime(life))| format!("or {number} for {life}")),
    );
    words.extend(option(
        "exptime",
        arithmetic.exptime.map(|exptime| exptime.0),
    ));
    words.extend(option("compare", arithmetic.compare));
    words.extend(option("new_cas", arithmetic.new_cas));
    words.join(" ")
}

fn option(name: &str, value: Option<impl std::fmt::Display>) -> Option<String> {
    value.map(|value| format!("{name}={value}"))
}

/// Keys of more than 40 bytes are shown by their length.
fn text_of(bytes: &[u8]) -> String {
    match bytes.len() {
        0..=40 => bytes.escape_ascii().to_string(),
        length => format!("<{length}>"),
    }
}
