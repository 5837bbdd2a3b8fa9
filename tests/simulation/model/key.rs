//! One key: the mutations that its client sent, in order, and what each process certainly has.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use memchr::memmem;

use super::op::{Op, effect};
use super::state::{State, possible};

/// More states than this are not told apart.
const STATES_MAX: usize = 96;
/// What older processes had is of no interest: none of their answers is still under way.
const BOOTS_KEPT: usize = 8;

/// A mutation that a client has sent.
pub struct Attempt {
    pub op: Op,
    pub at: u64,
    /// When it was executed at the latest; not known while its answer has not come.
    pub until: u64,
    /// It is known to have changed nothing.
    pub void: bool,
}

/// What a process certainly has: the first `index` mutations, and one of these states.
#[derive(Clone, Debug)]
pub struct Base {
    pub index: usize,
    pub states: Rc<BTreeSet<State>>,
    /// The last base that both processes had.
    pub common: (usize, Rc<BTreeSet<State>>),
    /// Too many possibilities: anything attempted goes.
    pub wild: bool,
    /// The item's cas unique is that of a mutation at or above this one.
    pub unique_from: usize,
}

/// A key.
#[derive(Default)]
pub struct Key {
    pub attempts: Vec<Attempt>,
    pub bases: BTreeMap<u64, Rc<Base>>,
    pub unresolved: usize,
}

impl Base {
    pub fn empty() -> Rc<Base> {
        let absent = Rc::new(BTreeSet::from([State::Absent]));
        Rc::new(Base {
            index: 0,
            states: absent.clone(),
            common: (0, absent),
            wild: false,
            unique_from: 0,
        })
    }

    /// Falls back to what both processes had.
    pub fn to_common(&self) -> Rc<Base> {
        Rc::new(Base {
            index: self.common.0,
            states: self.common.1.clone(),
            unique_from: self.unique_from.min(self.common.0),
            ..self.clone()
        })
    }
}

/// States that mutations after a base may have left, and whether there are too many to tell.
pub struct Folded {
    pub states: BTreeSet<State>,
    pub wild: bool,
}

/// At which time it is looked, and what else has to be known for that.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub now: u64,
    /// The item may be gone at any time.
    pub vanishes: bool,
    /// When frozen processes woke: they execute then what waited for them.
    pub wakes: &'a [u64],
}

impl Key {
    pub fn base(&self, boot: u64) -> Rc<Base> {
        self.bases.get(&boot).cloned().unwrap_or_else(Base::empty)
    }

    /// A new process, with nothing.
    pub fn boot(&mut self, boot: u64) {
        self.bases.insert(boot, Base::empty());
        while self.bases.len() > BOOTS_KEPT {
            self.bases.pop_first();
        }
    }

    /// The states that are possible when the mutations from the base up to `end` may have happened.
    pub fn fold(&self, base: &Base, end: usize, look: Look<'_>) -> Folded {
        let Look { now, vanishes, .. } = look;
        let mut all = Folded {
            states: (*base.states).clone(),
            wild: base.wild,
        };
        if vanishes {
            all.states.insert(State::Absent);
        }
        let from = base.index.min(end);
        let pending = &self.attempts[from..end];
        if pending.iter().any(|attempt| attempt.op == Op::Flush) {
            // It may have come between any two of the others.
            all.states.insert(State::Absent);
        }
        for attempt in pending.iter().filter(|attempt| !attempt.void) {
            let until = attempt.until.min(now);
            let mut more = BTreeSet::new();
            if attempt.op.is_delete() {
                // The host that executed it may have had nothing.
                more.insert(State::Absent);
            }
            for state in possible(&all.states, vanishes, attempt.at, until) {
                more.extend(effect(&attempt.op, &state, attempt.at));
                // A frozen process executes it when it wakes: a life begins then.
                let woken = look.wakes.iter().copied();
                let woken = woken.filter(|at| (attempt.at..until).contains(at));
                let later = (until > attempt.at).then_some(until);
                for at in woken.chain(later) {
                    more.extend(effect(&attempt.op, &state, at));
                }
            }
            all.states.extend(more);
            if all.states.len() > STATES_MAX {
                all.wild = true;
                break;
            }
        }
        all
    }

    /// As [`Key::fold`], also from what another process has that is newer: it may have come over.
    /// What was done there since the two were apart was done to another value, so it cannot be
    /// told from this process's base.
    pub fn fold_newest(
        &self,
        base: &Base,
        at_issue: Option<&BTreeMap<u64, Rc<Base>>>,
        end: usize,
        look: Look<'_>,
    ) -> Folded {
        let mut all = self.fold(base, end, look);
        let others = self
            .bases
            .values()
            .chain(at_issue.into_iter().flat_map(BTreeMap::values));
        let mut folded_already: Vec<&Rc<Base>> = Vec::new();
        for other in others.filter(|other| other.index > base.index && other.index <= end) {
            if folded_already.iter().any(|known| Rc::ptr_eq(known, other)) {
                continue;
            }
            folded_already.push(other);
            let folded = self.fold(other, end, look);
            all.states.extend(folded.states);
            all.wild |= folded.wild;
        }
        all
    }

    /// What may have come over from a process that lacks something of this one's base, if it was
    /// that one which executed the mutations after the base: they met what it had. Costly.
    pub fn fold_elsewhere(&self, base: &Base, end: usize, look: Look<'_>) -> BTreeSet<State> {
        let mut states = BTreeSet::new();
        let others = self.bases.values();
        for other in others.filter(|other| end > base.index && other.index <= base.index) {
            let before = self.fold(other, base.index, look);
            if before.wild {
                continue;
            }
            let there = Base {
                index: base.index,
                states: Rc::new(before.states),
                ..(**other).clone()
            };
            let after = self.fold(&there, end, look).states;
            states.extend(after.difference(&there.states).cloned());
        }
        states
    }

    /// The last mutation before `end` that may have changed the item's cas unique, counted from 1.
    pub fn last_change(&self, end: usize) -> usize {
        let changes = |attempt: &Attempt| !attempt.void && !matches!(attempt.op, Op::Touch(_));
        self.attempts[..end]
            .iter()
            .rposition(changes)
            .map_or(0, |at| at + 1)
    }

    /// Whether some attempt stored a value that this one contains.
    pub fn ever(&self, shown: &[u8]) -> bool {
        // The newest first: it is nearly always one of those.
        self.attempts.iter().rev().any(|attempt| match &attempt.op {
            Op::Store { value, .. } => {
                let value = value.bytes();
                (!value.is_empty() && memmem::find(shown, value).is_some())
                    || value.iter().all(u8::is_ascii_digit)
            }
            Op::Count { .. } => shown.iter().all(u8::is_ascii_digit),
            _ => false,
        })
    }
}
