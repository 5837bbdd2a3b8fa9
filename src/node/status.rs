//! The state of a node for people and programs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use vrrp::router::{Heard, Role};
use vrrp::time::Instant;

use super::Node;
use crate::replication::{Condition, Peer};
use crate::store::Counters;

/// A link that has been silent for longer is called disconnected.
const HEARD_LATELY: Duration = Duration::from_millis(500);

/// Everything `/status` shows.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The program's version.
    pub version: &'static str,
    /// The node itself.
    pub node: NodeStatus,
    /// The virtual router, if one is configured.
    pub vrrp: Option<VrrpStatus>,
    /// The link, if a peer is configured.
    pub replication: Option<ReplicationStatus>,
    /// The items.
    pub store: StoreStatus,
}

/// The node itself.
#[derive(Clone, Debug, Serialize)]
pub struct NodeStatus {
    /// It has been in sync since its boot, or needs no peer for that.
    pub complete: bool,
    /// Clients are answered.
    pub serving: bool,
    /// Seconds since start.
    pub uptime_s: u64,
}

/// The virtual router.
#[derive(Clone, Debug, Serialize)]
pub struct VrrpStatus {
    /// `INITIALIZE`, `BACKUP` or `MASTER`.
    pub state: String,
    /// This host's own address there, by which its advertisements are known.
    pub address: String,
    /// Why it is in this state.
    pub reason: String,
    /// Milliseconds since the state changed.
    pub since_ms: u64,
    /// The priority it advertises, or would.
    pub effective_priority: u8,
    /// The configured priority.
    pub priority: u8,
    /// The virtual addresses.
    pub virtual_addresses: Vec<String>,
    /// The lease has not run out.
    pub holds_address: bool,
    /// Milliseconds left of the lease.
    pub lease_remaining_ms: Option<u64>,
    /// The interface.
    pub interface: String,
    /// It has a carrier, so that the virtual router takes part.
    pub interface_up: bool,
    /// Somebody holds the virtual addresses, as far as this host knows: itself, or a master that
    /// was heard within Master_Down_Interval, over VRRP or the link.
    pub master_known: bool,
    /// The host of the peer, where something else than twincached advertises too.
    pub other_speaker: Option<String>,
    /// The last other master heard over VRRP, if that was within Master_Down_Interval.
    pub master_seen: Option<String>,
    /// Its priority.
    pub master_priority: Option<u8>,
    /// Milliseconds since a master was last heard over VRRP, however long ago.
    pub master_heard_ms: Option<u64>,
    /// Milliseconds between two advertisements, as configured.
    pub advertisement_interval_ms: u64,
    /// The peer is master, as the link says, and none of its advertisements arrive.
    pub master_unheard: bool,
    /// This node is master, and the peer says over the link that it hears no advertisement.
    pub unheard_by_peer: bool,
    /// Advertisements sent.
    pub advertisements_sent: u64,
    /// Advertisements accepted.
    pub received: u64,
    /// Advertisements rejected, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
}

