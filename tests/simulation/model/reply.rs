//! Which answers a mutation can have, and what each says about the key.

use super::super::world::SECOND;
use super::op::{Mode, Op, effect, next_number};
use super::state::{Shown, State};

/// What the server said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    Stored,
    NotStored,
    Exists,
    NotFound,
    Deleted,
    Touched,
    Ok,
    Number(u64),
    NonNumeric,
    /// What a read that changes something showed.
    Seen(Option<Shown>),
    Error(String),
}

impl Reply {
    /// It says that nothing was changed. A delete that finds nothing still removes the key where
    /// it was evicted here and not on the peer.
    pub fn is_void(&self, op: &Op) -> bool {
        match self {
            Reply::NotStored | Reply::Exists | Reply::NonNumeric => true,
            Reply::NotFound => !op.is_delete(),
            Reply::Seen(None) => matches!(op, Op::Touch(_)),
            _ => false,
        }
    }

    /// It may be that of a read, which does not wait for the peer: what came before it need not be
    /// there yet.
    pub fn is_read(&self, op: &Op) -> bool {
        match self {
            Reply::Seen(None) => true,
            Reply::Seen(Some(_)) => matches!(op, Op::Vivify(_)),
            _ => false,
        }
    }
}

/// The states that an answered mutation leaves; none, if that answer cannot come from this state.
/// It was asked for at `at` and answered at `now`.
pub fn answer(op: &Op, state: &State, reply: &Reply, (at, now): (u64, u64)) -> Vec<State> {
    let present = state.is_present();
    let unchanged = || vec![state.clone()];
    let done = || {
        // A life may have begun at any time between the request and its answer.
        let mut states: Vec<State> = effect(op, state, at).into_iter().collect();
        if now > at + SECOND / 4 {
            states.extend(effect(op, state, now));
        }
        states
    };
    let created = |vivify: &Option<i64>| present || vivify.is_some();
    match (op, reply) {
        (_, Reply::Error(_)) => vec![state.clone(), State::Absent],
        (Op::Store { token: Some(_), .. } | Op::Delete { token: Some(_) }, reply) => match reply {
            Reply::Stored | Reply::Deleted if present => done(),
            Reply::Exists if present => unchanged(),
            Reply::NotFound if !present => unchanged(),
            _ => Vec::new(),
        },
        (Op::Store { mode, vivify, .. }, reply) => match (mode, reply) {
            (Mode::Set, Reply::Stored) => done(),
            (Mode::Add, Reply::Stored) if !present => done(),
            (Mode::Add, Reply::NotStored) if present => unchanged(),
            (Mode::Replace, Reply::Stored) if present => done(),
            (Mode::Replace, Reply::NotStored) if !present => unchanged(),
            (Mode::Append | Mode::Prepend, Reply::Stored) if created(vivify) => done(),
            (Mode::Append | Mode::Prepend, Reply::NotStored) if !created(vivify) => unchanged(),
            _ => Vec::new(),
        },
        (Op::Count { initial, .. }, Reply::NotFound) if !present && initial.is_none() => {
            unchanged()
        }
        (Op::Count { .. }, Reply::NonNumeric) if present && state.number().is_none() => unchanged(),
        (
            Op::Count {
                down, by, initial, ..
            },
            Reply::Number(number),
        ) => {
            let created = initial.filter(|_| !present).map(|(number, _)| number);
            if next_number(state, *down, *by).or(created) == Some(*number) {
                done()
            } else {
                Vec::new()
            }
        }
        (Op::Touch(_), Reply::Touched) if present => done(),
        (Op::Touch(_), Reply::NotFound | Reply::Seen(None)) if !present => unchanged(),
        (Op::Touch(_), Reply::Seen(Some(shown))) if present => {
            // The life shown is the new one; the rest is as it was.
            let rest = Shown {
                life: None,
                ..shown.clone()
            };
            if state.shows(Some(&rest), at, now) {
                done()
            } else {
                Vec::new()
            }
        }
        (Op::Vivify(_), Reply::Seen(Some(shown))) => {
            if !present && shown.value.as_ref().is_none_or(Vec::is_empty) {
                done()
            } else if state.shows(Some(shown), at, now) {
                unchanged()
            } else {
                Vec::new()
            }
        }
        (Op::Delete { .. } | Op::Invalidate(_) | Op::DropValue, Reply::Deleted) if present => {
            done()
        }
        (Op::Delete { .. } | Op::Invalidate(_) | Op::DropValue, Reply::NotFound) if !present => {
            unchanged()
        }
        (Op::Flush, Reply::Ok) => vec![State::Absent],
        _ => Vec::new(),
    }
}
