//! What a memcached could answer.
//!
//! Every key has one writing client, so its mutations have an order: that of their issue. The model
//! keeps them all, and for each process the *base*: the mutation up to which that process certainly
//! has the key, and the states the key can have been in then. A reply raises the base of the
//! process that answered, and of its peer if replies waited for the peer. Later mutations may have
//! happened or not. When one host has acknowledged everything of the other, its base rises too.

use std::collections::{BTreeMap, BTreeSet};

use super::world::SECOND;

/// No session outlives its life, or dies before it, by more than this.
const LIFE_TOLERANCE: u64 = SECOND;
/// More states than this are not told apart.
const STATES_MAX: usize = 96;

/// What a key holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    Absent,
    Item {
        value: Vec<u8>,
        flags: u32,
        expires: Option<u64>,
    },
}

/// A mutation of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    Set {
        value: Vec<u8>,
        flags: u32,
        life: Life,
    },
    Add {
        value: Vec<u8>,
        flags: u32,
        life: Life,
    },
    Replace {
        value: Vec<u8>,
        flags: u32,
        life: Life,
    },
    Cas {
        value: Vec<u8>,
        flags: u32,
        life: Life,
    },
    Append(Vec<u8>),
    Prepend(Vec<u8>),
    Incr(u64),
    Decr(u64),
    Touch(Life),
    Delete,
    Flush,
}

/// Seconds to live as a client writes them: 0 forever, negative at once.
pub type Life = i64;

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
    Error(String),
}

/// What a read showed of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    pub value: Vec<u8>,
    pub flags: u32,
}

#[derive(Clone, Debug)]
struct Attempt {
    op: Op,
    at: u64,
    /// It is known to have changed nothing.
    void: bool,
}

/// What a process certainly has.
#[derive(Clone, Debug)]
pub struct Base {
    index: usize,
    states: BTreeSet<State>,
    /// The last base that both processes had.
    common: (usize, BTreeSet<State>),
    /// Too many possibilities: anything attempted goes.
    wild: bool,
}

#[derive(Default, Debug)]
struct Key {
    attempts: Vec<Attempt>,
    bases: BTreeMap<u64, Base>,
    unresolved: usize,
}

/// Identifies a mutation: its key and its place.
pub type Attempted = (usize, usize);

/// The model.
pub struct Model {
    keys: Vec<Key>,
    boots: Vec<u64>,
    /// Items may vanish: memory is tight.
    evicts: bool,
    /// The clocks differ, so that a later change may have the older version where the hosts could
    /// not tell each other the time.
    pub skewed: bool,
    /// Flushes under way.
    flushing: usize,
}

/// A read under way: what was certain when it was issued.
#[derive(Clone, Debug)]
pub struct Pending {
    pub key: usize,
    bases: BTreeMap<u64, Base>,
    at: u64,
}

/// A flush under way: the place of it in each key's attempts, and whether something else was
/// under way then.
#[derive(Clone, Debug)]
pub struct Flushing(Vec<(usize, bool)>);

impl Base {
    fn empty() -> Base {
        Base {
            index: 0,
            states: BTreeSet::from([State::Absent]),
            common: (0, BTreeSet::from([State::Absent])),
            wild: false,
        }
    }
}

impl Model {
    pub fn new(evicts: bool, skewed: bool) -> Model {
        Model {
            keys: Vec::new(),
            boots: Vec::new(),
            evicts,
            skewed,
            flushing: 0,
        }
    }

    /// A new key. Returns its number.
    pub fn add_key(&mut self) -> usize {
        let bases = self
            .boots
            .iter()
            .map(|boot| (*boot, Base::empty()))
            .collect();
        self.keys.push(Key {
            bases,
            ..Key::default()
        });
        self.keys.len() - 1
    }

    pub const fn keys(&self) -> usize {
        self.keys.len()
    }

    /// A new process, with nothing.
    pub fn boot(&mut self, boot: u64) {
        self.boots.push(boot);
        for key in &mut self.keys {
            key.bases.insert(boot, Base::empty());
        }
    }

    /// A process is gone.
    pub fn died(&mut self, boot: u64) {
        self.boots.retain(|live| *live != boot);
    }

    /// A client sends a mutation.
    pub fn attempt(&mut self, key: usize, op: Op, at: u64) -> Attempted {
        let log = &mut self.keys[key];
        log.attempts.push(Attempt {
            op,
            at,
            void: false,
        });
        log.unresolved += 1;
        (key, log.attempts.len() - 1)
    }

    /// The connection ended before the answer came, or none will come.
    pub fn lost(&mut self, (key, _): Attempted) {
        self.keys[key].unresolved -= 1;
    }

