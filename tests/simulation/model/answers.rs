//! What an answer says of its key.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::key::{Base, Key, Look};
use super::op::{Op, Token};
use super::reply::{self, Reply};
use super::state::{LIFE_TOLERANCE, State, describe, possible};
use super::{Attempted, Model};

impl Model {
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
        let look = Look {
            now,
            vanishes: evicts || flushed,
            wakes: &self.wakes,
        };
        let before = log.fold_newest(&base, None, index, look);
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
        if void {
            // What has expired here may live on for a moment there: each host has its own clock.
            let ends =
                |state: &&State| state.expires().is_some_and(|at| at <= now + LIFE_TOLERANCE);
            after.extend(before.states.iter().filter(ends).cloned());
        }
        let after = Rc::new(after);
        let copies = match reply.is_read(&op) {
            true => &copies[..1],
            false => log.with_copy(copies, void || self.skewed),
        };
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
    pub(super) fn raise(&mut self, copies: &[u64], base: &Base) {
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
