//! The address side of a node: VRRP router, failover policy, lease.
//!
//! The router knows the RFC, the policy knows the pair; this machine lets the policy decide where
//! it knows more, and keeps the lease: the address is ours only until the deadline of the last
//! renewal, whoever freezes or dies. Nothing is renewed or advertised unless the workers have
//! shown a sign of life.

mod duties;
mod hearing;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use tracing::{info, warn};
use vrrp::packet::{Counters, Receiver, Warning};
use vrrp::router::{Reason, Role, Router};
use vrrp::time::Instant;

use super::Action;
use crate::command::Standing;
use crate::failover::{self, Rules, Seen};

/// Workers silent for longer than this (or an advertisement interval, if that is longer) are hung.
const WORKERS_SILENT_MAX: Duration = Duration::from_secs(1);
/// A node that has not run for longer than this (or half an interval, if that is longer) was paused:
/// it looks after things every 100 ms otherwise.
const PAUSE_MIN: Duration = Duration::from_millis(300);

/// The machine. Without a router it only keeps what was seen, for serving and status.
pub struct Holder {
    rules: Rules,
    pub(super) seen: Seen,
    router: Option<Router>,
    receiver: Option<Receiver>,
    destination: Option<IpAddr>,
    master_since: Option<Instant>,
    /// Until when requests over the virtual address may be executed.
    lease_until: Option<Instant>,
    both_in_sync: bool,
    ran_at: Instant,
    workers_at: Instant,
    workers_hung: bool,
    interface_up: bool,
    leaving: bool,
    answered_at: Instant,
    changed: (Role, Instant, String),
    warned: Vec<Warning>,
    /// The third router that was last told of.
    third: Option<IpAddr>,
    sent: u64,
    actions: VecDeque<Action>,
}

impl Holder {
    /// A holder in Initialize.
    pub fn new(now: Instant, rules: Rules, router: Option<(Router, Receiver, IpAddr)>) -> Holder {
        let (router, receiver, destination) = match router {
            Some((router, receiver, destination)) => {
                (Some(router), Some(receiver), Some(destination))
            }
            None => (None, None, None),
        };
        Holder {
            rules,
            seen: Seen::from_start(now),
            router,
            receiver,
            destination,
            master_since: None,
            lease_until: None,
            both_in_sync: false,
            ran_at: now,
            workers_at: now,
            workers_hung: false,
            interface_up: true,
            leaving: false,
            answered_at: Instant::ZERO,
            changed: (Role::Initialize, now, "not started".to_owned()),
            warned: Vec::new(),
            third: None,
            sent: 0,
            actions: VecDeque::new(),
        }
    }

    /// Starts the router, as BACKUP.
    pub fn start(&mut self, now: Instant) {
        self.update_priority(now);
        if let Some(router) = &mut self.router {
            router.startup(now);
        }
        self.settle(now);
    }

    /// This node has been in sync since its boot.
    pub fn set_complete(&mut self, now: Instant) {
        self.begin(now);
        if !self.seen.complete {
            self.seen.complete = true;
            info!("this node is complete: it may take over with all data");
        }
        self.settle(now);
    }

    /// Whether both nodes are in sync now.
    pub fn set_both_in_sync(&mut self, both_in_sync: bool) {
        self.both_in_sync = both_in_sync;
    }

    /// What a node advertises after a takeover keeps its predecessor from coming back. Once that one
    /// has yielded and has everything, the configured priority is enough.
    fn end_takeover(&mut self, now: Instant) {
        let yielded = |seen: &Seen| {
            let peer = seen.fresh_peer(now);
            peer.is_some_and(|peer| !peer.standing.master)
        };
        if self.both_in_sync && self.seen.takeover_priority.is_some() && yielded(&self.seen) {
            self.seen.takeover_priority = None;
            info!("both nodes are in sync: back to the configured priority");
        }
    }

    /// When the slowest worker last showed a sign of life.
    pub fn set_workers_at(&mut self, at: Instant) {
        self.workers_at = at;
    }

    /// The interface lost or regained its carrier.
    pub fn set_interface_up(&mut self, now: Instant, up: bool) {
        self.begin(now);
        if self.interface_up == up {
            return;
        }
        self.interface_up = up;
        if up {
            info!("vrrp: the interface is up again");
            self.seen.backup_since = now;
        } else {
            warn!("vrrp: the interface is down");
            if let Some(router) = &mut self.router {
                router.become_backup(now, Reason::Caller("the interface is down"));
            }
        }
        self.settle(now);
    }

    /// Somebody else removed a virtual address.
    pub fn handle_address_gone(&mut self, now: Instant) {
        self.begin(now);
        let held = self.lease_until.is_some_and(|until| now < until);
        if held && self.is_master() {
            warn!("vrrp: the virtual address was removed by someone else; it is added again");
            self.actions.push_back(Action::PutAddresses {
                until: self.lease_until(now),
            });
            if let Some(router) = &mut self.router {
                router.announce_now(now);
            }
            self.settle(now);
        }
    }

    /// The address could not be added or renewed.
    pub fn handle_address_failed(&mut self, now: Instant) {
        self.begin(now);
        if let Some(router) = &mut self.router {
            router.become_backup(now, Reason::Caller("the address could not be held"));
        }
        self.settle(now);
    }

