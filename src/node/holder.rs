//! The address side of a node: VRRP router, failover policy, lease.
//!
//! The router knows the RFC, the policy knows the pair; this machine lets the policy decide where
//! it knows more, and keeps the lease: the address is ours only until the deadline of the last
//! renewal, whoever freezes or dies. Nothing is renewed or advertised unless the workers have
//! shown a sign of life.

mod contradictions;
mod duties;
mod hearing;
mod lapses;
mod repeated;
mod successor;
mod telling;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use tracing::{info, warn};
use vrrp::packet::{Receiver, Warning};
use vrrp::router::{Reason, Role, Router};
use vrrp::time::Instant;

use self::contradictions::Contradictions;
use self::repeated::Repeated;
use self::successor::Successor;
use super::Action;
use crate::failover::{self, Rules, Seen};

/// The kernel tells of a removed address within this time, also on a busy host.
const ECHO_MAX: Duration = Duration::from_secs(1);

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
    /// When this node last removed the addresses itself.
    removed_at: Option<Instant>,
    both_in_sync: bool,
    ran_at: Instant,
    /// When this process went on after a pause.
    woke_at: Option<Instant>,
    workers_at: Instant,
    workers_hung: bool,
    interface: String,
    interface_up: bool,
    leaving: bool,
    successor: Successor,
    /// `twincached failover` is being carried out.
    handing_over: bool,
    answered_at: Instant,
    changed: (Role, Instant, String),
    warned: Vec<Warning>,
    repeated: Repeated,
    /// Since when the log says that the master's advertisements do not arrive.
    unheard_since: Option<Instant>,
    /// The third router that was last told of.
    third: Option<IpAddr>,
    contradictions: Contradictions,
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
            removed_at: None,
            both_in_sync: false,
            ran_at: now,
            woke_at: None,
            workers_at: now,
            workers_hung: false,
            interface: String::new(),
            interface_up: true,
            leaving: false,
            successor: Successor::NotAwaited,
            handing_over: false,
            answered_at: Instant::ZERO,
            changed: (Role::Initialize, now, "not started".to_owned()),
            warned: Vec::new(),
            repeated: Repeated::default(),
            unheard_since: None,
            third: None,
            contradictions: Contradictions::default(),
            sent: 0,
            actions: VecDeque::new(),
        }
    }

    /// What the interface is called, for people.
    pub fn on_interface(self, interface: String) -> Holder {
        Holder { interface, ..self }
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

    /// A virtual address is gone. A node that was BACKUP for a moment hears only as master again of
    /// what it has removed itself; should it be somebody else's doing after all, the address is
    /// added again in any case.
    pub fn handle_address_gone(&mut self, now: Instant) {
        self.begin(now);
        let held = self.lease_until.is_some_and(|until| now < until);
        if held && self.is_master() {
            self.actions.push_back(Action::PutAddresses {
                until: self.lease_until(now),
            });
            let removed_at = self.removed_at;
            if removed_at.is_none_or(|at| now.since(at) > ECHO_MAX) {
                warn!("vrrp: the virtual address was removed by someone else; it is added again");
                if let Some(router) = &mut self.router {
                    router.announce_now(now);
                }
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
        self.handing_over = !for_good;
        if let Some(router) = &mut self.router {
            router.shutdown(now);
            self.drain(now);
        }
        self.seen.entered_backup(now);
        if !for_good {
            self.start(now);
        }
        self.handing_over = false;
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.begin(now);
        self.note_workers(now);
        self.note_unheard(now);
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
