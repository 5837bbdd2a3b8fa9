//! A master that hands over waits for its successor, and holds the address until then.

use std::time::Duration;

use vrrp::time::Instant;

use super::Holder;

/// A successor announces the address right after its advertisement. Where only the link tells of it,
/// because advertisements do not arrive, it has this long.
const ANNOUNCE_MAX: Duration = Duration::from_millis(50);

/// What is known of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Successor {
    NotAwaited,
    Awaited,
    /// It is master, and its announcement has gone out at this time at the latest.
    Known {
        from: Instant,
    },
}

impl Successor {
    pub const fn is_awaited(self) -> bool {
        !matches!(self, Successor::NotAwaited)
    }

    /// Its advertisement was heard.
    pub fn advertises(&mut self, now: Instant) {
        *self = Successor::Known { from: now };
    }

    /// It has said over the link that it is master.
    pub fn is_told(&mut self, now: Instant) {
        if *self == Successor::Awaited {
            let from = now + ANNOUNCE_MAX;
            *self = Successor::Known { from };
        }
    }
}

impl Holder {
    /// The peer was told to take over. Until it has, this node keeps the address, and does not
    /// dispute with it who is the better master.
    pub fn await_successor(&mut self) {
        self.successor = Successor::Awaited;
    }

    /// It does not come.
    pub fn cease_awaiting(&mut self) {
        self.successor = Successor::NotAwaited;
    }

    /// When the address may go.
    pub const fn successor_at(&self) -> Option<Instant> {
        match self.successor {
            Successor::NotAwaited | Successor::Awaited => None,
            Successor::Known { from } => Some(from),
        }
    }
}
