//! Worker threads: each serves the connections handed to it, in turns.

use std::io;
use std::sync::Arc;
use std::thread;

use mio::{Poll, Waker};

use super::client::READ_BYTES;
use super::door::Accepted;
use super::shared::Shared;
use super::terms::Terms;
use super::turns::{self, Turns};
use crate::connection::Facts;

/// The way to the workers, in turn.
pub(super) struct Workers {
    shared: Arc<Shared>,
    next: usize,
}

impl Workers {
    /// Starts one thread for each door.
    pub fn start(shared: &Arc<Shared>, terms: Terms) -> io::Result<Workers> {
        let facts = &shared.facts;
        for (number, door) in shared.doors.iter().enumerate() {
            Facts::add(&facts.read_buf_count, 1);
            Facts::add(&facts.read_buf_bytes, READ_BYTES as u64);
            let poll = Poll::new()?;
            door.attach(Waker::new(poll.registry(), turns::DOOR)?);
            let turns = Turns::new(shared.clone(), number, poll, terms);
            thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || turns.run())?;
        }
        Ok(Workers {
            shared: shared.clone(),
            next: 0,
        })
    }

    /// Hands a connection to the next worker. Connections are bounded by whoever accepts them.
    pub fn assign(&mut self, accepted: Accepted) {
        self.next = (self.next + 1) % self.shared.doors.len();
        self.shared.doors[self.next].hand(accepted);
    }
}
