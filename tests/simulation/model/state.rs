//! What a key can hold, and how that looks to a client at a time.

use std::collections::BTreeSet;

use super::super::host::ZERO_UNIX_MS;
use super::super::world::{MS, SECOND};
use super::op::{Life, is_time_of_day};
use super::value::{Value, brief};

/// No session outlives its life, or dies before it, by more than this.
pub const LIFE_TOLERANCE: u64 = SECOND;

/// What a key holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    Absent,
    Item {
        value: Value,
        flags: u32,
        expires: Option<u64>,
        stale: bool,
    },
}

/// What a read showed of one key; the parts that it does not show are `None`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shown {
    pub value: Option<Vec<u8>>,
    pub flags: Option<u32>,
    pub cas: Option<u64>,
    /// Seconds; `Some(None)` never expires.
    pub life: Option<Option<u64>>,
    pub stale: Option<bool>,
}

impl State {
    pub fn item(value: Value, flags: u32, life: Life, at: u64) -> State {
        let expires = match life {
            0 => None,
            negative if negative < 0 => return State::Absent,
            unix_s if is_time_of_day(unix_s) => {
                let end = (unix_s as u64 * 1000 - ZERO_UNIX_MS) * MS;
                if end <= at {
                    return State::Absent;
                }
                Some(end)
            }
            seconds => Some(at + seconds as u64 * SECOND),
        };
        State::Item {
            value,
            flags,
            expires,
            stale: false,
        }
    }

    pub const fn is_present(&self) -> bool {
        matches!(self, State::Item { .. })
    }

    pub const fn expires(&self) -> Option<u64> {
        match self {
            State::Absent => None,
            State::Item { expires, .. } => *expires,
        }
    }

    /// Bytes of the value.
    pub fn value_len(&self) -> Option<usize> {
        match self {
            State::Absent => None,
            State::Item { value, .. } => Some(value.bytes().len()),
        }
    }

    /// Whether it is marked stale.
    pub const fn is_stale(&self) -> bool {
        matches!(self, State::Item { stale: true, .. })
    }

    /// The number that the value stands for.
    pub fn number(&self) -> Option<u64> {
        let State::Item { value, .. } = self else {
            return None;
        };
        std::str::from_utf8(value.bytes()).ok()?.parse().ok()
    }

    /// The same item with another value. A change takes the stale mark off.
    pub fn changed(&self, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Option<State> {
        let State::Item {
            value,
            flags,
            expires,
            ..
        } = self
        else {
            return None;
        };
        Some(State::Item {
            value: Value::of(&change(value.bytes())),
            flags: *flags,
            expires: *expires,
            stale: false,
        })
    }

    /// The same item with another life.
    pub fn living(&self, life: Life, at: u64) -> Option<State> {
        let State::Item {
            value,
            flags,
            stale,
            ..
        } = self
        else {
            return None;
        };
        let mut living = State::item(value.clone(), *flags, life, at);
        if let State::Item { stale: mark, .. } = &mut living {
            *mark = *stale;
        }
        Some(living)
    }

    pub fn marked_stale(&self) -> State {
        let mut marked = self.clone();
        match &mut marked {
            // A life that is over already.
            State::Absent => {}
            State::Item { stale, .. } => *stale = true,
        }
        marked
    }

    /// The same item without value and flags.
    pub fn emptied(&self) -> Option<State> {
        let mut emptied = self.changed(|_| Vec::new())?;
        if let State::Item { flags, .. } = &mut emptied {
            *flags = 0;
        }
        Some(emptied)
    }

    /// Whether a client that looked between two times can have seen this.
    pub fn shows(&self, shown: Option<&Shown>, from: u64, to: u64) -> bool {
        match (self, shown) {
            (State::Absent, None) => true,
            (
                State::Item {
                    value,
                    flags,
                    expires,
                    stale,
                },
                Some(shown),
            ) => {
                shown
                    .value
                    .as_ref()
                    .is_none_or(|seen| *value.bytes() == seen[..])
                    && shown.flags.is_none_or(|seen| *flags == seen)
                    && shown.stale.is_none_or(|seen| *stale == seen)
                    && shown
                        .life
                        .is_none_or(|seen| lives(*expires, seen, from, to))
            }
            _ => false,
        }
    }
}

/// Whether an item with this end can show so many seconds of life between two times.
fn lives(expires: Option<u64>, seconds: Option<u64>, from: u64, to: u64) -> bool {
    match (expires, seconds) {
        (None, None) => true,
        (Some(end), Some(seconds)) => {
            let most = end.saturating_sub(from) + LIFE_TOLERANCE;
            let least = end.saturating_sub(to + LIFE_TOLERANCE);
            // Whole seconds are rounded to the nearest.
            (seconds * SECOND).saturating_sub(SECOND / 2) <= most
                && seconds * SECOND + SECOND / 2 >= least
        }
        _ => false,
    }
}

/// The states as they look between two times: what expires may be gone, or must be.
pub fn possible(states: &BTreeSet<State>, evicts: bool, from: u64, to: u64) -> BTreeSet<State> {
    let mut seen = BTreeSet::new();
    for state in states {
        let expires = state.expires();
        if expires.is_none_or(|at| at + LIFE_TOLERANCE >= from) {
            seen.insert(state.clone());
        }
        if evicts || expires.is_some_and(|at| at < to + LIFE_TOLERANCE) {
            seen.insert(State::Absent);
        }
    }
    seen
}

/// States for people.
pub fn describe(states: &BTreeSet<State>) -> String {
    let one = |state: &State| match state {
        State::Absent => "absent".to_owned(),
        State::Item {
            value,
            expires,
            stale,
            ..
        } => {
            let end = expires.map_or(String::new(), |at| {
                let (seconds, millis) = (at / SECOND, at % SECOND / 1_000_000);
                format!(" until {seconds}.{millis:03}")
            });
            let mark = if *stale { " (stale)" } else { "" };
            format!("{}{end}{mark}", brief(value.bytes()))
        }
    };
    states.iter().map(one).collect::<Vec<_>>().join(" | ")
}
