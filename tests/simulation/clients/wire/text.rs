//! Classic text and meta commands.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::super::model::{Life, Mode, Op, Shown};
use super::{Form, Raw};

/// The answer codes of meta commands.
const CODES: [&str; 7] = ["HD", "VA", "EN", "NS", "EX", "NF", "MN"];
/// What every meta read asks for.
const SHOW: &str = "v f c t";

/// How a touch or a flush is put, where there are several ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    Plain,
    /// gat, and the get that shows the key.
    Showing,
    /// gats.
    ShowingCas,
}

/// Writes a mutation. Returns the command's name.
pub fn mutation(
    out: &mut Vec<u8>,
    (form, shape, quiet): (Form, Shape, bool),
    key: usize,
    op: &Op,
    opaque: u32,
) -> &'static str {
    match form {
        Form::Meta => meta(out, quiet, key, op, opaque),
        _ => classic(out, shape, quiet, key, op),
    }
}

fn classic(out: &mut Vec<u8>, shape: Shape, quiet: bool, key: usize, op: &Op) -> &'static str {
    let end = if quiet { " noreply" } else { "" };
    let mut line = |text: String| out.extend(format!("{text}\r\n").bytes());
    match op {
        Op::Store {
            mode,
            value,
            flags,
            life,
            token,
            ..
        } => {
            let length = value.bytes().len();
            let (verb, unique) = match (mode, token) {
                (_, Some(token)) => ("cas", format!(" {}", token.unique)),
                (Mode::Set, None) => ("set", String::new()),
                (Mode::Add, None) => ("add", String::new()),
                (Mode::Replace, None) => ("replace", String::new()),
                (Mode::Append, None) => ("append", String::new()),
                (Mode::Prepend, None) => ("prepend", String::new()),
            };
            line(format!(
                "{verb} key{key} {flags} {life} {length}{unique}{end}"
            ));
            out.extend(value.bytes());
            out.extend(b"\r\n");
            verb
        }
        Op::Count { down, by, .. } => {
            let verb = if *down { "decr" } else { "incr" };
            line(format!("{verb} key{key} {by}{end}"));
            verb
        }
        Op::Touch(life) => match shape {
            Shape::Plain => {
                line(format!("touch key{key} {life}{end}"));
                "touch"
            }
            Shape::Showing => {
                line(format!("gat {life} key{key}"));
                "gat"
            }
            Shape::ShowingCas => {
                line(format!("gats {life} key{key}"));
                "gats"
            }
        },
        Op::Delete { .. } => {
            line(format!("delete key{key}{end}"));
            "delete"
        }
        Op::Vivify(_) | Op::Invalidate(_) | Op::DropValue | Op::Flush => {
            unreachable!("there is no such classic request")
        }
    }
}

fn meta(out: &mut Vec<u8>, quiet: bool, key: usize, op: &Op, opaque: u32) -> &'static str {
    let mut line = String::new();
    let mut flag = |text: std::fmt::Arguments<'_>| {
        line.write_fmt(format_args!(" {text}"))
            .expect("a string takes everything");
    };
    let with_life = |life: &Option<Life>| life.map_or(String::new(), |life| format!(" T{life}"));
    let (start, name) = match op {
        Op::Store {
            mode,
            value,
            flags,
            life,
            token,
            vivify,
        } => {
            let letter = match mode {
                Mode::Set => 'S',
                Mode::Add => 'E',
                Mode::Replace => 'R',
                Mode::Append => 'A',
                Mode::Prepend => 'P',
            };
            flag(format_args!("M{letter} F{flags} T{life} c"));
            if let Some(token) = token {
                flag(format_args!("C{}", token.unique));
            }
            if let Some(life) = vivify {
                flag(format_args!("N{life}"));
            }
            let name = match mode {
                Mode::Set if token.is_some() => "ms cas",
                Mode::Set => "ms",
                Mode::Add => "ms add",
                Mode::Replace => "ms replace",
                Mode::Append => "ms append",
                Mode::Prepend => "ms prepend",
            };
            (format!("ms key{key} {}", value.bytes().len()), name)
        }
        Op::Count {
            down,
            by,
            initial,
            life,
        } => {
            let letter = if *down { 'D' } else { 'I' };
            flag(format_args!("M{letter} D{by} v{}", with_life(life)));
            if let Some((number, life)) = initial {
                flag(format_args!("N{life} J{number}"));
            }
            let name = if *down { "ma decr" } else { "ma incr" };
            (format!("ma key{key}"), name)
        }
        Op::Touch(life) => {
            flag(format_args!("{SHOW} T{life}"));
            (format!("mg key{key}"), "mg touch")
        }
        Op::Vivify(life) => {
            flag(format_args!("{SHOW} N{life}"));
            (format!("mg key{key}"), "mg vivify")
        }
        Op::Delete { token } => {
            if let Some(token) = token {
                flag(format_args!("C{}", token.unique));
            }
            (format!("md key{key}"), "md")
        }
        Op::Invalidate(life) => {
            flag(format_args!("I{}", with_life(life)));
            (format!("md key{key}"), "md invalidate")
        }
        Op::DropValue => {
            flag(format_args!("x"));
            (format!("md key{key}"), "md drop value")
        }
        Op::Flush => unreachable!("there is no such meta command"),
    };
    let quiet = if quiet { " q" } else { "" };
    out.extend(format!("{start}{line} O{opaque}{quiet}\r\n").bytes());
    if let Op::Store { value, .. } = op {
        out.extend(value.bytes());
        out.extend(b"\r\n");
    }
    name
}

