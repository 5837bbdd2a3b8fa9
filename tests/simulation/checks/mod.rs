//! What must hold at every moment: who holds the address is here, bounds of each host by itself in
//! `bounds.rs`, what the hosts hold in `contents.rs`. What must hold once the faults have ended is in
//! `whole.rs`.

mod bounds;
mod contents;
mod states;
mod whole;

use super::world::{MS, SECOND, World};

/// Two hosts serve together for at most this long while VRRP connects them: one interval, and the
/// way of an advertisement.
const BOTH_MAX: u64 = SECOND + 20 * MS;
/// The same where only the link does: it has to be dialled again first.
const BOTH_MAX_LINK: u64 = 2 * SECOND + 300 * MS;
/// An incomplete master gives way to a complete node within this.
const INCOMPLETE_MAX: u64 = SECOND + 500 * MS;
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
    looked: contents::Looked,
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
        self.check_clients();
        self.check_hung();
        if self.now % SECOND < 10 * MS {
            self.check_memory();
            self.note_copies();
        }
        self.check_contents();
        self.note_states();
        if let Some(violation) = self.checks.violations.first().cloned() {
            self.fail(&violation);
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
        // Without a hello since it was started it takes the other one for keepalived.
        let has_met = |host: usize| {
            let process = self.hosts[host].process.as_ref();
            process.is_some_and(|process| process.peer_boot.is_some())
        };
        let empty_master = |host: usize| {
            self.hosts[host].is_running()
                && self.hosts[host].is_master()
                && has_met(host)
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
}
