//! One node of the pair as a machine: replication peer, failover policy and VRRP router together.
//!
//! Inputs are bytes, datagrams, time and a few facts; outputs are [`Action`]s, drained after every
//! input, and bytes for the link. The server performs them; the simulator too.

mod holder;
mod leaving;
mod status;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;
use vrrp::packet::Datagram;
use vrrp::router::Role;
use vrrp::time::Instant;

pub use self::holder::Holder;
use self::leaving::Leaving;
pub use self::leaving::Refused;
pub use self::status::{
    CatchUpStatus, ReplicationStatus, Status, StoreStatus, VrrpStatus, role_name,
};
use crate::command::{Conflicts, Hold};
use crate::replication::{Event, Peer, SessionId, Settings};
use crate::store::Store;

/// How often the node looks after what has no timer of its own.
const TICK: Duration = Duration::from_millis(100);
/// Within this time the peer has told what it counted, with a heartbeat.
const TELLING: Duration = Duration::from_millis(500);

/// What the server has to do, in this order.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Connect to the peer; then [`Node::link_connected`] or [`Node::dial_failed`].
    Dial,
    /// Send what is left for this session, then close it.
    CloseSession(SessionId),
    /// Answers may go: wake the connections that hold some.
    Wake,
    /// Listen for clients from now on.
    OpenPorts,
    /// Add or renew the virtual addresses; requests over them may be executed until `until`.
    PutAddresses {
        /// End of the lease.
        until: Instant,
    },
    /// Reset every connection over a virtual address, and let none begin a request.
    ResetConnections,
    /// Remove the virtual addresses.
    RemoveAddresses,
    /// Send this VRRP message.
    Advertise(Vec<u8>),
    /// Tell the LAN who has the virtual addresses (gratuitous ARP).
    Announce,
    /// The VRRP state changed: for the hook.
    Changed {
        /// The new state.
        role: Role,
        /// Why.
        reason: String,
        /// The effective priority.
        priority: u8,
    },
    /// What of the clients' requests waits from now on. Where everything does, call
    /// [`Node::requests_held`] once no worker executes any and what could be answered is.
    Hold(Hold),
    /// Write out the answers of connections over a virtual address and close them, within a
    /// fraction of a second; then call [`Node::connections_closed`].
    CloseConnections,
    /// The node has left: end the process.
    Exit,
}

/// The machine.
pub struct Node {
    store: Arc<Store>,
    peer: Option<Peer>,
    holder: Holder,
    settings: Settings,
    /// How the peer is configured, by its last hello.
    peer_settings: Option<Settings>,
    peer_node_id: u64,
    /// What the peer was last heard to have configured differently.
    differences: Vec<String>,
    leaving: Leaving,
    serving: bool,
    conflicts_reported: Conflicts,
    /// After a merge, once the peer has told what it counted.
    report_conflicts_at: Option<Instant>,
    tick_at: Instant,
    started_at: Instant,
    actions: VecDeque<Action>,
}

impl Node {
    /// A node that has not started.
    pub fn new(
        now: Instant,
        store: Arc<Store>,
        peer: Option<Peer>,
        holder: Holder,
        settings: Settings,
    ) -> Node {
        Node {
            store,
            peer,
            holder,
            settings,
            peer_settings: None,
            peer_node_id: 0,
            differences: Vec::new(),
            leaving: Leaving::No,
            serving: false,
            conflicts_reported: Conflicts::default(),
            report_conflicts_at: None,
            tick_at: now,
            started_at: now,
            actions: VecDeque::new(),
        }
    }

    /// Begins: VRRP as BACKUP, the first dial.
    pub fn start(&mut self, now: Instant) {
        self.holder.start(now);
        self.handle_timeout(now);
    }

    /// A replication connection stands. `nonce` is random.
    pub fn link_connected(&mut self, now: Instant, id: SessionId, dialled: bool, nonce: [u8; 32]) {
        if let Some(peer) = &mut self.peer {
            peer.connected(now, id, dialled, nonce);
        }
        self.settle(now);
    }

    /// The peer could not be reached. `refused`: its host answers, but no process listens.
    pub fn dial_failed(&mut self, now: Instant, refused: bool) {
        self.holder.note_pause(now);
        if let Some(peer) = &mut self.peer {
            peer.dial_failed(now, refused, &self.store);
        }
        self.settle(now);
    }

    /// A replication connection is gone.
    pub fn link_closed(&mut self, now: Instant, id: SessionId) {
        self.holder.note_pause(now);
        if let Some(peer) = &mut self.peer {
            peer.closed(now, id, &self.store);
        }
        self.settle(now);
    }

    /// A connection to or from the peer was refused before it came to be, for a reason that somebody
    /// has to mend. It is told in the status.
    pub fn note_refusal(&mut self, now: Instant, what: &str) {
        if let Some(peer) = &mut self.peer {
            peer.note_refusal(now, what);
        }
    }

    /// Bytes arrived on a replication connection.
    pub fn handle_link_bytes(&mut self, now: Instant, id: SessionId, bytes: &[u8]) {
        self.holder.note_pause(now);
        if let Some(peer) = &mut self.peer {
            peer.handle_bytes(now, id, bytes, &self.store);
        }
        self.settle(now);
    }