/// A classic retrieval of some keys.
pub fn get(out: &mut Vec<u8>, keys: &[usize], with_cas: bool) -> &'static str {
    let name = if with_cas { "gets" } else { "get" };
    out.extend(name.bytes());
    keys.iter()
        .for_each(|key| out.extend(format!(" key{key}").bytes()));
    out.extend(b"\r\n");
    name
}

/// A meta read of one key.
pub fn meta_get(out: &mut Vec<u8>, key: usize, quiet: bool, opaque: u32) -> &'static str {
    let end = if quiet { " q" } else { "" };
    out.extend(format!("mg key{key} {SHOW} k O{opaque}{end}\r\n").bytes());
    if quiet { "mg quiet" } else { "mg" }
}

/// The next answer.
pub fn take(input: &[u8]) -> Option<(Raw, usize)> {
    let (line, used) = line_of(input)?;
    let (code, flags) = line.split_once(' ').unwrap_or((line, ""));
    if code == "VALUE" || line == "END" {
        return values(input);
    }
    if !CODES.contains(&code) {
        return Some((Raw::Line(line.to_owned()), used));
    }
    let (code, mut flags) = (code.to_owned(), flags);
    let (mut shown, mut used) = (Shown::default(), used);
    if code == "VA" {
        let (length, rest) = flags.split_once(' ').unwrap_or((flags, ""));
        let length: usize = length.parse().ok()?;
        shown.value = Some(input.get(used..used + length)?.to_vec());
        input.get(used + length..used + length + 2)?;
        used += length + 2;
        flags = rest;
    }
    let opaque = take_flags(flags, &mut shown);
    Some((
        Raw::Meta {
            code,
            opaque,
            shown,
        },
        used,
    ))
}

fn take_flags(flags: &str, shown: &mut Shown) -> Option<u32> {
    let mut opaque = None;
    let mut is_read = false;
    for word in flags.split(' ').filter(|word| !word.is_empty()) {
        let (letter, rest) = word.split_at(1);
        match letter {
            "O" => opaque = rest.parse().ok(),
            "f" => shown.flags = rest.parse().ok(),
            "c" => shown.cas = rest.parse().ok(),
            "t" => {
                is_read = true;
                shown.life = Some(rest.parse().ok());
            }
            "X" => shown.stale = Some(true),
            _ => {}
        }
    }
    if is_read && shown.stale.is_none() {
        shown.stale = Some(false);
    }
    opaque
}

fn values(input: &[u8]) -> Option<(Raw, usize)> {
    let (mut values, mut at) = (BTreeMap::new(), 0);
    loop {
        let (line, used) = line_of(&input[at..])?;
        at += used;
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] != "VALUE" {
            let raw = match line {
                "END" => Raw::Values(values),
                other => Raw::Line(other.to_owned()),
            };
            return Some((raw, at));
        }
        // Every other key is the register, which is read alone.
        let key = match words[1].strip_prefix("key") {
            Some(number) => number.parse().ok()?,
            None => usize::MAX,
        };
        let length: usize = words[3].parse().ok()?;
        let shown = Shown {
            value: Some(input.get(at..at + length)?.to_vec()),
            flags: words[2].parse().ok(),
            cas: words.get(4).and_then(|word| word.parse().ok()),
            ..Shown::default()
        };
        at += length + 2;
        values.insert(key, shown);
    }
}

fn line_of(input: &[u8]) -> Option<(&str, usize)> {
    let at = input.windows(2).position(|window| window == b"\r\n")?;
    Some((std::str::from_utf8(&input[..at]).ok()?, at + 2))
}
