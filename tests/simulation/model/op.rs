//! What a mutation makes of a key, as memcached's protocol says.

use super::state::State;
use super::value::{Value, brief};

/// Seconds to live as a client writes them: 0 forever, negative at once, more than thirty days a
/// time of day.
pub type Life = i64;

/// Whether a life is a time of day, in seconds of Unix time.
pub const fn is_time_of_day(life: Life) -> bool {
    life > 30 * 24 * 3600
}

/// When a store takes place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Set,
    Add,
    Replace,
    Append,
    Prepend,
}

/// A cas unique that a client has read, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    pub unique: u64,
    /// Mutations attempted when the read was answered: the item is none of a later one.
    pub upto: usize,
    /// Nothing was in doubt then: the item is that of the last mutation that changed something.
    pub certain: bool,
}

/// A mutation of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    Store {
        mode: Mode,
        value: Value,
        flags: u32,
        life: Life,
        /// Only if the item has this cas unique.
        token: Option<Token>,
        /// Append and prepend create an absent key with this life.
        vivify: Option<Life>,
    },
    Count {
        down: bool,
        by: u64,
        /// An absent key is created with this number and life.
        initial: Option<(u64, Life)>,
        /// A new life for a present one.
        life: Option<Life>,
    },
    /// touch, gat, and what else only changes the life.
    Touch(Life),
    /// A read that creates an absent key, empty, with this life.
    Vivify(Life),
    Delete {
        token: Option<Token>,
    },
    /// A delete that keeps the item and marks it stale, perhaps with a new life.
    Invalidate(Option<Life>),
    /// A delete that keeps the item without its value.
    DropValue,
    Flush,
}

impl Op {
    pub const fn token(&self) -> Option<Token> {
        match self {
            Op::Store { token, .. } | Op::Delete { token } => *token,
            _ => None,
        }
    }

    /// The life that an item gets by it, if it does.
    pub const fn life(&self) -> Option<Life> {
        match self {
            Op::Store { life, .. } | Op::Touch(life) | Op::Vivify(life) => Some(*life),
            Op::Count { life, .. } | Op::Invalidate(life) => *life,
            Op::Delete { .. } | Op::DropValue | Op::Flush => None,
        }
    }

    /// One of the deletes: where it finds nothing, it still removes the key from the other host.
    pub const fn is_delete(&self) -> bool {
        matches!(self, Op::Delete { .. } | Op::Invalidate(_) | Op::DropValue)
    }

    /// What it leaves does not depend on what was there.
    pub const fn is_absolute(&self) -> bool {
        matches!(
            self,
            Op::Store {
                mode: Mode::Set,
                token: None,
                ..
            } | Op::Delete { token: None }
        )
    }
}

/// The state after the mutation, executed at `at`; `None`, if it changes nothing.
pub fn effect(op: &Op, state: &State, at: u64) -> Option<State> {
    match op {
        Op::Store { token: Some(_), .. } if !state.is_present() => None,
        Op::Store {
            mode,
            value,
            flags,
            life,
            vivify,
            ..
        } => match mode {
            Mode::Set => Some(State::item(value.clone(), *flags, *life, at)),
            Mode::Add => (!state.is_present() || state.expires().is_some())
                .then(|| State::item(value.clone(), *flags, *life, at)),
            Mode::Replace => state
                .is_present()
                .then(|| State::item(value.clone(), *flags, *life, at)),
            Mode::Append | Mode::Prepend => match vivify {
                Some(life) if !state.is_present() => {
                    Some(State::item(value.clone(), *flags, *life, at))
                }
                _ => extended(state, *mode, value),
            },
        },
        Op::Count {
            down,
            by,
            initial,
            life,
        } => counted(state, *down, *by, at, (*initial, *life)),
        Op::Touch(life) => state.living(*life, at),
        Op::Vivify(life) => (!state.is_present() || state.expires().is_some())
            .then(|| State::item(Value::of(b""), 0, *life, at)),
        Op::Delete { .. } | Op::Flush => Some(State::Absent),
        Op::Invalidate(life) => {
            let aged = match life {
                Some(life) => state.living(*life, at)?,
                None => state.changed(<[u8]>::to_vec)?,
            };
            Some(aged.marked_stale())
        }
        Op::DropValue => state.emptied(),
    }
}

fn extended(state: &State, mode: Mode, more: &Value) -> Option<State> {
    state.changed(|value| match mode {
        Mode::Prepend => [more.bytes(), value].concat(),
        _ => [value, more.bytes()].concat(),
    })
}

fn counted(
    state: &State,
    down: bool,
    by: u64,
    at: u64,
    (initial, life): (Option<(u64, Life)>, Option<Life>),
) -> Option<State> {
    if !state.is_present() {
        let (number, life) = initial?;
        let digits = Value::of(number.to_string().as_bytes());
        return Some(State::item(digits, 0, life, at));
    }
    let number = next_number(state, down, by)?.to_string();
    // Written over the old number where it fits, and the stale mark stays.
    let fits = state.value_len().is_some_and(|len| number.len() <= len);
    let mut counted = state.changed(|_| number.into_bytes())?;
    if fits && state.is_stale() {
        counted = counted.marked_stale();
    }
    match life {
        Some(life) => counted.living(life, at),
        None => Some(counted),
    }
}

/// The number that incr or decr makes of what is there.
pub fn next_number(state: &State, down: bool, by: u64) -> Option<u64> {
    let number = state.number()?;
    Some(match down {
        true => number.saturating_sub(by),
        false => number.wrapping_add(by),
    })
}

impl std::fmt::Display for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Op::Store {
                mode,
                value,
                life,
                token,
                ..
            } => {
                let cas = if token.is_some() { " (cas)" } else { "" };
                write!(f, "{mode:?}{cas} {} for {life}", brief(value.bytes()))
            }
            Op::Count { down, by, .. } => write!(f, "{} {by}", if *down { "decr" } else { "incr" }),
            Op::Touch(life) => write!(f, "touch for {life}"),
            Op::Vivify(life) => write!(f, "vivify for {life}"),
            Op::Delete { token } => f.write_str(if token.is_some() {
                "delete (cas)"
            } else {
                "delete"
            }),
            Op::Invalidate(life) => write!(f, "invalidate {life:?}"),
            Op::DropValue => f.write_str("drop the value"),
            Op::Flush => f.write_str("flush_all"),
        }
    }
}
