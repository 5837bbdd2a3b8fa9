//! What of the pair's conflicts the other host counted.
//!
//! A key was changed on both hosts, neither knowing of the other's change, and the older one is
//! gone. Each such change is counted on one host, the one that sees both (`store::conflicts`), and
//! told to the other with heartbeats.

use crate::command::Conflicts;

/// What the peer's boots have told.
#[derive(Debug, Default)]
pub(super) struct ConflictsTold {
    /// By its present boot, as it counts.
    heard: Conflicts,
    /// By all of them since our start.
    total: Conflicts,
}

impl ConflictsTold {
    /// A boot not met before counts from 0.
    pub fn attach(&mut self, new_boot: bool) {
        if new_boot {
            self.heard = Conflicts::default();
        }
    }

    /// A heartbeat told these. Fewer than before: it began to count anew (`stats reset`).
    pub fn hear(&mut self, told: Conflicts) {
        let more = |heard: u64, told: u64| told.checked_sub(heard).unwrap_or(told);
        self.total.lost += more(self.heard.lost, told.lost);
        self.total.won += more(self.heard.won, told.won);
        self.heard = told;
    }

    /// Changes made here that lost, and that won, by the peer's count.
    pub const fn of_ours(&self) -> Conflicts {
        Conflicts {
            lost: self.total.won,
            won: self.total.lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_again_and_again_counts_once_and_a_new_count_is_added() {
        let mut told = ConflictsTold::default();
        let say = |lost, won| Conflicts { lost, won };
        told.hear(say(3, 5));
        told.hear(say(3, 5));
        assert_eq!(told.of_ours(), say(5, 3));
        told.hear(say(1, 6));
        assert_eq!(told.of_ours(), say(6, 4));
        told.attach(true);
        told.hear(say(2, 9));
        assert_eq!(told.of_ours(), say(15, 6));
    }
}
