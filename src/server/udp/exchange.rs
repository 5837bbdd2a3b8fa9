//! One request over UDP, and its answer as far as there is one.

use std::net::{IpAddr, SocketAddr};

use super::frames::frames;
use crate::connection::Connection;

/// One request and where its answer goes.
pub(super) struct Exchange {
    pub connection: Connection,
    pub answer: Vec<u8>,
    pub request_id: [u8; 2],
    pub client: SocketAddr,
    /// The address the client asked.
    pub asked: Option<IpAddr>,
    pub via_virtual: bool,
}

impl Exchange {
    /// The answer is not whole yet: the peer does not have it, or a handover is under way.
    pub fn waits(&self) -> bool {
        self.connection.is_holding() || self.connection.is_blocked()
    }

    /// Nothing but its own output kept it from going on.
    pub fn can_go_on(&self) -> bool {
        let connection = &self.connection;
        connection.has_work() || connection.is_blocked() && !connection.is_holding()
    }

    pub fn datagrams(&self) -> impl Iterator<Item = Vec<u8>> {
        frames(self.request_id, &self.answer)
    }
}
