//! What a memcached could answer.
//!
//! Every key has one writing client, so its mutations have an order: that of their issue. The model
//! keeps them all, and for each process the *base*: the mutation up to which that process certainly
//! has the key, and the states the key can have been in then. A reply raises the base of the
//! process that answered, and of its peer if replies waited for the peer. Later mutations may have
//! happened or not. When one host has acknowledged everything of the other, its base rises too.

mod answers;
mod flushes;
mod key;
mod meeting;
mod op;
mod reads;
mod reply;
mod state;
mod value;

use std::collections::BTreeMap;
use std::rc::Rc;

use self::flushes::LooseFlushes;
use self::key::{Attempt, Base, Key};
pub use self::op::{Life, Mode, Op, Token, is_time_of_day};
pub use self::reply::Reply;
pub use self::state::Shown;

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
    /// When frozen processes woke.
    wakes: Vec<u64>,
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
            wakes: Vec::new(),
        }
    }

    /// A frozen process wakes, and executes what waited for it.
    pub fn wake(&mut self, now: u64) {
        self.wakes.push(now);
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
}
