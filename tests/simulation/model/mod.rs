//! What a memcached could answer.
//!
//! Every key has one writing client, so its mutations have an order: that of their issue. The model
//! keeps them all, and for each process the *base*: the mutation up to which that process certainly
//! has the key, and the states the key can have been in then. A reply raises the base of the
//! process that answered, and of its peer if replies waited for the peer. Later mutations may have
//! happened or not. When one host has acknowledged everything of the other, its base rises too.

mod flushes;
mod key;
mod op;
mod reply;
mod state;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use self::flushes::LooseFlushes;
use self::key::{Attempt, Base, Key};
pub use self::op::{Life, Mode, Op, Token};
pub use self::reply::Reply;
pub use self::state::Shown;
use self::state::{State, describe, possible};
pub use self::value::{Value, brief};

/// Identifies a mutation: its key and its place.
pub type Attempted = (usize, usize);

/// The model.
pub struct Model {
    keys: Vec<Key>,
    boots: Vec<u64>,
    /// Items may vanish: memory is tight.
    evicts: bool,
    /// Of two changes made apart either may win: the clocks differ, so that the later one may have
    /// the older version where the hosts could not tell each other the time; or more was removed
    /// than a host can remember, so that a removal of what it never had is forgotten.
    pub skewed: bool,
    /// Flushes that one process knows alone.
    loose: LooseFlushes,
    /// Flushes under way.
    flushing: usize,
    /// Flushes asked for, ever.
    pub flushes: u64,
}

/// A read under way: what was certain when it was issued.
#[derive(Clone, Debug)]
pub struct Pending {
    pub key: usize,
    bases: BTreeMap<u64, Rc<Base>>,
    at: u64,
}

/// A flush under way: the place of it in each key's attempts, and whether something else was
/// under way then.
#[derive(Clone, Debug)]
pub struct Flushing(Vec<(usize, bool)>);

impl Model {
    pub fn new(evicts: bool, skewed: bool) -> Model {
        Model {
            keys: Vec::new(),
            boots: Vec::new(),
            evicts,
            skewed,
            flushing: 0,
            loose: LooseFlushes::default(),
            flushes: 0,
        }
    }

    /// A new key. Returns its number.
    pub fn add_key(&mut self) -> usize {
        let mut key = Key::default();
        self.boots.iter().for_each(|boot| key.boot(*boot));
        self.keys.push(key);
        self.keys.len() - 1
    }

    pub const fn keys(&self) -> usize {
        self.keys.len()
    }

