//! Which mutation a client asks for: its kind, value, flags and life.

use super::super::model::{Life, Mode, Op, Token, Value};
use super::super::random::Random;
use super::Behaviour;
use super::wire::Form;

/// What a mutation is chosen by.
pub(super) struct Choice {
    pub behaviour: Behaviour,
    pub form: Form,
    pub key: usize,
    /// Makes the value unlike any other one.
    pub number: u64,
    pub token: Option<Token>,
    /// Seconds of Unix time, where the hosts and the clients agree about it.
    pub unix_s: Option<Life>,
}

impl Choice {
    /// Every fourth key is a number.
    const fn counts(&self) -> bool {
        self.key % 4 == 3
    }

    pub fn op(&self, rng: &mut Random) -> Op {
        if self.behaviour.only_sets {
            return self.store(rng, Mode::Set);
        }
        if self.behaviour.churns {
            return match rng.chance(50) {
                true => self.store(rng, Mode::Set),
                false => Op::Delete { token: None },
            };
        }
        match rng.below(100) {
            0..32 => self.store(rng, Mode::Set),
            32..42 => self.store(rng, Mode::Add),
            42..50 => self.store(rng, Mode::Replace),
            50..60 if self.token.is_some() => self.compared(rng),
            50..63 => Op::Touch(self.life(rng)),
            63..80 if self.counts() => self.count(rng),
            63..70 => self.extend(rng, Mode::Append),
            70..75 => self.extend(rng, Mode::Prepend),
            75..85 if self.form == Form::Meta => self.meta(rng),
            _ => Op::Delete { token: None },
        }
    }

    fn life(&self, rng: &mut Random) -> Life {
        match rng.below(12) {
            _ if !self.behaviour.expires => 0,
            0 => 1,
            1 => 3,
            2 => 20,
            3 if rng.chance(20) => -1,
            4 if rng.chance(50) => self.unix_s.map_or(0, |now| now + rng.between(2, 5) as Life),
            _ => 0,
        }
    }

    fn value(&self, rng: &mut Random) -> Value {
        if self.counts() {
            return Value::of(rng.below(1_000_000).to_string().as_bytes());
        }
        // Where memory is tight, large values come often enough to fill it.
        let often = if self.behaviour.large > 100_000 {
            15
        } else {
            5
        };
        let size = match rng.chance(often) && !self.behaviour.churns {
            true => rng.below(self.behaviour.large as u64 + 1) as usize,
            false => rng.below(60) as usize,
        };
        let mut value = format!("[{}.{}]", self.key, self.number).into_bytes();
        value.resize(value.len() + size, b'.');
        Value::of(&value)
    }

    fn store(&self, rng: &mut Random, mode: Mode) -> Op {
        Op::Store {
            mode,
            value: self.value(rng),
            flags: rng.below(3) as u32,
            life: self.life(rng),
            token: None,
            vivify: None,
        }
    }

    /// Only if nothing has changed since the cas unique was read.
    fn compared(&self, rng: &mut Random) -> Op {
        if self.form != Form::Classic && rng.chance(25) {
            return Op::Delete { token: self.token };
        }
        let mut op = self.store(rng, Mode::Set);
        if let Op::Store { token, .. } = &mut op {
            *token = self.token;
        }
        op
    }

    fn extend(&self, rng: &mut Random, mode: Mode) -> Op {
        let creates = self.form == Form::Meta && rng.chance(30);
        Op::Store {
            mode,
            value: Value::of(format!("+{}", self.number).as_bytes()),
            flags: 0,
            life: 0,
            token: None,
            vivify: creates.then(|| self.life(rng)),
        }
    }

    fn count(&self, rng: &mut Random) -> Op {
        let creates = self.form != Form::Classic && rng.chance(40);
        let ages = self.form == Form::Meta && rng.chance(20);
        Op::Count {
            down: rng.chance(40),
            by: rng.below(1000),
            initial: creates.then(|| (rng.below(1000), self.life(rng).max(0))),
            life: ages.then(|| self.life(rng)),
        }
    }

    /// What only meta commands can do.
    fn meta(&self, rng: &mut Random) -> Op {
        match rng.below(3) {
            0 if !self.counts() => Op::Vivify(self.life(rng)),
            1 if !self.counts() => Op::DropValue,
            _ => {
                let ages = rng.chance(50);
                Op::Invalidate(ages.then(|| self.life(rng)))
            }
        }
    }
}