/// The link.
#[derive(Clone, Debug, Serialize)]
pub struct ReplicationStatus {
    /// `connected` or `disconnected`.
    pub state: &'static str,
    /// `in sync`, `degraded`, `disconnected` or `catching up`: what a reply is worth, as README's
    /// table says.
    pub progress: &'static str,
    /// It is `in sync`.
    pub in_sync: bool,
    /// The peer has everything that our replies vouch for, also where it is called degraded.
    pub peer_has_all: bool,
    /// We have everything that the peer's replies vouch for.
    pub have_all: bool,
    /// What has last kept the nodes apart, in words; nothing once they have met.
    pub last_refusal: Option<String>,
    /// Milliseconds since then.
    pub last_refusal_ms: Option<u64>,
    /// Milliseconds since a third node wanted to be the peer while the present one lived.
    pub third_node_ms: Option<u64>,
    /// `peer` or `local`.
    pub acknowledge: &'static str,
    /// Replies wait for the peer now.
    pub waiting_for_peer: bool,
    /// It is `degraded`: connected, and replies do not wait although they should.
    pub degraded: bool,
    /// Times the waiting was given up.
    pub degradations: u64,
    /// Milliseconds in which replies did not wait although they should have, since start.
    pub degraded_ms: u64,
    /// Changes of ours that the peer has not acknowledged.
    pub lag_items: u64,
    /// Bytes of keys and values among them; beyond some hundred items an estimate.
    pub lag_bytes: u64,
    /// Milliseconds that the oldest change on its way has waited for the peer.
    pub lag_ms: u64,
    /// Number of the last change in our change lists, summed over the shards.
    pub position: u64,
    /// The position up to which the peer has acknowledged ours.
    pub position_acknowledged: u64,
    /// The position that we have reached in the change lists of the peer's present boot.
    pub position_applied: u64,
    /// How far the peer's running catch-up is.
    pub catch_up: Option<CatchUpStatus>,
    /// Bytes sent over the link since start.
    pub bytes_sent: u64,
    /// Bytes received over the link since start.
    pub bytes_received: u64,
    /// Changes sent since start.
    pub records_sent: u64,
    /// Changes received since start.
    pub records_received: u64,
    /// Connections since start.
    pub connections: u64,
    /// The peer's clock minus ours.
    pub skew_ms: i64,
    /// Changes that lost against a newer one of the same key, where neither host knew of the
    /// other's. Both hosts tell the same.
    pub conflicts: u64,
    /// Those of them that were made here.
    pub conflicts_lost: u64,
    /// Those of them that were made on the peer.
    pub conflicts_won: u64,
    /// Changes of the peer that were older than what this node has, or were sent twice.
    pub outdated: u64,
    /// Changes of the peer that were not stored here: too large, or no memory.
    pub refused: u64,
    /// Changes of ours that the peer told it could not store.
    pub refused_by_peer: u64,
    /// Milliseconds since the peer was last heard.
    pub heard_ms: Option<u64>,
    /// What has to be the same on both hosts and was not when they last met, a sentence each.
    pub differences: Vec<String>,
}

/// A catch-up of the peer.
#[derive(Clone, Debug, Serialize)]
pub struct CatchUpStatus {
    /// Percent of the changes that the peer has.
    pub percent: u64,
    /// Changes that the peer has.
    pub changes_done: u64,
    /// Changes it lacked when the catch-up began.
    pub changes_total: u64,
    /// Bytes sent since then.
    pub bytes: u64,
    /// Bytes sent in a second.
    pub bytes_per_second: u64,
}

/// The items.
#[derive(Clone, Debug, Serialize)]
pub struct StoreStatus {
    /// Live items.
    pub items: u64,
    /// Bytes in use.
    pub bytes: u64,
    /// The memory limit.
    pub limit: u64,
    /// Removals kept until the peer knows of them.
    pub tombstones: u64,
    /// Items evicted since start.
    pub evictions: u64,
}

impl Node {
    /// The state now.
    pub fn status(&self, now: Instant) -> Status {
        let store = self.store.statistics();
        Status {
            version: env!("CARGO_PKG_VERSION"),
            node: NodeStatus {
                complete: self.holder.counts_as_complete(now),
                serving: self.serving,
                uptime_s: now.since(self.started_at).as_secs(),
            },
            vrrp: self.vrrp_status(now),
            replication: self.replication_status(now, &store.counters),
            store: StoreStatus {
                items: store.items,
                bytes: store.bytes,
                limit: store.limit,
                tombstones: store.tombstones,
                evictions: store.counters.evictions,
            },
        }
    }

