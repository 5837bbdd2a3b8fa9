//! What must hold all the time, and at the end.

use super::*;

/// A master that has advertised for so long could be heard: an interval and some.
const AUDIBLE_MS: u64 = 1_200;
/// Two serve for no longer than this while something connects them (P6).
const DOUBLE_MAX_MS: u64 = 1_000;
/// In this last part of the settling nothing moves.
const QUIET_MS: u64 = 3_000;

impl World {
    pub fn check(&mut self) {
        // Two that both run, and cannot hear each other on either path, may both serve.
        if self.link_cut && self.multicast_cut {
            self.apart_until = self.now + STEP_MS;
        }
        let serving = |host: &Host| host.serves(self.now);
        let double = self.hosts.iter().all(serving) && self.now > self.apart_until;
        self.double_since = double.then(|| self.double_since.unwrap_or(self.now));
        if let Some(since) = self.double_since {
            assert!(self.now - since <= DOUBLE_MAX_MS, "two serve\n{self}");
        }
        // One that is frozen does nothing, whatever it believes.
        let is_holder = |index: &usize| self.hosts[*index].runs() && self.hosts[*index].is_master();
        let holders: Vec<usize> = (0..2).filter(is_holder).collect();
        for host in &self.hosts {
            let living = holders.contains(&host.index) && host.complete;
            let audible_for = host.audible_since.map_or(0, |since| self.now - since);
            let other = 1 - host.index;
            let taken = holders.contains(&other) && !self.holders.contains(&other);
            assert!(
                !(living && taken && audible_for > AUDIBLE_MS),
                "taken over from a living master\n{self}"
            );
        }
        for host in &mut self.hosts {
            let audible = holders.contains(&host.index) && !self.multicast_cut;
            host.audible_since = audible.then(|| host.audible_since.unwrap_or(self.now));
        }
        if holders != self.holders {
            (self.holders, self.moved_at) = (holders, self.now);
        }
    }

    pub fn check_settled(&self) {
        assert_eq!(self.holders.len(), 1, "not one master\n{self}");
        assert!(self.now - self.moved_at >= QUIET_MS, "still moving\n{self}");
        assert!(self.hosts.iter().all(|host| host.complete), "{self}");
    }
}
