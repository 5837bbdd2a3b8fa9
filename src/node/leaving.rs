//! Leaving in order: SIGTERM and `twincached failover`.
//!
//! ```text
//! Draining ──the peer has everything──> Quieting ──no request is executed──> Flushing
//!    │                                                          the peer has everything │
//!    │ not master, or no peer in sync        │ the same                            HandingOver
//!    └───────────────────────────────> Closing <────────────── the peer is master ──────┘
//!                                         └──connections are closed──> address removed, priority 0
//! ```
//!
//! The address goes only when the peer has announced it as its own: a client that is told to connect
//! anew does so at once, and what it sends to a host that has no such address any more is answered
//! by nobody, which costs it a second (the first retransmission of TCP). Every step is bounded: a
//! peer or a client that does not follow cannot keep the node from leaving. A node that was only asked
//! to hand over stays master if the peer does not take over, or dies or freezes before it is told to:
//! only who ends, or was forced, gives the address up without an heir.

use std::time::Duration;

use tracing::{info, warn};
use vrrp::time::Instant;

use super::status::is_heard;
use super::{Action, Node};
use crate::command::Hold;
use crate::replication::Peer;

/// The peer has this long to acknowledge what it lacks.
const DRAIN_MAX: Duration = Duration::from_secs(2);
/// Workers have this long to stop executing requests. One that hangs does not.
const QUIET_MAX: Duration = Duration::from_millis(100);
/// The peer has this long to become master. It needs milliseconds, or is dead.
const HAND_OVER_MAX: Duration = Duration::from_millis(300);
/// Connections have this long to take their answers.
const CLOSE_MAX: Duration = Duration::from_millis(300);

/// How far the leaving has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leaving {
    No,
    Going {
        step: Step,
        /// Then the next step comes, whatever happened.
        until: Instant,
        aim: Aim,
    },
    Done,
}

/// What the leaving is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Aim {
    /// The peer is to hold the address, or else this node.
    HandOver,
    /// The same, also where the peer is not known to be able to.
    HandOverByForce,
    /// The process ends.
    Exit,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Draining,
    Quieting,
    Flushing,
    HandingOver,
    Closing,
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
    /// The peer would take other addresses; `--force` hands over all the same.
    OtherAddresses,
    /// It is leaving already.
    Leaving,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Refused::NotMaster => "this node is not master; ask the other one",
            Refused::NoPeer => "the peer is not connected; stop this node instead, or force it",
            Refused::PeerNotInSync => "the peer is not in sync; wait, or force it with --force",
            Refused::OtherAddresses => {
                "the peer has other virtual_addresses: clients would not find theirs there; \
                 make both configurations say the same, or force it with --force"
            }
            Refused::Leaving => "this node is leaving already",
        })
    }
}

impl Node {
    /// SIGTERM: leaves and ends with [`Action::Exit`].
    pub fn leave(&mut self, now: Instant) {
        match &mut self.leaving {
            Leaving::No => {
                info!("leaving");
                self.begin_leaving(now, Aim::Exit);
            }
            Leaving::Going { aim, .. } => *aim = Aim::Exit,
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
            Some(peer) if is_heard(peer, now) => {
                if !peer.peer_is_in_sync() {
                    return Err(Refused::PeerNotInSync);
                }
                if self.peer_has_other_addresses() {
                    return Err(Refused::OtherAddresses);
                }
            }
            Some(_) | None => return Err(Refused::NoPeer),
        }
        let (aim, by_force) = match force {
            true => (Aim::HandOverByForce, ", by force"),
            false => (Aim::HandOver, ""),
        };
        info!("handing over to the peer as asked{by_force}");
        self.begin_leaving(now, aim);
        self.settle(now);
        Ok(())
    }

    fn peer_has_other_addresses(&self) -> bool {
        let peers = self.peer_settings.as_ref();
        peers.is_some_and(|peers| peers.virtual_addresses != self.settings.virtual_addresses)
    }

    /// Whether the node leaves for good.
    pub const fn is_exiting(&self) -> bool {
        matches!(
            self.leaving,
            Leaving::Going { aim: Aim::Exit, .. } | Leaving::Done
        )
    }

    /// No request is executed any more, and what could be answered is.
    pub fn requests_held(&mut self, now: Instant) {
        if self.is_at(Step::Quieting) {
            self.enter(Step::Flushing, now + DRAIN_MAX);
        }
        self.settle(now);
    }

    /// The connections over a virtual address are closed.
    pub fn connections_closed(&mut self, now: Instant) {
        if self.is_at(Step::Closing) {
            self.end_leaving(now);
        }
        self.settle(now);
    }

    /// When [`Node::handle_timeout`] has to go on with the leaving.
    pub(super) fn leaving_timeout(&self) -> Option<Instant> {
        match self.leaving {
            Leaving::No | Leaving::Done => None,
            Leaving::Going { step, until, .. } => match self.holder.successor_at() {
                Some(at) if step == Step::HandingOver => Some(at.min(until)),
                Some(_) | None => Some(until),
            },
        }
    }

