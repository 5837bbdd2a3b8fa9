//! What a node has seen of its peer, over VRRP and over the link.

use std::net::IpAddr;
use std::time::Duration;

use vrrp::packet::Advertisement;
use vrrp::time::Instant;

use super::HEARTBEAT_FRESH;
use crate::command::Standing;

/// The peer as its last heartbeat told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerSeen {
    /// What it said of itself.
    pub standing: Standing,
    /// Its node id.
    pub node_id: u64,
    /// When it said so.
    pub heard_at: Instant,
}

/// Everything the policy decides by. Times are when something was last seen; `None` is never.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// When this node started.
    pub started_at: Instant,
    /// When it last entered BACKUP.
    pub backup_since: Instant,
    /// It has been in sync since its boot.
    pub complete: bool,
    /// What it advertises since it took over, until both are in sync.
    pub takeover_priority: Option<u8>,
    /// A hello of the peer came since the start.
    pub hello_ever: bool,
    /// The priority configured on the peer, from its hello.
    pub hello_priority: Option<u8>,
    /// Where the peer's advertisements come from, from its hello.
    pub peer_address: Option<IpAddr>,
    /// The peer's last heartbeat on the present link.
    pub peer: Option<PeerSeen>,
    /// The last hello: since when the link stands.
    pub hello_at: Option<Instant>,
    /// The last heartbeat, whatever it said.
    pub link_heard_at: Option<Instant>,
    /// The last advertisement over VRRP.
    pub advertisement_at: Option<Instant>,
    /// Its priority.
    pub advertised_priority: u8,
    /// The interval at which its sender advertises.
    pub advertised_interval: Option<Duration>,
    /// It came from a third router.
    pub advertised_by_third: bool,
    /// The priority last heard of a master, over VRRP or the link.
    pub priority_heard: u8,
    /// The last advertisement, or heartbeat of a master.
    pub master_sign_at: Option<Instant>,
    /// The last sign of any peer.
    pub peer_sign_at: Option<Instant>,
    /// Priority 0 was heard since the last sign of a master.
    pub priority_zero_at: Option<Instant>,
    /// The master's process is known to be dead, or handed over, since the last sign of it.
    pub master_died_at: Option<Instant>,
    /// It handed over.
    pub master_handed_over: bool,
    /// The peer was last known to have left, dead or handed over, and has not said since that it is
    /// master.
    pub peer_left_at: Option<Instant>,
}

impl Seen {
    /// Nothing but the start.
    pub fn from_start(now: Instant) -> Seen {
        Seen {
            started_at: now,
            backup_since: now,
            ..Seen::default()
        }
    }

    /// The peer, if its last heartbeat still speaks for it.
    pub fn fresh_peer(&self, now: Instant) -> Option<&PeerSeen> {
        self.peer
            .as_ref()
            .filter(|peer| now.since(peer.heard_at) <= HEARTBEAT_FRESH)
    }

    /// Whether advertisements of this source are a third router's: neither ours nor the peer's. A
    /// peer that has told no address could have any.
    pub fn is_third(&self, source: IpAddr) -> bool {
        self.peer_address.is_some_and(|peer| peer != source)
    }

    /// Whether an advertisement that arrives now is one that the peer had sent before it left: the
    /// link has been faster. A peer that is master again says so over the link first, and one that
    /// was started again takes longer.
    pub(super) fn is_left_over(&self, now: Instant, source: IpAddr) -> bool {
        let lately = |at: Instant| now.since(at) <= HEARTBEAT_FRESH;
        self.peer_address == Some(source) && self.peer_left_at.is_some_and(lately)
    }

    /// A third router was the last to show itself as master.
    pub(super) fn is_third_master(&self) -> bool {
        self.advertised_by_third
            && self.advertisement_at.is_some()
            && self.advertisement_at == self.master_sign_at
            && self.priority_zero_at.is_none()
    }

    /// An advertisement was accepted.
    pub fn advertisement(&mut self, now: Instant, source: IpAddr, told: &Advertisement) {
        let priority = told.priority;
        if priority > 0 && self.is_left_over(now, source) {
            return;
        }
        self.peer_sign_at = Some(now);
        self.advertised_interval = Some(told.interval);
        if priority == 0 {
            self.priority_zero_at = Some(now);
            return;
        }
        self.advertisement_at = Some(now);
        self.advertised_priority = priority;
        self.advertised_by_third = self.is_third(source);
        self.priority_heard = priority;
        self.master_sign(now);
    }

    /// A heartbeat, or a hello.
    pub fn heartbeat(&mut self, now: Instant, node_id: u64, standing: Standing) {
        self.peer = Some(PeerSeen {
            standing,
            node_id,
            heard_at: now,
        });
        self.link_heard_at = Some(now);
        self.peer_sign_at = Some(now);
        if standing.master {
            self.peer_left_at = None;
            self.priority_heard = standing.effective_priority;
            self.master_sign(now);
        }
    }

    /// The link is gone: its last word no longer counts.
    pub fn link_lost(&mut self) {
        self.peer = None;
    }

    /// The peer's process is dead. If a third router is master that says nothing of the master.
    pub fn peer_died(&mut self, now: Instant) {
        self.peer_gone(now, false);
    }

    /// The peer has handed over.
    pub fn peer_handed_over(&mut self, now: Instant) {
        self.peer_gone(now, true);
    }

    fn peer_gone(&mut self, now: Instant, handed_over: bool) {
        self.peer = None;
        self.peer_left_at = Some(now);
        if !self.is_third_master() {
            (self.master_died_at, self.master_handed_over) = (Some(now), handed_over);
        }
    }

    /// This node became BACKUP: what made it claim the address is past.
    pub fn entered_backup(&mut self, now: Instant) {
        self.backup_since = now;
        self.takeover_priority = None;
        self.priority_zero_at = None;
        self.master_died_at = None;
    }

    fn master_sign(&mut self, now: Instant) {
        self.master_sign_at = Some(now);
        self.priority_zero_at = None;
        self.master_died_at = None;
    }
}
