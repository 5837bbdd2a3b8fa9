//! Leaving in order: SIGTERM and `twincached failover`.
//!
//! Hold new mutations, wait until the peer has everything, tell it to take over, write out the
//! answers, close the connections over the virtual address, remove it, priority 0. Every step is
//! bounded: a peer or a client that does not follow cannot keep the node from leaving.

use std::time::Duration;

use tracing::{info, warn};
use vrrp::time::Instant;

use super::{Action, Node};
use crate::replication::Peer;

/// The peer has this long to acknowledge what it lacks.
const DRAIN_MAX: Duration = Duration::from_secs(2);
/// Connections have this long to take their answers.
const CLOSE_MAX: Duration = Duration::from_millis(300);

/// How far the leaving has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leaving {
    No,
    Draining { until: Instant, exit: bool },
    Closing { until: Instant, exit: bool },
    Done,
}

impl Leaving {
    pub const fn poll_timeout(self) -> Option<Instant> {
        match self {
            Leaving::No | Leaving::Done => None,
            Leaving::Draining { until, .. } | Leaving::Closing { until, .. } => Some(until),
        }
    }
}

/// Why a node does not hand over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// It does not hold the address.
    NotMaster,
    /// There is nobody to hand over to.
    NoPeer,
    /// The peer lacks changes; `--force` hands over all the same.
    PeerNotInSync,
    /// It is leaving already.
    Leaving,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Refused::NotMaster => "this node is not master; ask the other one",
            Refused::NoPeer => "the peer is not connected; stop this node instead, or force it",
            Refused::PeerNotInSync => "the peer is not in sync; wait, or force it with --force",
            Refused::Leaving => "this node is leaving already",
        })
    }
}

impl Node {
    /// SIGTERM: leaves and ends with [`Action::Exit`].
    pub fn leave(&mut self, now: Instant) {
        match self.leaving {
            Leaving::No => {
                info!("leaving");
                self.begin_leaving(now, true);
            }
            Leaving::Draining { until, .. } => {
                self.leaving = Leaving::Draining { until, exit: true };
            }
            Leaving::Closing { until, .. } => self.leaving = Leaving::Closing { until, exit: true },
            Leaving::Done => {}
        }
        self.settle(now);
    }

    /// `twincached failover`: hands over and stays as BACKUP.
    pub fn hand_over(&mut self, now: Instant, force: bool) -> Result<(), Refused> {
        if self.leaving != Leaving::No {
            return Err(Refused::Leaving);
        }
        if !self.holder.is_master() {
            return Err(Refused::NotMaster);
        }
        match &self.peer {
            _ if force => {}
            Some(peer) if peer.is_connected() => {
                if !peer.peer_is_in_sync() {
                    return Err(Refused::PeerNotInSync);
                }
            }
            Some(_) | None => return Err(Refused::NoPeer),
        }
        info!(
            "handing over to the peer as asked{}",
            if force { ", by force" } else { "" }
        );
        self.begin_leaving(now, false);
        self.settle(now);
        Ok(())
    }

    /// Whether the node leaves for good.
    pub const fn is_exiting(&self) -> bool {
        matches!(
            self.leaving,
            Leaving::Draining { exit: true, .. }
                | Leaving::Closing { exit: true, .. }
                | Leaving::Done
        )
    }

    /// The connections over a virtual address are closed.
    pub fn connections_closed(&mut self, now: Instant) {
        if let Leaving::Closing { exit, .. } = self.leaving {
            self.leaving = if exit { Leaving::Done } else { Leaving::No };
            self.holder.leave(now, exit);
            while let Some(action) = self.holder.poll_action() {
                self.actions.push_back(action);
            }
            self.actions.push_back(if exit {
                Action::Exit
            } else {
                Action::HoldMutations(false)
            });
        }
        self.settle(now);
    }

    fn begin_leaving(&mut self, now: Instant, exit: bool) {
        self.leaving = Leaving::Draining {
            until: now + DRAIN_MAX,
            exit,
        };
        self.actions.push_back(Action::HoldMutations(true));
    }

    pub(super) fn go_on_leaving(&mut self, now: Instant) {
        match self.leaving {
            Leaving::Draining { until, exit } => {
                let drained = self
                    .peer
                    .as_ref()
                    .is_none_or(|peer| peer.is_drained(&self.store));
                if !drained && now < until {
                    return;
                }
                if !drained {
                    warn!("leaving although the peer lacks some changes");
                }
                if let Some(peer) = self.peer.as_mut().filter(|peer| drained && is_synced(peer)) {
                    peer.hand_over();
                }
                self.leaving = Leaving::Closing {
                    until: now + CLOSE_MAX,
                    exit,
                };
                self.actions.push_back(Action::CloseConnections);
            }
            Leaving::Closing { until, .. } if now >= until => self.connections_closed(now),
            // The other node has taken over, and with the address the connections went. One that
            // lingers must not keep us leaving: the address may be handed back meanwhile.
            Leaving::Closing { exit: false, .. } if !self.holder.is_master() => {
                self.connections_closed(now);
            }
            Leaving::Closing { .. } | Leaving::No | Leaving::Done => {}
        }
    }
}

fn is_synced(peer: &Peer) -> bool {
    peer.is_connected() && peer.peer_is_in_sync()
}