    /// The peer hands the address back while we have not finished leaving.
    pub(super) fn take_back(&mut self, now: Instant) {
        let stays = !self.is_exiting();
        if stays && (self.is_at(Step::HandingOver) || self.is_at(Step::Closing)) {
            self.end_leaving(now);
        }
    }

    pub(super) fn go_on_leaving(&mut self, now: Instant) {
        let Leaving::Going { step, until, aim } = self.leaving else {
            return;
        };
        let (is_late, exit) = (now >= until, aim == Aim::Exit);
        match step {
            Step::Draining if self.is_drained() || is_late => self.end_draining(now),
            Step::Quieting if is_late => self.enter(Step::Flushing, now + DRAIN_MAX),
            Step::Flushing if self.is_drained() || is_late => self.end_flushing(now),
            Step::HandingOver if self.has_successor(now) || is_late && exit => self.close(now),
            Step::HandingOver if is_late => self.stay("the peer did not take over"),
            // The other node has taken over, and with the address the connections went. One that
            // lingers must not keep us leaving: the address may be handed back meanwhile.
            Step::Closing if is_late || !exit && !self.holder.is_master() => self.end_leaving(now),
            Step::Draining
            | Step::Quieting
            | Step::Flushing
            | Step::HandingOver
            | Step::Closing => {}
        }
    }

    fn is_at(&self, wanted: Step) -> bool {
        matches!(self.leaving, Leaving::Going { step, .. } if step == wanted)
    }

    fn enter(&mut self, step: Step, until: Instant) {
        if let Leaving::Going {
            step: at,
            until: then,
            ..
        } = &mut self.leaving
        {
            (*at, *then) = (step, until);
        }
    }

    fn begin_leaving(&mut self, now: Instant, aim: Aim) {
        self.leaving = Leaving::Going {
            step: Step::Draining,
            until: now + DRAIN_MAX,
            aim,
        };
        self.actions.push_back(Action::Hold(Hold::Mutations));
    }

    fn is_drained(&self) -> bool {
        let drained = |peer: &Peer| peer.is_drained(&self.store);
        self.peer.as_ref().is_none_or(drained)
    }

    fn end_draining(&mut self, now: Instant) {
        let drained = self.is_drained();
        if drained && self.has_heir() {
            self.enter(Step::Quieting, now + QUIET_MAX);
            self.actions.push_back(Action::Hold(Hold::Everything));
            return;
        }
        if !drained && !self.stays_without_heir() {
            warn!("leaving although the peer lacks some changes");
        }
        self.end_without_heir(now);
    }

    /// The peer also has what was executed before every worker knew of the leaving.
    fn end_flushing(&mut self, now: Instant) {
        let (heir, drained) = (self.has_heir(), self.is_drained());
        match self.peer.as_mut().filter(|_| heir && drained) {
            Some(peer) => {
                peer.hand_over();
                self.holder.await_successor();
                self.enter(Step::HandingOver, now + HAND_OVER_MAX);
            }
            None => self.end_without_heir(now),
        }
    }

    /// The peer is gone, or does not follow. Where this node is no master any more somebody else has
    /// the address, and the leaving ends as if it had been handed over.
    fn end_without_heir(&mut self, now: Instant) {
        match self.stays_without_heir() {
            true => self.stay("the peer is gone, or lacks changes that it does not take"),
            false => self.close(now),
        }
    }

    fn stays_without_heir(&self) -> bool {
        let asked = matches!(
            self.leaving,
            Leaving::Going {
                aim: Aim::HandOver,
                ..
            }
        );
        asked && self.holder.is_master()
    }

    /// There is an address to give, and somebody to take it.
    fn has_heir(&self) -> bool {
        let is_synced = |peer: &Peer| peer.is_connected() && peer.peer_is_in_sync();
        self.holder.is_master() && self.peer.as_ref().is_some_and(is_synced)
    }

    fn has_successor(&self, now: Instant) -> bool {
        let at = self.holder.successor_at();
        !self.holder.is_master() || at.is_some_and(|at| now >= at)
    }

    /// The peer has died meanwhile, or cannot hold the address.
    fn stay(&mut self, why: &str) {
        warn!("{why}: this node stays master");
        self.leaving = Leaving::No;
        self.holder.cease_awaiting();
        self.actions.push_back(Action::Hold(Hold::Nothing));
    }

    fn close(&mut self, now: Instant) {
        self.enter(Step::Closing, now + CLOSE_MAX);
        self.actions.push_back(Action::CloseConnections);
    }

    fn end_leaving(&mut self, now: Instant) {
        let exit = self.is_exiting();
        self.leaving = if exit { Leaving::Done } else { Leaving::No };
        self.holder.leave(now, exit);
        while let Some(action) = self.holder.poll_action() {
            self.actions.push_back(action);
        }
        self.actions.push_back(match exit {
            true => Action::Exit,
            false => Action::Hold(Hold::Nothing),
        });
    }
}