    /// Appends bytes for a replication connection. True if there are more.
    pub fn poll_link_transmit(&mut self, now: Instant, id: SessionId, out: &mut Vec<u8>) -> bool {
        let more = match &mut self.peer {
            Some(peer) => peer.poll_transmit(now, id, &self.store, out),
            None => false,
        };
        self.settle(now);
        more
    }

    /// A datagram of protocol 112 arrived.
    pub fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.holder.handle_datagram(now, datagram);
        self.settle(now);
    }

    /// When the slowest worker last showed a sign of life. Call before [`Node::handle_timeout`].
    pub fn set_workers_at(&mut self, at: Instant) {
        self.holder.set_workers_at(at);
    }

    /// The interface lost or regained its carrier.
    pub fn set_interface_up(&mut self, now: Instant, up: bool) {
        self.holder.set_interface_up(now, up);
        self.settle(now);
    }

    /// A virtual address is gone from the interface.
    pub fn handle_address_gone(&mut self, now: Instant) {
        self.holder.handle_address_gone(now);
        self.settle(now);
    }

    /// A virtual address could not be added or renewed.
    pub fn handle_address_failed(&mut self, now: Instant) {
        self.holder.handle_address_failed(now);
        self.settle(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.holder.note_pause(now);
        if let Some(peer) = &mut self.peer {
            peer.handle_timeout(now, &self.store);
        }
        if now >= self.tick_at {
            self.tick_at = now + TICK;
            let heard_at = self.peer.as_ref().and_then(Peer::heard_at);
            self.store.flush_if_due(now, heard_at);
            self.report_conflicts(now);
        }
        self.holder.handle_timeout(now);
        self.settle(now);
    }

    /// When to call [`Node::handle_timeout`] at the latest.
    pub fn poll_timeout(&self, now: Instant) -> Instant {
        let peer = self.peer.as_ref().and_then(Peer::poll_timeout);
        let times = [peer, self.holder.poll_timeout(now), self.leaving_timeout()];
        times
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(self.tick_at)
            .min(self.tick_at)
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The boot id of the process that the link is connected to.
    pub fn peer_boot_id(&self) -> Option<u64> {
        self.peer.as_ref().and_then(Peer::peer_boot_id)
    }

    /// Whether changes wait to be sent to a connected peer.
    pub fn has_work_for_link(&self) -> bool {
        self.peer.as_ref().is_some_and(Peer::is_connected) && self.store.has_dirty()
    }

    /// Takes every output of the inner machines into ours, until nothing moves any more.
    fn settle(&mut self, now: Instant) {
        while let Some(event) = self.peer.as_mut().and_then(Peer::poll_event) {
            self.take_event(now, event);
        }
        let both = |peer: &Peer| peer.is_in_sync() && peer.peer_is_in_sync();
        self.holder
            .set_both_in_sync(self.peer.as_ref().is_some_and(both));
        self.go_on_leaving(now);
        while let Some(action) = self.holder.poll_action() {
            self.actions.push_back(action);
        }
        if !self.serving && self.holder.may_serve(now) {
            self.actions.push_back(Action::OpenPorts);
        }
        self.serving |= self.actions.contains(&Action::OpenPorts);
        let standing = self.holder.standing(now);
        if let Some(peer) = &mut self.peer {
            peer.set_standing(standing);
            peer.set_unheard(self.holder.master_is_unheard());
        }
    }

    /// After a merge: says how much of what was written here while apart has lost.
    fn report_conflicts(&mut self, now: Instant) {
        let Some(peer) = &self.peer else { return };
        if self.report_conflicts_at.take_if(|at| *at <= now).is_none() {
            return;
        }
        let conflicts = peer.conflicts(&self.store);
        let before = std::mem::replace(&mut self.conflicts_reported, conflicts);
        let lost = conflicts.lost.saturating_sub(before.lost);
        let won = conflicts.won.saturating_sub(before.won);
        if lost + won > 0 {
            warn!(
                "{} changes were made on both hosts: {lost} made here were overwritten by newer \
                 ones of the peer, and {won} of the peer by newer ones made here",
                lost + won
            );
        }
    }

    fn take_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Dial => self.actions.push_back(Action::Dial),
            Event::Close(id) => self.actions.push_back(Action::CloseSession(id)),
            Event::Connected {
                node_id, settings, ..
            } => {
                self.peer_node_id = node_id;
                self.differences = self.settings.differences(&settings);
                for difference in &self.differences {
                    warn!("the two nodes are configured differently: {difference}");
                }
                self.store
                    .heed_item_size_max(settings.item_size_max as usize);
                self.holder
                    .handle_hello(now, settings.priority, settings.primary_address);
                self.peer_settings = Some(settings);
            }
            Event::Heard(standing) => {
                self.holder
                    .handle_heartbeat(now, self.peer_node_id, standing);
            }
            Event::Lost => self.holder.handle_link_lost(now),
            Event::ProcessDied => self.holder.handle_peer_died(now),
            Event::HandedOver => {
                // It gives the address back while the last of our clients still linger.
                self.take_back(now);
                self.holder.handle_handed_over(now);
            }
            Event::PeerInSync | Event::InSync => {
                let peer = self.peer.as_ref().expect("it raised the event");
                if peer.is_in_sync() {
                    self.holder.set_complete(now);
                }
                self.report_conflicts_at = Some(now + TELLING);
            }
            Event::Degraded | Event::Acknowledged => {
                if self.actions.back() != Some(&Action::Wake) {
                    self.actions.push_back(Action::Wake);
                }
            }
            Event::Restored => {}
        }
    }
}
