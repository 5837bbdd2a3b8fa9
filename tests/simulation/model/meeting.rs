//! What one process gets from the other: changes as they meet, and flushes.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::key::{Attempt, Base, Key};
use super::op::Op;
use super::state::State;
use super::{Flushing, Model};

impl Model {
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
}
