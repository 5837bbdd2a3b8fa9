//! What the pair is in: for the coverage, for the model, and for those who wait for it.

use super::super::host::Host;
use super::super::world::{MS, World};

impl World {
    /// What the pair is in, for the coverage.
    pub(super) fn note_states(&mut self) {
        let serving = self
            .hosts
            .iter()
            .filter(|host| host.serves(self.now))
            .count();
        let connected = self.connected_since().is_some();
        match serving {
            0 => self.coverage.reach("state: nobody serves"),
            1 => self.coverage.reach("state: one host serves"),
            _ if connected => self.coverage.reach("state: both hosts serve, for a moment"),
            _ => self
                .coverage
                .reach("state: both hosts serve, cut off from each other"),
        }
        if self.now % (100 * MS) >= 10 * MS {
            return;
        }
        for host in &self.hosts {
            let Some(process) = &host.process else {
                continue;
            };
            let Some(link) = &process.status.replication else {
                continue;
            };
            let coverage = &mut self.coverage;
            let mut reach = |holds: bool, what| {
                if holds {
                    coverage.reach(what);
                }
            };
            reach(link.degraded, "state: degraded");
            reach(link.waiting_for_peer, "state: replies wait");
            reach(link.progress == "catching up", "state: catching up");
            reach(link.progress == "in sync", "state: in sync");
            reach(link.conflicts > 0, "state: a conflict was merged");
            reach(process.status.store.evictions > 0, "state: evicted");
            let due = process.store.comparison_due();
            reach(due, "state: a comparison is due");
            reach(
                due && self.options.ample,
                "state: a comparison is due and nothing may be evicted",
            );
            let incomplete = host.is_master() && !process.status.node.complete;
            reach(incomplete, "state: an incomplete node is master");
        }
    }

    /// Tells the model which process certainly has what the other one has.
    pub fn note_copies(&mut self) {
        for host in 0..2 {
            let (Some(from), Some(to)) = (&self.hosts[host].process, &self.hosts[1 - host].process)
            else {
                continue;
            };
            let connected = from
                .status
                .replication
                .as_ref()
                .is_some_and(|link| link.state == "connected");
            let all = connected
                && self.hosts[host].is_running()
                && self.link.connects_only(from.boot, to.boot)
                && from.store.is_acknowledged()
                && to.store.watermark() >= from.store.watermark();
            if all {
                let (from, to) = (from.boot, to.boot);
                self.model.copied(from, to);
            }
        }
    }

    /// One master that serves, one backup, both complete and in sync.
    pub fn is_whole(&self) -> bool {
        let synced = |host: &Host| {
            let status = host.process.as_ref().map(|process| &process.status);
            let link = status.and_then(|status| status.replication.as_ref());
            host.is_running()
                && status.is_some_and(|status| status.node.complete)
                && link.is_some_and(|link| link.peer_has_all && link.have_all)
        };
        let masters = self.hosts.iter().filter(|host| host.is_master()).count();
        masters == 1
            && self
                .master()
                .is_some_and(|host| self.hosts[host].serves(self.now))
            && self.hosts.iter().all(synced)
    }

    /// The only VRRP Master.
    pub fn master(&self) -> Option<usize> {
        match (self.hosts[0].is_master(), self.hosts[1].is_master()) {
            (true, false) => Some(0),
            (false, true) => Some(1),
            _ => None,
        }
    }

    /// Neither host has given up waiting for the other.
    pub fn is_restored(&self) -> bool {
        let waits = |host: &Host| {
            let process = host.process.as_ref();
            let link = process.and_then(|process| process.status.replication.as_ref());
            link.is_some_and(|link| !link.degraded)
        };
        self.hosts.iter().all(waits)
    }
}
