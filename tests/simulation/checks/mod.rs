//! What must hold at every moment. What must hold once the faults have ended is in `whole.rs`.

mod whole;

use super::host::ACKNOWLEDGE_TIMEOUT_MS;
use super::world::{MS, SECOND, World};

/// Two hosts serve together for at most this long while VRRP connects them: one interval, and the
/// way of an advertisement.
const BOTH_MAX: u64 = SECOND + 20 * MS;
/// The same where only the link does: it has to be dialled again first.
const BOTH_MAX_LINK: u64 = 2 * SECOND + 300 * MS;
/// An incomplete master gives way to a complete node within this.
const INCOMPLETE_MAX: u64 = SECOND + 500 * MS;
/// A reply waits for the peer at most this long: the timeout, and a heartbeat interval, at which the
/// peer's progress is looked at.
const WAIT_MAX: u64 = (ACKNOWLEDGE_TIMEOUT_MS + 120) * MS;
/// Workers that say nothing lose the address: the last renewal comes within a second of silence, the
/// lease lasts two, and the kernel takes up to 0.3 s longer.
const HUNG_MAX: u64 = SECOND + 2 * SECOND + 400 * MS;
/// After the faults have ended, the pair is whole again within this.
pub const CONVERGENCE_MS: u64 = 15_000;

/// What the checks remember.
#[derive(Default)]
pub struct Checks {
    pub violations: Vec<String>,
    /// Every answer must have waited for the peer.
    pub strict: bool,
    path_since: Option<u64>,
    link_only: bool,
    both_since: Option<u64>,
    /// The longest time that two hosts served together, whatever connected them.
    pub both_longest: u64,
    incomplete_since: Option<u64>,
    pub acknowledged_at: u64,
    /// The longest time without an acknowledged mutation since it was last cleared.
    pub gap_longest: u64,
}

impl Checks {
    pub fn report(&mut self, violation: String) {
        self.violations.push(violation);
    }

    /// A server lets answers go.
    pub fn note_answer(&mut self, holding: bool) {
        if self.strict && !holding {
            self.strict = false;
            self.report(
                "an answer did not wait for the peer, although nothing had failed".to_owned(),
            );
        }
    }

    /// A client has an acknowledged mutation.
    pub fn note_acknowledged(&mut self, now: u64) {
        self.gap_longest = self.gap_longest.max(now - self.acknowledged_at);
        self.acknowledged_at = now;
    }

    /// Begins to measure the longest gap.
    pub fn clear_gap(&mut self, now: u64) {
        (self.acknowledged_at, self.gap_longest) = (now, 0);
    }
}

impl World {
    /// Looks at everything that must hold at every moment.
    pub fn probe(&mut self) {
        self.note_paths();
        self.check_holders();
        self.check_incomplete();
        self.check_waits();
        self.check_hung();
        self.check_memory();
        self.note_states();
        if let Some(violation) = self.checks.violations.first().cloned() {
            self.fail(&violation);
        }
    }

    /// What the pair is in, for the coverage.
    fn note_states(&mut self) {
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
            reach(link.progress == "confirming", "state: confirming");
            reach(link.progress == "in sync", "state: in sync");
            reach(link.conflicts > 0, "state: a conflict was merged");
            reach(process.status.store.evictions > 0, "state: evicted");
            reach(process.store.comparison_due(), "state: a comparison is due");
            let incomplete = host.is_master() && !process.status.node.complete;
            reach(incomplete, "state: an incomplete node is master");
        }
    }

    fn note_paths(&mut self) {
        let (vrrp, link) = self.paths();
        let since = if vrrp || link {
            self.checks.path_since.or(Some(self.now))
        } else {
            None
        };
        self.checks.path_since = since;
        if self.checks.link_only != (link && !vrrp) {
            self.checks.link_only = link && !vrrp;
            self.checks.path_since = self.checks.path_since.map(|_| self.now);
        }
    }

    /// Since when the hosts could have heard each other without a loss.
    fn connected_since(&self) -> Option<u64> {
        self.checks
            .path_since
            .map(|since| since.max(self.lan.lost_at))
    }

    fn check_holders(&mut self) {
        let both = self.hosts[0].serves(self.now) && self.hosts[1].serves(self.now);
        if !both {
            self.checks.both_since = None;
            return;
        }
        let since = *self.checks.both_since.get_or_insert(self.now);
        self.checks.both_longest = self.checks.both_longest.max(self.now - since);
        let bound = if self.checks.link_only {
            BOTH_MAX_LINK
        } else {
            BOTH_MAX
        };
        let connected = self.connected_since().map(|path| path.max(since));
        if connected.is_some_and(|since| self.now > since + bound) {
            self.checks.report(
                "two hosts serve on the virtual IP although they hear each other".to_owned(),
            );
        }
    }

    fn check_incomplete(&mut self) {
        let complete = |host: usize| {
            let host = &self.hosts[host];
            let synced = host
                .process
                .as_ref()
                .is_some_and(|process| process.has_synced);
            host.is_running() && synced
        };
        let empty_master = |host: usize| {
            self.hosts[host].is_running()
                && self.hosts[host].is_master()
                && !complete(host)
                && complete(1 - host)
                && !self.hosts[1 - host]
                    .process
                    .as_ref()
                    .is_some_and(|process| process.workers_hung)
        };
        if !empty_master(0) && !empty_master(1) {
            self.checks.incomplete_since = None;
            return;
        }
        let since = *self.checks.incomplete_since.get_or_insert(self.now);
        let slack = if self.checks.link_only {
            BOTH_MAX_LINK
        } else {
            INCOMPLETE_MAX
        };
        if let Some(connected) = self.connected_since()
            && self.now > connected.max(since) + slack
        {
            self.checks.report(
                "an incomplete node stays master although a complete one is reachable".to_owned(),
            );
        }
    }

    /// A hung cache, and a stopped process, lose the address within silence and lease.
    fn check_hung(&mut self) {
        let held = |host: &super::host::Host| {
            let process = host.process.as_ref();
            let hung = process.and_then(|process| process.hung_since);
            let since = hung.max(host.frozen_since.filter(|_| host.frozen));
            since.is_some_and(|since| host.has_address(self.now) && self.now > since + HUNG_MAX)
        };
        if self.hosts.iter().any(held) {
            self.checks
                .report("a host that hangs keeps the address".to_owned());
        }
    }

    fn check_waits(&mut self) {
        let late = |host: &super::host::Host| {
            let since = host
                .process
                .iter()
                .flat_map(|process| process.connections.values());
            let mut since = since.filter_map(|connection| connection.holding_since);
            host.is_running()
                && since.any(|since| self.now > since.max(host.awake_since) + WAIT_MAX)
        };
        if self.hosts.iter().any(late) {
            self.checks.report(
                "an answer waits longer for the peer than the acknowledge timeout".to_owned(),
            );
        }
    }

    fn check_memory(&mut self) {
        if self.now % SECOND >= 10 * MS {
            return;
        }
        for host in 0..2 {
            let bytes = self.hosts[host]
                .process
                .as_ref()
                .map_or(0, |process| process.store.statistics().bytes);
            let limit = self.options.memory[host] as u64;
            if bytes > limit + limit / 8 {
                self.checks
                    .report(format!("host {host} uses {bytes} of {limit} bytes"));
            }
        }
        self.note_copies();
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
        let synced = |host: &super::host::Host| {
            let status = host.process.as_ref().map(|process| &process.status);
            let link = status.and_then(|status| status.replication.as_ref());
            host.is_running()
                && status.is_some_and(|status| status.node.complete)
                && link.is_some_and(|link| link.in_sync && link.have_all)
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
}