    /// A new process, with nothing.
    pub fn boot(&mut self, boot: u64) {
        self.boots.push(boot);
        self.keys.iter_mut().for_each(|key| key.boot(boot));
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
            until: u64::MAX,
            void: false,
        });
        log.unresolved += 1;
        (key, log.attempts.len() - 1)
    }

    pub fn op(&self, (key, index): Attempted) -> &Op {
        &self.keys[key].attempts[index].op
    }

    /// The connection ended before the answer came, or none will come.
    pub fn lost(&mut self, (key, index): Attempted, now: u64) {
        let log = &mut self.keys[key];
        log.unresolved -= 1;
        log.attempts[index].until = now;
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
        let (op, at) = (log.attempts[index].op.clone(), log.attempts[index].at);
        log.attempts[index].until = now;
        let base = log.base(copies[0]);
        if base.index > index {
            return Ok(());
        }
        if matches!(reply, Reply::Error(_)) && !evicts {
            return Err(format!("key {key}: {op} was answered {reply:?}"));
        }
        // A flush of another client may have come before it, or come yet.
        let flushed = self.flushing > 0
            || self.loose.may_reach(copies[0])
            || log.attempts[index..]
                .iter()
                .any(|attempt| attempt.op == Op::Flush);
        let before = log.fold_newest(&base, None, index, (evicts || flushed, now));
        let tokens = Tokens {
            log,
            base: &base,
            index,
            skewed: self.skewed,
        };
        if let Some(violation) = op.token().and_then(|token| tokens.violation(token, reply)) {
            return Err(format!(
                "key {key}: {op} was answered {reply:?}, {violation}"
            ));
        }
        let mut after = BTreeSet::new();
        for state in possible(&before.states, evicts, at, now) {
            after.extend(reply::answer(&op, &state, reply, (at, now)));
        }
        if evicts && matches!(reply, Reply::NotStored) {
            // An append that no longer fits.
            after.extend(before.states.iter().cloned());
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
        let void = reply.is_void(&op);
        log.attempts[index].void = void;
        if void && (evicts || copies.len() == 1) {
            // It changed nothing, so it is not a later change than those that the other host made
            // while they were apart. And what the peer has acknowledged is evicted here without a
            // trace: the peer, and this process after it has compared with it, may still show it.
            return Ok(());
        }
        let changes = !void && !matches!(op, Op::Touch(_) | Op::Vivify(_));
        let after = Rc::new(after);
        let copies = log.with_copy(copies, void || self.skewed);
        let base = Base {
            index: index + 1,
            // A plain set or delete makes even a wild key known.
            wild: before.wild && !op.is_absolute(),
            common: (index + 1, after.clone()),
            states: after,
            unique_from: if changes { index + 1 } else { base.unique_from },
        };
        log.raise(copies, &base);
        Ok(())
    }

    /// `to` has everything that `from` has. Where both changed a key apart, the newer version wins:
    /// the later change, if the clocks agree.
    pub fn copied(&mut self, from: u64, to: u64) {
        for key in &mut self.keys {
            let Some(base) = key.bases.get(&from).cloned() else {
                continue;
            };
            let present = key.base(to);
            let apart = present.index > present.common.0 || base.index > base.common.0;
            if self.skewed && apart {
                key.bases.insert(to, present.to_common());
                continue;
            }
            let newer = if base.index >= present.index {
                &base
            } else {
                &present
            };
            let mut newer = Rc::clone(newer);
            if newer.index == base.index && newer.common.0 != base.index {
                let common = (base.index, newer.states.clone());
                Rc::make_mut(&mut newer).common = common.clone();
                key.bases
                    .entry(from)
                    .and_modify(|base| Rc::make_mut(base).common = common);
            }
            key.bases.insert(to, newer);
        }
        if self.loose.reach(from, to, &self.boots) {
            // What was flushed over there alone has gone here, whatever came after it here.
            for key in &mut self.keys {
                let mut base = key.base(to);
                let states = &mut Rc::make_mut(&mut base).states;
                Rc::make_mut(states).insert(State::Absent);
                key.bases.insert(to, base);
            }
        }
    }

    /// The hosts meet again. Where their clocks differ, whatever either did apart may win.
    pub fn meet(&mut self) {
        if !self.skewed {
            return;
        }
        for base in self.keys.iter_mut().flat_map(|key| key.bases.values_mut()) {
            *base = base.to_common();
        }
    }

    /// A client sends `flush_all`.
    pub fn flush(&mut self, at: u64) -> Flushing {
        self.flushing += 1;
        self.flushes += 1;
        let flush = |key: &mut Key| {
            let busy = key.unresolved > 0;
            key.attempts.push(Attempt {
                op: Op::Flush,
                at,
                until: at,
                void: false,
            });
            (key.attempts.len() - 1, busy)
        };
        Flushing(self.keys.iter_mut().map(flush).collect())
    }

    /// It is done, by the processes in `copies`, or (without any) perhaps.
    pub fn flushed(&mut self, flushing: &Flushing, copies: &[u64], now: u64) {
        self.flushing -= 1;
        if copies.len() < 2 {
            self.loose.add(copies.first().copied());
        }
        let absent = Rc::new(BTreeSet::from([State::Absent]));
        for (key, (index, busy)) in self.keys.iter_mut().zip(&flushing.0) {
            let here = copies.first().map_or(0, |boot| key.base(*boot).index);
            let ahead = self.boots.iter().any(|boot| key.base(*boot).index > here);
            let alone = !busy && key.attempts.len() == index + 1 && !ahead;
            if !alone || copies.is_empty() {
                // Something else was under way: it may have been before or after.
                key.attempts.push(Attempt {
                    op: Op::Flush,
                    at: now,
                    until: now,
                    void: false,
                });
                continue;
            }
            let base = Base {
                index: index + 1,
                common: (index + 1, absent.clone()),
                states: absent.clone(),
                wild: false,
                unique_from: index + 1,
            };
            key.raise(copies, &base);
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

    /// The token of a read that was just answered by a process.
    pub fn token(&self, read: &Pending, boot: u64, unique: u64) -> Token {
        let log = &self.keys[read.key];
        let upto = log.attempts.len();
        let base = read.bases.get(&boot).map_or(0, |base| base.index);
        let certain = log.last_change(upto) <= base && self.flushing == 0;
        Token {
            unique,
            upto,
            certain,
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
        let vanishes = self.evicts || self.flushing > 0 || self.loose.may_reach(boot);
        let end = log.attempts.len();
        let folded = log.fold_newest(&base, Some(&read.bases), end, (vanishes, now));
        let unknown = |shown: &Shown| {
            shown
                .value
                .as_ref()
                .is_none_or(|value| value.is_empty() || log.ever(value))
        };
        if folded.wild && shown.is_none_or(unknown) {
            return Ok(());
        }
        let states = possible(&folded.states, self.evicts, read.at, now);
        if states.iter().any(|state| state.shows(shown, read.at, now)) {
            return Ok(());
        }
        let text = shown.map(|shown| {
            let value = shown.value.as_deref().map(brief);
            format!(
                "{value:?} flags {:?} life {:?} stale {:?}",
                shown.flags, shown.life, shown.stale
            )
        });
        Err(format!(
            "key {}: process {boot} showed {text:?}, possible after mutation {} of {} were only {}",
            read.key,
            base.index,
            log.attempts.len(),
            describe(&states),
        ))
    }
}

impl Key {
    /// The processes that an answer speaks for. One that changed nothing says only that the peer
    /// has all of the process that answered; the peer may still hold what it alone was told. The
    /// same goes for a change whose version may be older than that.
    fn with_copy<'a>(&self, copies: &'a [u64], may_be_older: bool) -> &'a [u64] {
        let apart = |boot: &u64| {
            let base = self.base(*boot);
            base.index > base.common.0
        };
        match copies.get(1) {
            Some(peer) if may_be_older && apart(peer) => &copies[..1],
            _ => copies,
        }
    }

    /// The processes in `copies` have at least this now.
    fn raise(&mut self, copies: &[u64], base: &Base) {
        let alone = copies.len() == 1;
        for boot in copies {
            let present = self.base(*boot);
            if present.index > base.index {
                continue;
            }
            let mut raised = base.clone();
            if alone {
                raised.common = present.common.clone();
            }
            self.bases.insert(*boot, Rc::new(raised));
        }
    }
}

/// What a cas unique that a client has read allows.
struct Tokens<'a> {
    log: &'a Key,
    base: &'a Base,
    /// The mutation that uses it.
    index: usize,
    skewed: bool,
}

impl Tokens<'_> {
    fn violation(&self, token: Token, reply: &Reply) -> Option<String> {
        match reply {
            Reply::Stored | Reply::Deleted if self.base.unique_from > token.upto => Some(format!(
                "but mutation {} had changed the item since its cas unique was read",
                self.base.unique_from
            )),
            Reply::Exists if token.certain && !self.skewed && self.is_untouched(token) => {
                Some("but nothing had changed the item since its cas unique was read".to_owned())
            }
            _ => None,
        }
    }

    /// The process that answers has the item that was read, and nothing may have come after.
    fn is_untouched(&self, token: Token) -> bool {
        let last = self.log.last_change(self.index);
        last <= token.upto && self.base.index >= last && !self.base.wild
    }
}
