//! What the machine tells of itself, to the node and to people.

use std::time::Duration;

use vrrp::time::Instant;

use super::catch_up::CatchUpFigures;
use super::peer::Peer;
use crate::command::Conflicts;
use crate::store::Store;

/// Figures for people.
#[derive(Clone, Copy, Default, Debug)]
pub struct Figures {
    /// Bytes given to connections since start.
    pub bytes_sent: u64,
    /// Bytes taken from connections since start.
    pub bytes_received: u64,
    /// Changes sent since start.
    pub records_sent: u64,
    /// Changes received since start.
    pub records_received: u64,
    /// Sessions that fed the stores since start.
    pub connections: u64,
    /// How often replies stopped waiting for the peer.
    pub degradations: u64,
    /// The peer's clock minus ours in milliseconds, at its last heartbeat.
    pub skew_ms: i64,
    /// Changes of ours that the peer could not store, as it told in its last heartbeat.
    pub refused_by_peer: u64,
    /// This node is master, and the peer hears none of its advertisements, as it told in its last
    /// heartbeat.
    pub unheard_by_peer: bool,
    /// When the peer was last heard.
    pub heard_at: Option<Instant>,
}

/// What a reply is worth, as README's table of promises says. Always one of these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// The peer has everything that was answered, and replies wait for it where they should.
    InSync,
    /// Connected, but the peer was too slow, and replies do not wait for it.
    Degraded,
    /// Nobody is connected.
    Disconnected,
    /// Connected, and the peer still lacks changes from before.
    CatchingUp,
}

impl Condition {
    /// The state in words, as the table has it.
    pub const fn name(self) -> &'static str {
        match self {
            Condition::InSync => "in sync",
            Condition::Degraded => "degraded",
            Condition::Disconnected => "disconnected",
            Condition::CatchingUp => "catching up",
        }
    }
}

impl Peer {
    /// The stores talk to each other.
    pub const fn is_connected(&self) -> bool {
        self.feeding.is_some()
    }

    /// What has last kept the nodes apart, in words, and when; `None` once they have met.
    pub fn last_refusal(&self) -> Option<(&str, Instant)> {
        self.refusals.last()
    }

    /// When a third node was last turned away, because two hosts make a pair.
    pub fn third_node_at(&self) -> Option<Instant> {
        self.third.map(|(_, at)| at)
    }

    /// The peer has everything that our replies vouch for.
    pub const fn peer_is_in_sync(&self) -> bool {
        self.sending.is_in_sync()
    }

    /// We have everything that the peer's replies vouch for.
    pub const fn is_in_sync(&self) -> bool {
        self.receiving.has_all
    }

    /// Replies wait for the peer (`acknowledge: peer`).
    pub const fn waits(&self) -> bool {
        self.options.acknowledge_peer
    }

    /// How far the running catch-up of the peer is.
    pub fn catch_up(&self, now: Instant) -> Option<CatchUpFigures> {
        self.sending.catch_up(now, self.figures.bytes_sent)
    }

    /// How long the oldest change that was sent has waited for the peer.
    pub fn lag(&self, now: Instant) -> Duration {
        self.sending.lag(now)
    }

    /// The position that we have reached in the peer's changes, summed over its shards.
    pub fn applied(&self) -> u64 {
        let positions = self.receiving.applied.iter().copied();
        positions.fold(0, u64::saturating_add)
    }

    /// How long replies did not wait although they should have, since start.
    pub fn degraded_for(&self, now: Instant) -> Duration {
        self.sending.degraded_for(now)
    }

    /// What a reply is worth now.
    pub const fn condition(&self) -> Condition {
        self.sending.condition()
    }

    /// Conflicts of the pair, whichever host counted them.
    pub fn conflicts(&self, store: &Store) -> Conflicts {
        let (here, told) = (store.conflicts(), self.conflicts_told.of_ours());
        Conflicts {
            lost: here.lost + told.lost,
            won: here.won + told.won,
        }
    }

    /// Figures for people.
    pub fn figures(&self) -> Figures {
        Figures {
            records_received: self.receiving.records,
            degradations: self.sending.degradations,
            heard_at: self.heard_at(),
            ..self.figures
        }
    }

    /// When the peer was last heard, if it is connected.
    pub fn heard_at(&self) -> Option<Instant> {
        let feeding = self.feeding.and_then(|id| self.sessions.get(&id));
        feeding.map(|session| session.heard_at)
    }

    /// The boot id told by the peer on the feeding session.
    pub fn peer_boot_id(&self) -> Option<u64> {
        self.feeding.map(|_| self.receiving.boot_id)
    }
}