    /// The answer came from the processes that have the mutation: the first executed it.
    pub fn answered(
        &mut self,
        (key, index): Attempted,
        copies: &[u64],
        reply: &Reply,
        now: u64,
    ) -> Result<(), String> {
        let evicts = self.evicts;
        let log = &mut self.keys[key];
        log.unresolved -= 1;
        let op = log.attempts[index].op.clone();
        let at = log.attempts[index].at;
        let base = log
            .bases
            .get(&copies[0])
            .cloned()
            .unwrap_or_else(Base::empty);
        if base.index > index {
            return Ok(());
        }
        let mut before = log.fold(&base, index, evicts);
        // A flush of another client may have come before it, or come yet.
        if self.flushing > 0
            || log.attempts[index..]
                .iter()
                .any(|attempt| attempt.op == Op::Flush)
        {
            before.states.insert(State::Absent);
        }
        let mut after = BTreeSet::new();
        for state in possible(&before.states, evicts, at, now) {
            after.extend(answer(&op, &state, reply, at, now));
        }
        if after.is_empty() && !before.wild {
            return Err(format!(
                "key {key}: {op} was answered {reply:?}, but the key could only be {}",
                describe(&before.states)
            ));
        }
        if after.is_empty() {
            after.insert(State::Absent);
        }
        let no_effect = matches!(reply, Reply::NotStored | Reply::Exists)
            || *reply == Reply::NotFound && op != Op::Delete;
        log.attempts[index].void = no_effect;
        // A plain set or delete makes even a wild key known.
        let known = matches!(
            (&op, reply),
            (Op::Set { .. }, Reply::Stored) | (Op::Delete, _)
        );
        let base = Base {
            index: index + 1,
            wild: before.wild && !known,
            common: (index + 1, after.clone()),
            states: after,
        };
        let alone = copies.len() == 1;
        for boot in copies {
            let present = log.bases.entry(*boot).or_insert_with(Base::empty);
            if present.index <= base.index {
                let before = present.common.clone();
                *present = base.clone();
                if alone {
                    present.common = before;
                }
            }
        }
        Ok(())
    }

    /// `to` has everything that `from` has. Where both changed a key apart, the newer version wins:
    /// the later change, if the clocks agree.
    pub fn copied(&mut self, from: u64, to: u64) {
        for key in &mut self.keys {
            let Some(base) = key.bases.get(&from).cloned() else {
                continue;
            };
            let present = key.bases.entry(to).or_insert_with(Base::empty);
            let apart = present.index > present.common.0 || base.index > base.common.0;
            if self.skewed && apart {
                (present.index, present.states) = present.common.clone();
                continue;
            }
            if base.index > present.index {
                *present = base.clone();
            }
            if present.index == base.index {
                let common = (base.index, base.states.clone());
                present.common = common.clone();
                key.bases
                    .entry(from)
                    .and_modify(|base| base.common = common);
            }
        }
    }

    /// The hosts meet again. Where their clocks differ, whatever either did apart may win.
    pub fn meet(&mut self) {
        for base in self
            .keys
            .iter_mut()
            .flat_map(|key| key.bases.values_mut())
            .filter(|_| self.skewed)
        {
            (base.index, base.states) = base.common.clone();
        }
    }

    /// A client sends `flush_all`.
    pub fn flush(&mut self, at: u64) -> Flushing {
        self.flushing += 1;
        Flushing(
            self.keys
                .iter_mut()
                .map(|key| {
                    let busy = key.unresolved > 0;
                    key.attempts.push(Attempt {
                        op: Op::Flush,
                        at,
                        void: false,
                    });
                    (key.attempts.len() - 1, busy)
                })
                .collect(),
        )
    }

    /// It is done, by the processes in `copies`, or (without any) perhaps.
    pub fn flushed(&mut self, flushing: &Flushing, copies: &[u64], now: u64) {
        self.flushing -= 1;
        for (key, (index, busy)) in self.keys.iter_mut().zip(&flushing.0) {
            let here = copies
                .first()
                .and_then(|boot| key.bases.get(boot))
                .map_or(0, |base| base.index);
            let elsewhere = self.boots.iter().filter_map(|boot| key.bases.get(boot));
            let ahead = elsewhere.clone().any(|base| base.index > here);
            let alone = !busy && key.attempts.len() == index + 1 && !ahead;
            if !alone || copies.is_empty() {
                // Something else was under way: it may have been before or after.
                key.attempts.push(Attempt {
                    op: Op::Flush,
                    at: now,
                    void: false,
                });
                continue;
            }
            for boot in copies {
                let present = key.bases.entry(*boot).or_insert_with(Base::empty);
                present.index = index + 1;
                present.states = BTreeSet::from([State::Absent]);
                present.wild = false;
                if copies.len() > 1 {
                    present.common = (present.index, present.states.clone());
                }
            }
        }
    }

