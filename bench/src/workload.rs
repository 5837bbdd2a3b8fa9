//! Which keys are asked for, in which order.

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Zipf};

use crate::case::{Case, MULTI_GET_KEYS, Operation};
use crate::wire::{Answer, Wire};

/// Keys are drawn before the measurement and asked for round and round.
const DRAWN: usize = 1 << 20;
/// User bytes that the keys of a case hold at most.
const USER_BYTES: usize = 128 << 20;
/// Keys of a case at most.
const KEYS_MAX: usize = 100_000;
/// Of so many requests of a mixed load one stores.
const MIXED_SET_EVERY: usize = 10;
/// Zipf's exponent, as YCSB has it.
const ZIPF_EXPONENT: f64 = 0.99;
/// The same keys in the same order for both servers.
const SEED: u64 = 20;

/// An endless sequence of requests.
pub struct Workload {
    operation: Operation,
    wire: Wire,
    keys: Vec<u32>,
    at: usize,
}

impl Workload {
    /// The requests of a case.
    pub fn new(case: &Case) -> Workload {
        let mut random = StdRng::seed_from_u64(SEED);
        let count = keys(case.value_bytes);
        let keys = match case.operation {
            Operation::Mixed => zipf(count, &mut random),
            _ => (0..DRAWN).map(|_| random.random_range(0..count)).collect(),
        };
        Workload {
            operation: case.operation,
            wire: Wire::new(case.protocol, case.value_bytes),
            keys,
            at: 0,
        }
    }

    /// Appends the next request and the answers that it must get.
    pub fn ask(&mut self, out: &mut Vec<u8>, answers: &mut VecDeque<Answer>) {
        match self.operation {
            Operation::Get => {
                let key = self.next_key();
                self.wire.get(key, out, answers);
            }
            Operation::Set => {
                let key = self.next_key();
                self.wire.set(key, out, answers);
            }
            Operation::MultiGet => {
                let Workload { wire, keys, at, .. } = self;
                let next = (0..MULTI_GET_KEYS).map(|_| next_key(keys, at));
                wire.get_many(next, out, answers);
            }
            Operation::Mixed => {
                let key = self.next_key();
                if self.at.is_multiple_of(MIXED_SET_EVERY) {
                    self.wire.set(key, out, answers);
                } else {
                    self.wire.get(key, out, answers);
                }
            }
        }
    }

    /// How answers are checked.
    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    fn next_key(&mut self) -> u32 {
        next_key(&self.keys, &mut self.at)
    }
}

fn next_key(keys: &[u32], at: &mut usize) -> u32 {
    *at += 1;
    keys[*at % keys.len()]
}

/// How many keys there are with values of this length.
pub fn keys(value_bytes: usize) -> u32 {
    (USER_BYTES / value_bytes).min(KEYS_MAX) as u32
}

/// The most frequent keys are spread over all of them: a server must not find them side by side.
fn zipf(count: u32, random: &mut StdRng) -> Vec<u32> {
    const PRIME: u64 = 15_485_863;
    let law = Zipf::new(f64::from(count), ZIPF_EXPONENT).expect("count and exponent are positive");
    let spread = |rank: f64| (rank as u64 * PRIME % u64::from(count)) as u32;
    (0..DRAWN).map(|_| spread(law.sample(random))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Part;

    fn mixed() -> Workload {
        let mut case = crate::case::selected(false)[0].clone();
        case.operation = Operation::Mixed;
        Workload::new(&case)
    }

    #[test]
    fn one_request_in_ten_of_a_mixed_load_stores() {
        let mut workload = mixed();
        let (mut out, mut answers) = (Vec::new(), VecDeque::new());
        (0..1000).for_each(|_| workload.ask(&mut out, &mut answers));
        let sets = answers
            .iter()
            .filter(|answer| answer.part == Part::Stored)
            .count();
        assert_eq!(sets, 100);
    }

    #[test]
    fn a_few_keys_of_a_mixed_load_are_asked_for_most() {
        let workload = mixed();
        let mut counts = vec![0_usize; keys(1024) as usize];
        workload
            .keys
            .iter()
            .for_each(|key| counts[*key as usize] += 1);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let hundredth: usize = counts[..1000].iter().sum();
        assert!(hundredth > DRAWN / 2, "{hundredth}");
        assert!(counts[0] < DRAWN / 5, "{}", counts[0]);
    }

    #[test]
    fn large_values_have_fewer_keys() {
        assert_eq!(keys(100), 100_000);
        assert_eq!(keys(16 * 1024), 8192);
    }
}