    fn vrrp_status(&self, now: Instant) -> Option<VrrpStatus> {
        let router = self.holder.router()?;
        let (role, changed_at, reason) = self.holder.last_change();
        let (sent, counters) = self.holder.counters();
        let heard = router.last_advertisement();
        let lately = |heard: &Heard| now.since(heard.at) <= router.master_down_interval();
        let master = heard.filter(lately);
        let (interface, interface_up) = self.holder.interface();
        let named = counters
            .map(|counters| counters.named())
            .unwrap_or_default();
        let accepted = |(name, _): &&(&'static str, u64)| *name == "accepted";
        let lease = self.holder.lease_left(now);
        Some(VrrpStatus {
            state: role_name(*role).to_owned(),
            address: router.config().primary_address.to_string(),
            reason: reason.clone(),
            since_ms: now.since(*changed_at).as_millis() as u64,
            effective_priority: self.holder.effective_priority(now),
            priority: self.settings.priority,
            virtual_addresses: self.settings.virtual_addresses.clone(),
            holds_address: lease.is_some_and(|left| !left.is_zero()),
            lease_remaining_ms: lease.map(|left| left.as_millis() as u64),
            interface: interface.to_owned(),
            interface_up,
            other_speaker: self.holder.other_speaker(now).map(|host| host.to_string()),
            master_known: self.holder.knows_a_master(now),
            master_seen: master.map(|heard| heard.source.to_string()),
            master_priority: master.map(|heard| heard.priority),
            master_heard_ms: heard.map(|heard| now.since(heard.at).as_millis() as u64),
            advertisement_interval_ms: self.settings.advertisement_interval_ms.into(),
            master_unheard: self.holder.master_is_unheard(),
            unheard_by_peer: self.holder.is_master() && self.is_unheard_by_peer(),
            advertisements_sent: sent,
            received: named.iter().find(accepted).map_or(0, |(_, count)| *count),
            rejected: named
                .iter()
                .filter(|entry| !accepted(entry))
                .copied()
                .collect(),
        })
    }

    fn is_unheard_by_peer(&self) -> bool {
        let connected = self.peer.as_ref().filter(|peer| peer.is_connected());
        connected.is_some_and(|peer| peer.figures().unheard_by_peer)
    }

    fn replication_status(&self, now: Instant, counters: &Counters) -> Option<ReplicationStatus> {
        let peer = self.peer.as_ref()?;
        let lag = self.store.lag();
        let (position, position_acknowledged) = self.store.position();
        let figures = peer.figures();
        let conflicts = peer.conflicts(&self.store);
        let refusal = peer.last_refusal();
        let heard_lately = is_heard(peer, now);
        let condition = match heard_lately {
            true => peer.condition(),
            false => Condition::Disconnected,
        };
        Some(ReplicationStatus {
            state: match condition {
                Condition::Disconnected => "disconnected",
                Condition::InSync | Condition::Degraded | Condition::CatchingUp => "connected",
            },
            progress: condition.name(),
            in_sync: condition == Condition::InSync,
            peer_has_all: peer.peer_is_in_sync() && heard_lately,
            have_all: peer.is_in_sync() && heard_lately,
            last_refusal: refusal.map(|(what, _)| what.to_owned()),
            last_refusal_ms: refusal.map(|(_, at)| now.since(at).as_millis() as u64),
            third_node_ms: peer
                .third_node_at()
                .map(|at| now.since(at).as_millis() as u64),
            acknowledge: if peer.waits() { "peer" } else { "local" },
            waiting_for_peer: self.store.acknowledged().is_holding(),
            degraded: condition == Condition::Degraded,
            degradations: figures.degradations,
            degraded_ms: peer.degraded_for(now).as_millis() as u64,
            lag_ms: peer.lag(now).as_millis() as u64,
            catch_up: peer.catch_up(now).map(|figures| CatchUpStatus {
                percent: figures.percent(),
                changes_done: figures.changes_done,
                changes_total: figures.changes_total,
                bytes: figures.bytes,
                bytes_per_second: figures.rate(),
            }),
            lag_items: lag.changes,
            lag_bytes: lag.bytes,
            position,
            position_acknowledged,
            position_applied: peer.applied(),
            bytes_sent: figures.bytes_sent,
            bytes_received: figures.bytes_received,
            records_sent: figures.records_sent,
            records_received: figures.records_received,
            connections: figures.connections,
            skew_ms: figures.skew_ms,
            conflicts: conflicts.lost + conflicts.won,
            conflicts_lost: conflicts.lost,
            conflicts_won: conflicts.won,
            outdated: counters.peer_older,
            refused: counters.peer_refused,
            refused_by_peer: figures.refused_by_peer,
            heard_ms: figures.heard_at.map(|at| now.since(at).as_millis() as u64),
            differences: self.differences.clone(),
        })
    }
}

/// A VRRP state as the RFC and every operator write it.
pub const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Initialize => "INITIALIZE",
        Role::Backup => "BACKUP",
        Role::Master => "MASTER",
    }
}

/// A connection over which nothing comes any more is none, though it has not been given up yet.
pub(super) fn is_heard(peer: &Peer, now: Instant) -> bool {
    let heard_at = peer.figures().heard_at;
    peer.is_connected() && heard_at.is_some_and(|at| now.since(at) <= HEARD_LATELY)
}