    /// Gives the address up with priority 0, and stays BACKUP.
    pub fn leave(&mut self, now: Instant, for_good: bool) {
        self.begin(now);
        self.leaving = for_good;
        if !for_good && !self.is_master() {
            // The peer has the address already.
            return;
        }
        if let Some(router) = &mut self.router {
            router.shutdown(now);
            self.drain(now);
        }
        self.seen.entered_backup(now);
        if !for_good {
            self.start(now);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.begin(now);
        self.note_workers(now);
        self.settle(now);
        if let Some(router) = &mut self.router {
            router.handle_timeout(now);
        }
        self.settle(now);
    }

    /// When to call [`Holder::handle_timeout`] at the latest.
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let router = self.router.as_ref()?;
        if self.is_master() {
            return [router.poll_timeout(), self.lease_until]
                .into_iter()
                .flatten()
                .min();
        }
        let claim = self
            .may_claim()
            .then(|| failover::claim(&self.rules, &self.seen, now).at);
        [router.poll_timeout(), claim].into_iter().flatten().min()
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Whether this node is VRRP Master.
    pub const fn is_master(&self) -> bool {
        self.master_since.is_some()
    }

    /// What heartbeats tell.
    pub fn standing(&self, now: Instant) -> Standing {
        Standing {
            master: self.is_master(),
            complete: self.seen.complete || !self.rules.has_peer,
            effective_priority: match self.router {
                Some(_) => failover::priority_told(&self.rules, &self.seen, now),
                None => 0,
            },
            master_for_ms: self
                .master_since
                .map_or(0, |since| now.since(since).as_millis() as u64),
        }
    }

    /// Whether the node counts as complete, also beside a neighbour without a link.
    pub fn counts_as_complete(&self, now: Instant) -> bool {
        failover::counts_as_complete(&self.rules, &self.seen, now)
    }

    /// The priority that VRRP advertises; 0 without a router.
    pub fn effective_priority(&self, now: Instant) -> u8 {
        self.router.as_ref().map_or(0, |_| {
            failover::effective_priority(&self.rules, &self.seen, now)
        })
    }

    /// Whether clients may be answered.
    pub fn may_serve(&self, now: Instant) -> bool {
        failover::may_serve(&self.rules, &self.seen, now, self.is_master())
    }

    /// The router, for status.
    pub const fn router(&self) -> Option<&Router> {
        self.router.as_ref()
    }

    /// State, time and reason of the last change.
    pub const fn last_change(&self) -> &(Role, Instant, String) {
        &self.changed
    }

    /// Advertisements sent, and what was received, by result.
    pub fn counters(&self) -> (u64, Option<&Counters>) {
        (self.sent, self.receiver.as_ref().map(Receiver::counters))
    }

    /// What is left of the lease, if the address is held.
    pub fn lease_left(&self, now: Instant) -> Option<Duration> {
        self.lease_until.map(|until| until.since(now))
    }

    /// Before every input: what the time alone has decided since the last one.
    fn begin(&mut self, now: Instant) {
        self.note_pause(now);
        self.end_lapsed_lease(now);
    }

    /// Silence that a paused process did not listen to is none. What was sent meanwhile waits in the
    /// kernel and may be read only after this: a BACKUP that trusted its timers would take over from
    /// a master that lives, and serve what it has missed.
    fn note_pause(&mut self, now: Instant) {
        let pause = now.since(std::mem::replace(&mut self.ran_at, now));
        if pause > PAUSE_MIN.max(self.rules.interval / 2) {
            warn!("this node was paused for {} ms", pause.as_millis());
            self.seen.backup_since = now;
        }
    }

    /// A master whose lease has run out, frozen or without a sign of the workers, is none any more:
    /// somebody else may hold the address already. This goes before every other input: an answer to
    /// another master would renew the lease, and requests that waited in the kernel since before
    /// the freeze would be executed with the newest version.
    fn end_lapsed_lease(&mut self, now: Instant) {
        if self.is_master() && self.lease_until.is_some_and(|until| now >= until) {
            let router = self.router.as_mut().expect("a master has a router");
            router.become_backup(now, Reason::Caller("the lease ran out"));
            self.drain(now);
        }
    }

    fn may_claim(&self) -> bool {
        self.interface_up && !self.workers_hung && !self.leaving
    }

    fn note_workers(&mut self, now: Instant) {
        let most = self.rules.interval.max(WORKERS_SILENT_MAX);
        let hung = now.since(self.workers_at) > most;
        if hung != self.workers_hung {
            self.workers_hung = hung;
            if hung {
                warn!("the workers show no sign of life: the address is not renewed");
            } else {
                info!("the workers are back");
                self.seen.backup_since = now;
                // A master has not renewed its lease meanwhile: the next interval may be too late.
                if let Some(router) = &mut self.router {
                    router.advertise_now(now);
                }
            }
        }
    }

    /// After every input: claims the address if that is due, and carries the router's events out.
    fn settle(&mut self, now: Instant) {
        self.drain(now);
        self.end_takeover(now);
        self.update_priority(now);
        let Some(router) = &mut self.router else {
            return;
        };
        router.set_master_down_at(None);
        let backup = router.state().role() == Role::Backup;
        if !backup || !self.may_claim() {
            return;
        }
        let claim = failover::claim(&self.rules, &self.seen, now);
        if claim.at > now {
            return;
        }
        if failover::counts_as_complete(&self.rules, &self.seen, now) && self.rules.has_peer {
            self.seen.takeover_priority =
                Some(failover::takeover_priority(&self.rules, &self.seen));
        }
        self.update_priority(now);
        let router = self.router.as_mut().expect("checked above");
        router.become_master(now, Reason::Caller(claim.reason));
        self.drain(now);
    }

    fn update_priority(&mut self, now: Instant) {
        let priority = failover::effective_priority(&self.rules, &self.seen, now);
        if let Some(router) = &mut self.router
            && router.priority() != priority
        {
            router.set_priority(priority);
        }
    }
}
