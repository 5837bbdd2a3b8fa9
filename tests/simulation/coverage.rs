//! How often each fault, command and state was reached: what a run never reaches, it does not test.

use std::collections::{BTreeMap, BTreeSet};

/// Counts by name, found by the name's place in memory: that is asked for millions of times.
#[derive(Clone, Default)]
pub struct Coverage(BTreeMap<(usize, usize), (&'static str, u64)>);

impl Coverage {
    pub fn reach(&mut self, what: &'static str) {
        self.count(what, 1);
    }

    /// A command was asked for.
    pub fn command(&mut self, name: &'static str) {
        self.reach(name);
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Coverage) {
        for (what, count) in other.0.values() {
            self.count(what, *count);
        }
    }

    fn count(&mut self, what: &'static str, more: u64) {
        let place = (what.as_ptr().addr(), what.len());
        self.0.entry(place).or_insert((what, 0)).1 += more;
    }

    pub fn of(&self, what: &str) -> u64 {
        let same = self.0.values().filter(|(name, _)| *name == what);
        same.map(|(_, count)| count).sum()
    }
}

/// One line each, by name.
impl std::fmt::Display for Coverage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: BTreeSet<&str> = self.0.values().map(|(name, _)| *name).collect();
        names
            .iter()
            .try_for_each(|what| writeln!(f, "{:>10}  {what}", self.of(what)))
    }
}
