//! How other threads reach a worker that may be asleep in its poll.
//!
//! Ringing costs a system call only while the worker sleeps: a worker that is awake looks at the
//! bell before it lies down.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, OnceLock};

use mio::Waker;
use parking_lot::Mutex;

use super::virtual_connections::Registration;
use crate::connection::Client;

/// A connection on its way to a worker.
pub(super) enum Accepted {
    /// Over TCP; registered where it came over a virtual address.
    Tcp(TcpStream, Arc<Client>, Option<Registration>),
    /// Over the unix socket.
    Unix(UnixStream, Arc<Client>),
}

/// The door of one worker.
#[derive(Default)]
pub struct Door {
    waker: OnceLock<Waker>,
    /// Somebody rang since the worker last looked.
    rung: AtomicBool,
    /// The worker polls, or is about to.
    asleep: AtomicBool,
    /// Connections of this worker may wait for the peer.
    waits: AtomicBool,
    /// Every connection has to look again, not only those that wait.
    everyone: AtomicBool,
    /// Connections on their way to the worker, bounded by the limit of connections.
    accepted: Mutex<Vec<Accepted>>,
}

/// What the worker finds at its door.
pub(super) struct Visit {
    pub accepted: Vec<Accepted>,
    pub everyone: bool,
}

impl Door {
    /// The worker's poll can be woken by this from now on.
    pub fn attach(&self, waker: Waker) {
        let _attached_before = self.waker.set(waker);
    }

    /// Hands a connection over.
    pub(super) fn hand(&self, accepted: Accepted) {
        self.accepted.lock().push(accepted);
        self.ring();
    }

    /// Positions of the peer have moved: connections that wait for it look again.
    pub fn ring_waiting(&self) {
        // Pairs with the fence in `expect_waiting`: either the worker sees the new positions, or
        // this sees that it may wait for them.
        fence(Ordering::SeqCst);
        if self.waits.load(Ordering::SeqCst) {
            self.ring();
        }
    }

    /// Every connection looks again.
    pub fn ring_everyone(&self) {
        self.everyone.store(true, Ordering::SeqCst);
        self.ring();
    }

    /// The worker is about to execute: what it holds from now on may wait for the peer.
    pub(super) fn expect_waiting(&self) {
        self.waits.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// The worker has executed, and this is whether anything waits.
    pub(super) fn settle_waiting(&self, waits: bool) {
        self.waits.store(waits, Ordering::SeqCst);
    }

    /// Whether the worker may sleep. If not, somebody rang.
    pub(super) fn lie_down(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        !self.rung.load(Ordering::SeqCst)
    }

    /// The worker is awake. `None` if nobody rang.
    pub(super) fn answer(&self) -> Option<Visit> {
        self.asleep.store(false, Ordering::SeqCst);
        if !self.rung.load(Ordering::Relaxed) || !self.rung.swap(false, Ordering::SeqCst) {
            return None;
        }
        Some(Visit {
            accepted: std::mem::take(&mut *self.accepted.lock()),
            everyone: self.everyone.swap(false, Ordering::SeqCst),
        })
    }

    fn ring(&self) {
        if self.rung.swap(true, Ordering::SeqCst) || !self.asleep.load(Ordering::SeqCst) {
            return;
        }
        if let Some(waker) = self.waker.get()
            && let Err(error) = waker.wake()
        {
            tracing::warn!("a worker could not be woken: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll, Token};

    use super::*;

    fn door() -> (Door, Poll) {
        let poll = Poll::new().expect("a poll");
        let door = Door::default();
        door.attach(Waker::new(poll.registry(), Token(0)).expect("a waker"));
        (door, poll)
    }

    fn was_woken(poll: &mut Poll) -> bool {
        let mut events = Events::with_capacity(8);
        let polled = poll.poll(&mut events, Some(Duration::ZERO));
        polled.expect("a poll");
        !events.is_empty()
    }

    #[test]
    fn a_sleeping_worker_is_woken_once() {
        let (door, mut poll) = door();
        assert!(door.lie_down());
        door.ring_everyone();
        assert!(was_woken(&mut poll));
        door.ring_everyone();
        assert!(!was_woken(&mut poll));
        assert!(door.answer().expect("somebody rang").everyone);
        assert!(door.answer().is_none());
    }

    #[test]
    fn a_worker_that_is_awake_does_not_lie_down_after_a_ring() {
        let (door, mut poll) = door();
        door.ring_everyone();
        assert!(!was_woken(&mut poll));
        assert!(!door.lie_down());
        assert!(door.answer().is_some());
        assert!(door.lie_down());
    }

    #[test]
    fn moved_positions_ring_only_where_something_may_wait() {
        let (door, _poll) = door();
        door.ring_waiting();
        assert!(door.lie_down());
        door.expect_waiting();
        door.ring_waiting();
        assert!(!door.answer().expect("somebody rang").everyone);
        door.settle_waiting(false);
        door.ring_waiting();
        assert!(door.answer().is_none());
    }
}
