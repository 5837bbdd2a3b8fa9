//! What the holder tells of itself: in heartbeats, and for status.

use std::net::IpAddr;
use std::time::Duration;

use vrrp::packet::{Counters, Receiver};
use vrrp::router::{Role, Router};
use vrrp::time::Instant;

use super::Holder;
use crate::command::Standing;
use crate::failover;

impl Holder {
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

    /// The peer is master, as the link says, and its advertisements do not arrive.
    pub const fn master_is_unheard(&self) -> bool {
        self.unheard_since.is_some()
    }

    /// Who speaks VRRP on the peer's host beside the peer.
    pub fn other_speaker(&self, now: Instant) -> Option<IpAddr> {
        self.contradictions.speaker(now)
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

    /// The interface, and whether it is up, for status.
    pub fn interface(&self) -> (&str, bool) {
        (&self.interface, self.interface_up)
    }

    /// Whether somebody holds the address, as far as this node knows: it does itself, or a master
    /// was heard lately, over VRRP or the link.
    pub fn knows_a_master(&self, now: Instant) -> bool {
        let lately = |router: &Router| {
            let seen = &self.seen;
            seen.priority_zero_at.is_none()
                && seen.master_died_at.is_none()
                && seen
                    .master_sign_at
                    .is_some_and(|at| now.since(at) <= router.master_down_interval())
        };
        self.is_master() || self.router.as_ref().is_some_and(lately)
    }

    /// Advertisements sent, and what was received, by result.
    pub fn counters(&self) -> (u64, Option<&Counters>) {
        (self.sent, self.receiver.as_ref().map(Receiver::counters))
    }

    /// What is left of the lease, if the address is held.
    pub fn lease_left(&self, now: Instant) -> Option<Duration> {
        self.lease_until.map(|until| until.since(now))
    }
}