    /// A client sends a read of this key.
    pub fn read(&self, key: usize, at: u64) -> Pending {
        Pending {
            key,
            bases: self.keys[key].bases.clone(),
            at,
        }
    }

    /// Its answer came.
    pub fn shown(
        &self,
        read: &Pending,
        boot: u64,
        shown: Option<&Shown>,
        now: u64,
    ) -> Result<(), String> {
        let base = read.bases.get(&boot).cloned().unwrap_or_else(Base::empty);
        let log = &self.keys[read.key];
        let mut states = log.fold(&base, log.attempts.len(), self.evicts);
        if self.flushing > 0 {
            states.states.insert(State::Absent);
        }
        if states.wild && shown.is_none_or(|shown| shown.value.is_empty() || log.ever(&shown.value))
        {
            return Ok(());
        }
        let possible = possible(&states.states, self.evicts, read.at, now);
        let fits = |state: &State| match (state, shown) {
            (State::Absent, None) => true,
            (State::Item { value, flags, .. }, Some(shown)) => {
                *value == shown.value && *flags == shown.flags
            }
            _ => false,
        };
        if possible.iter().any(fits) {
            return Ok(());
        }
        let shown = shown.map(|shown| {
            String::from_utf8_lossy(&shown.value[..shown.value.len().min(60)]).into_owned()
        });
        Err(format!(
            "key {}: process {boot} showed {shown:?}, possible after mutation {} of {} were only {}",
            read.key,
            base.index,
            log.attempts.len(),
            describe(&possible),
        ))
    }
}

impl Key {
    /// The states that are possible when the mutations from the base up to `end` may have happened.
    fn fold(&self, base: &Base, end: usize, evicts: bool) -> Base {
        let mut all = base.clone();
        if evicts {
            all.states.insert(State::Absent);
        }
        let pending = self.attempts.iter().take(end).skip(base.index);
        if pending.clone().any(|attempt| attempt.op == Op::Flush) {
            // It may have come between any two of the others.
            all.states.insert(State::Absent);
        }
        for attempt in pending.filter(|attempt| !attempt.void) {
            let mut more = BTreeSet::new();
            for state in &all.states {
                more.extend(effect(&attempt.op, state, attempt.at));
            }
            all.states.extend(more);
            if all.states.len() > STATES_MAX {
                all.wild = true;
                break;
            }
        }
        all
    }

    /// Whether some attempt stored a value that this one begins or ends with.
    fn ever(&self, shown: &[u8]) -> bool {
        self.attempts.iter().any(|attempt| match &attempt.op {
            Op::Set { value, .. }
            | Op::Add { value, .. }
            | Op::Replace { value, .. }
            | Op::Cas { value, .. } => {
                shown.windows(value.len()).any(|window| window == value)
                    || value.iter().all(u8::is_ascii_digit)
            }
            _ => false,
        })
    }
}

/// The states as they look between two times: what expires may be gone, or must be.
fn possible(states: &BTreeSet<State>, evicts: bool, from: u64, to: u64) -> BTreeSet<State> {
    let mut seen = BTreeSet::new();
    for state in states {
        let expires = match state {
            State::Absent => None,
            State::Item { expires, .. } => *expires,
        };
        let gone = expires.is_some_and(|at| at + LIFE_TOLERANCE < from);
        if !gone {
            seen.insert(state.clone());
        }
        if evicts || expires.is_some_and(|at| at < to + LIFE_TOLERANCE) {
            seen.insert(State::Absent);
        }
    }
    seen
}

fn item(value: &[u8], flags: u32, life: Life, at: u64) -> State {
    match life {
        0 => State::Item {
            value: value.to_vec(),
            flags,
            expires: None,
        },
        negative if negative < 0 => State::Absent,
        seconds => State::Item {
            value: value.to_vec(),
            flags,
            expires: Some(at + seconds as u64 * SECOND),
        },
    }
}

/// What the mutation makes of a state, if anything.
fn effect(op: &Op, state: &State, at: u64) -> Option<State> {
    let present = matches!(state, State::Item { .. });
    match op {
        Op::Set { value, flags, life } => Some(item(value, *flags, *life, at)),
        Op::Add { value, flags, life } => {
            (!present || expires(state)).then(|| item(value, *flags, *life, at))
        }
        Op::Replace { value, flags, life } | Op::Cas { value, flags, life } => {
            present.then(|| item(value, *flags, *life, at))
        }
        Op::Append(more) => changed(state, |value| value.extend(more)),
        Op::Prepend(more) => changed(state, |value| {
            drop(value.splice(0..0, more.iter().copied()))
        }),
        Op::Incr(by) => counted(state, |number| number.wrapping_add(*by)),
        Op::Decr(by) => counted(state, |number| number.saturating_sub(*by)),
        Op::Touch(life) => match state {
            State::Item { value, flags, .. } => Some(item(value, *flags, *life, at)),
            State::Absent => None,
        },
        Op::Delete | Op::Flush => Some(State::Absent),
    }
}

