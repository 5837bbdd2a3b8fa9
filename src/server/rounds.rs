//! Whether every worker has had a turn since all of them were told something.
//!
//! After such a turn nothing that was told goes unheeded: no request is being executed by the old
//! rule, and what could be written has been.

use std::sync::atomic::{AtomicU64, Ordering};

/// The rounds of all workers.
pub struct Rounds {
    asked: AtomicU64,
    done: Box<[AtomicU64]>,
}

impl Rounds {
    /// For so many workers.
    pub fn new(workers: usize) -> Rounds {
        Rounds {
            asked: AtomicU64::new(0),
            done: (0..workers).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Asks for a round. What the workers are to heed must be in place before.
    pub fn ask(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
    }

    /// The round that was last asked for. A worker looks before its turn.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// A worker has had its turn, for this round. True if that was news.
    pub fn finish(&self, worker: usize, round: u64) -> bool {
        let done = &self.done[worker];
        done.load(Ordering::Relaxed) != round && {
            done.store(round, Ordering::SeqCst);
            true
        }
    }

    /// Whether every worker has finished the round that was last asked for.
    pub fn is_over(&self) -> bool {
        let asked = self.asked();
        let mut each = self.done.iter();
        each.all(|done| done.load(Ordering::SeqCst) >= asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_over_when_every_worker_has_begun_a_turn_after_it_was_asked_for() {
        let rounds = Rounds::new(2);
        assert!(rounds.is_over());
        let before = rounds.asked();
        rounds.ask();
        assert!(!rounds.finish(0, before));
        assert!(!rounds.is_over());
        assert!(rounds.finish(0, rounds.asked()));
        assert!(!rounds.finish(0, rounds.asked()));
        assert!(!rounds.is_over());
        assert!(rounds.finish(1, rounds.asked()));
        assert!(rounds.is_over());
    }
}
