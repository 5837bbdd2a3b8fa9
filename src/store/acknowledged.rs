//! How far the peer has followed: what a connection asks before it lets a reply go.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::command::Ticket;

/// The peer's acknowledged position per shard, and whether replies wait for it.
///
/// Written by the replication machine, read by every connection.
pub struct Acknowledged {
    /// One position per shard, and last the watermark that the peer has echoed.
    positions: Box<[AtomicU64]>,
    /// A peer is in sync and replies wait for it.
    holding: AtomicBool,
}

impl Acknowledged {
    pub(super) fn new(shards: usize) -> Acknowledged {
        Acknowledged {
            positions: (0..=shards).map(|_| AtomicU64::new(0)).collect(),
            holding: AtomicBool::new(false),
        }
    }

    /// The slot of the flush watermark, after those of the shards.
    pub fn watermark_slot(&self) -> u32 {
        (self.positions.len() - 1) as u32
    }

    /// Whether replies wait for the peer.
    pub fn is_holding(&self) -> bool {
        self.holding.load(Ordering::Acquire)
    }

    /// Starts or ends the waiting. Whoever waits must be woken after it ended.
    pub fn set_holding(&self, holding: bool) {
        self.holding.store(holding, Ordering::Release);
    }

    /// Whether a reply with this ticket may go.
    pub fn covers(&self, ticket: Ticket) -> bool {
        !self.is_holding()
            || self.positions[ticket.shard as usize].load(Ordering::Acquire) >= ticket.change
    }

    /// The position of a slot.
    pub fn position(&self, slot: usize) -> u64 {
        self.positions[slot].load(Ordering::Acquire)
    }

    pub(super) fn set(&self, slot: usize, position: u64) {
        self.positions[slot].store(position, Ordering::Release);
    }
}
