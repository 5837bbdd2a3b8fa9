//! What clients say and hear, in the three protocols.

pub mod binary;
pub mod text;

use std::collections::BTreeMap;

use super::super::model::{Mode, Op, Reply, Shown};

/// What a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    Text,
    Binary,
}

/// How one request is put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    Classic,
    Meta,
    Binary,
}

/// One answer as it stands on the wire.
#[derive(Clone, PartialEq, Debug)]
pub enum Raw {
    /// A line of the classic protocol.
    Line(String),
    /// The items of a classic retrieval.
    Values(BTreeMap<usize, Shown>),
    /// `HD`, `VA` and the like.
    Meta {
        code: String,
        opaque: Option<u32>,
        shown: Shown,
    },
    /// A binary packet.
    Packet {
        opcode: u8,
        status: u16,
        opaque: u32,
        shown: Shown,
    },
}

impl Raw {
    pub const fn opaque(&self) -> Option<u32> {
        match self {
            Raw::Line(_) | Raw::Values(_) => None,
            Raw::Meta { opaque, .. } => *opaque,
            Raw::Packet { opaque, .. } => Some(*opaque),
        }
    }
}

/// The next answer in the input, and how many bytes it takes.
pub fn take(dialect: Dialect, input: &[u8]) -> Option<(Raw, usize)> {
    match dialect {
        Dialect::Text => text::take(input),
        Dialect::Binary => binary::take(input),
    }
}

/// What an answer says of a mutation.
pub fn reply_to(key: usize, op: &Op, raw: Raw) -> Reply {
    match raw {
        Raw::Line(line) => classic(line),
        Raw::Values(mut values) => Reply::Seen(values.remove(&key)),
        Raw::Meta { code, shown, .. } => match code.as_str() {
            "HD" | "VA" => done(op, shown),
            "EN" => Reply::Seen(None),
            "NS" => Reply::NotStored,
            "EX" => Reply::Exists,
            "NF" => Reply::NotFound,
            _ => Reply::Error(code),
        },
        Raw::Packet { status, shown, .. } => packet(op, status, shown),
    }
}

fn classic(line: String) -> Reply {
    match line.as_str() {
        "STORED" => Reply::Stored,
        "NOT_STORED" => Reply::NotStored,
        "EXISTS" => Reply::Exists,
        "NOT_FOUND" => Reply::NotFound,
        "DELETED" => Reply::Deleted,
        "TOUCHED" => Reply::Touched,
        "OK" => Reply::Ok,
        "CLIENT_ERROR cannot increment or decrement non-numeric value" => Reply::NonNumeric,
        number => match number.parse() {
            Ok(number) => Reply::Number(number),
            Err(_) => Reply::Error(line),
        },
    }
}

fn done(op: &Op, shown: Shown) -> Reply {
    match op {
        Op::Store { .. } => Reply::Stored,
        Op::Delete { .. } | Op::Invalidate(_) | Op::DropValue => Reply::Deleted,
        Op::Touch(_) | Op::Vivify(_) => Reply::Seen(Some(shown)),
        Op::Flush => Reply::Ok,
        Op::Count { .. } => {
            let digits = shown
                .value
                .as_deref()
                .and_then(|value| std::str::from_utf8(value).ok());
            digits
                .and_then(|digits| digits.parse().ok())
                .map_or_else(|| Reply::Error("no number".to_owned()), Reply::Number)
        }
    }
}

fn packet(op: &Op, status: u16, shown: Shown) -> Reply {
    let plain = |wanted: Mode| matches!(op, Op::Store { mode, token: None, .. } if *mode == wanted);
    match status {
        0 => match (op, &shown.value) {
            (Op::Count { .. }, Some(value)) => match value.as_slice().try_into() {
                Ok(bytes) => Reply::Number(u64::from_be_bytes(bytes)),
                Err(_) => Reply::Error("no number".to_owned()),
            },
            _ => done(op, shown),
        },
        1 if plain(Mode::Replace) => Reply::NotStored,
        1 if matches!(op, Op::Touch(_)) => Reply::Seen(None),
        1 => Reply::NotFound,
        2 if plain(Mode::Add) => Reply::NotStored,
        2 => Reply::Exists,
        5 => Reply::NotStored,
        6 => Reply::NonNumeric,
        other => Reply::Error(format!("status {other}")),
    }
}
