//! What the machine wants done, or others to know.

use super::hello::Settings;
use super::session::SessionId;
use crate::command::Standing;

/// What the machine wants done, or others to know.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// Connect to the peer, then call [`Peer::connected`] or [`Peer::dial_failed`].
    Dial,
    /// Send what [`Peer::poll_transmit`] still gives for this session, then close it.
    Close(SessionId),
    /// A session feeds the stores now.
    Connected {
        /// The peer is another process than the last time.
        new_boot: bool,
        /// The peer's node id.
        node_id: u64,
        /// How the peer is configured.
        settings: Settings,
    },
    /// The peer told what failover needs to know, in its hello or a heartbeat.
    Heard(Standing),
    /// The feeding session is gone.
    Lost,
    /// The process at the other end of the lost session no longer runs.
    ProcessDied,
    /// The peer has everything that our replies vouch for.
    PeerInSync,
    /// We have everything that the peer's replies vouch for.
    InSync,
    /// Replies no longer wait: wake all connections.
    Degraded,
    /// Replies wait for the peer again.
    Restored,
    /// Positions moved: wake connections with held replies.
    Acknowledged,
    /// The peer leaves and has given us everything.
    HandedOver,
}
