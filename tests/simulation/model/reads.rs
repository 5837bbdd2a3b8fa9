//! What a read may show.

use super::super::world::MS;
use super::key::{Base, Look};
use super::op::Token;
use super::state::{Shown, State, describe, possible};
use super::value::brief;
use super::{Model, Pending};

impl Model {
    /// How many mutations of a key a process certainly has.
    pub fn certain(&self, key: usize, boot: u64) -> usize {
        let base = self.keys[key].bases.get(&boot);
        base.map_or(0, |base| base.index)
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
        // Nearly always it shows what was there: what else may have happened is of no interest then.
        let certain = possible(&base.states, self.evicts, read.at, now);
        if certain.iter().any(|state| state.shows(shown, read.at, now)) {
            return Ok(());
        }
        let log = &self.keys[read.key];
        let vanishes = self.evicts || self.flushing > 0 || self.loose.may_reach(boot);
        let end = log.attempts.len();
        let look = Look {
            now,
            vanishes,
            wakes: &self.wakes,
        };
        let folded = log.fold_newest(&base, Some(&read.bases), end, look);
        let states = possible(&folded.states, self.evicts, read.at, now);
        if states.iter().any(|state| state.shows(shown, read.at, now)) {
            return Ok(());
        }
        let elsewhere = log.fold_elsewhere(&base, end, look);
        let came_over = possible(&elsewhere, self.evicts, read.at, now);
        let shows = |state: &State| state.shows(shown, read.at, now);
        if came_over.iter().any(shows) {
            return Ok(());
        }
        let unknown = |shown: &Shown| {
            shown
                .value
                .as_ref()
                .is_none_or(|value| value.is_empty() || log.ever(value))
        };
        if folded.wild && shown.is_none_or(unknown) {
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
            "key {}, asked for {} ms ago: process {boot} showed {text:?}, possible after mutation {} \
             of {} were only {}",
            read.key,
            (now - read.at) / MS,
            base.index,
            log.attempts.len(),
            describe(&states),
        ))
    }
}