const fn expires(state: &State) -> bool {
    matches!(
        state,
        State::Item {
            expires: Some(_),
            ..
        }
    )
}

fn changed(state: &State, change: impl FnOnce(&mut Vec<u8>)) -> Option<State> {
    let State::Item {
        value,
        flags,
        expires,
    } = state
    else {
        return None;
    };
    let mut value = value.clone();
    change(&mut value);
    Some(State::Item {
        value,
        flags: *flags,
        expires: *expires,
    })
}

fn counted(state: &State, count: impl FnOnce(u64) -> u64) -> Option<State> {
    changed(state, |value| {
        let number = std::str::from_utf8(value)
            .ok()
            .and_then(|digits| digits.parse().ok());
        *value = count(number.unwrap_or(0)).to_string().into_bytes();
    })
}

/// The state after an answered mutation; nothing, if that answer cannot come from this state.
fn answer(op: &Op, state: &State, reply: &Reply, at: u64, now: u64) -> Vec<State> {
    let present = matches!(state, State::Item { .. });
    let unchanged = || vec![state.clone()];
    let done = || {
        // A life may have begun at any time between the request and its answer.
        let mut states: Vec<State> = effect(op, state, at).into_iter().collect();
        if now > at + SECOND / 4 {
            states.extend(effect(op, state, now));
        }
        states
    };
    match (op, reply) {
        (_, Reply::Error(_)) => vec![state.clone(), State::Absent],
        (Op::Set { .. }, Reply::Stored) => done(),
        (Op::Add { .. }, Reply::Stored) if !present => done(),
        (Op::Add { .. }, Reply::NotStored) if present => unchanged(),
        (Op::Replace { .. } | Op::Append(_) | Op::Prepend(_), Reply::Stored) if present => done(),
        (Op::Replace { .. } | Op::Append(_) | Op::Prepend(_), Reply::NotStored) if !present => {
            unchanged()
        }
        (Op::Cas { .. }, Reply::Stored) if present => done(),
        (Op::Cas { .. }, Reply::Exists) if present => unchanged(),
        (Op::Cas { .. } | Op::Touch(_) | Op::Incr(_) | Op::Decr(_), Reply::NotFound)
            if !present =>
        {
            unchanged()
        }
        (Op::Touch(_), Reply::Touched) if present => done(),
        (Op::Incr(_) | Op::Decr(_), Reply::Number(number)) if present => {
            let expected = number.to_string().into_bytes();
            let same =
                |state: &State| matches!(state, State::Item { value, .. } if *value == expected);
            effect(op, state, at).into_iter().filter(same).collect()
        }
        (Op::Delete, Reply::Deleted) if present => vec![State::Absent],
        (Op::Delete, Reply::NotFound) if !present => unchanged(),
        (Op::Flush, Reply::Ok) => vec![State::Absent],
        _ => Vec::new(),
    }
}

/// A value for people.
pub fn brief(value: &[u8]) -> String {
    String::from_utf8_lossy(&value[..value.len().min(40)]).into_owned()
}

impl std::fmt::Display for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Op::Set { value, life, .. } => write!(f, "set {} for {life}", brief(value)),
            Op::Add { value, life, .. } => write!(f, "add {} for {life}", brief(value)),
            Op::Replace { value, life, .. } => write!(f, "replace {} for {life}", brief(value)),
            Op::Cas { value, life, .. } => write!(f, "cas {} for {life}", brief(value)),
            Op::Append(value) => write!(f, "append {}", brief(value)),
            Op::Prepend(value) => write!(f, "prepend {}", brief(value)),
            Op::Incr(by) => write!(f, "incr {by}"),
            Op::Decr(by) => write!(f, "decr {by}"),
            Op::Touch(life) => write!(f, "touch {life}"),
            Op::Delete => f.write_str("delete"),
            Op::Flush => f.write_str("flush_all"),
        }
    }
}

fn describe(states: &BTreeSet<State>) -> String {
    let one = |state: &State| match state {
        State::Absent => "absent".to_owned(),
        State::Item { value, expires, .. } => {
            let text = brief(value);
            expires.map_or(text.clone(), |at| {
                format!(
                    "{text} until {}.{:03}",
                    at / SECOND,
                    at % SECOND / 1_000_000
                )
            })
        }
    };
    states.iter().map(one).collect::<Vec<_>>().join(" | ")
}
