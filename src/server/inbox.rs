//! What other threads tell the node thread.
//!
//! The way there has no bound of its own: what this host says must not get lost. Anybody on the
//! LAN can send datagrams, so of those only so many wait at a time; VRRP bears the loss of one.

use std::net::Ipv6Addr;
use std::sync::Arc;

use tokio::sync::oneshot;
use vrrp::packet::Datagram;

use crate::node::{Refused, Status};

/// Datagrams that wait for the node thread at a time. It takes one in microseconds.
const WAITING_MAX: usize = 256;

/// What other threads tell the node thread.
pub(super) enum Message {
    /// A datagram of protocol 112.
    Datagram(OwnedDatagram, Place),
    /// The interface lost or regained its carrier.
    InterfaceUp(bool),
    /// A virtual address is gone.
    AddressGone,
    /// A virtual address could not be added.
    AddressFailed,
    /// SIGTERM.
    Leave,
    /// `/status`.
    Status(oneshot::Sender<Status>),
    /// `twincached failover`.
    HandOver {
        force: bool,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
}

/// Places for datagrams on their way.
#[derive(Default)]
pub(super) struct Places(Arc<()>);

/// One of them, free again when it is dropped.
pub(super) struct Place {
    _taken: Arc<()>,
}

impl Places {
    /// A place, unless all are taken.
    pub fn take(&self) -> Option<Place> {
        (Arc::strong_count(&self.0) <= WAITING_MAX).then(|| Place {
            _taken: self.0.clone(),
        })
    }
}

/// A datagram on its way from the thread that received it.
pub(super) enum OwnedDatagram {
    Ipv4(Vec<u8>),
    Ipv6 {
        source: Ipv6Addr,
        destination: Ipv6Addr,
        hop_limit: u8,
        message: Vec<u8>,
    },
}

impl OwnedDatagram {
    pub fn of(datagram: &Datagram<'_>) -> OwnedDatagram {
        match *datagram {
            Datagram::Ipv4(bytes) => OwnedDatagram::Ipv4(bytes.to_vec()),
            Datagram::Ipv6 {
                source,
                destination,
                hop_limit,
                message,
            } => OwnedDatagram::Ipv6 {
                source,
                destination,
                hop_limit,
                message: message.to_vec(),
            },
        }
    }

    /// As the node takes it.
    pub fn borrow(&self) -> Datagram<'_> {
        match self {
            OwnedDatagram::Ipv4(bytes) => Datagram::Ipv4(bytes),
            OwnedDatagram::Ipv6 {
                source,
                destination,
                hop_limit,
                message,
            } => Datagram::Ipv6 {
                source: *source,
                destination: *destination,
                hop_limit: *hop_limit,
                message,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_datagrams_finds_no_more_places_than_there_are() {
        let places = Places::default();
        let mut taken: Vec<Place> = std::iter::from_fn(|| places.take()).take(1000).collect();
        assert_eq!(taken.len(), 256);
        taken.truncate(255);
        assert!(places.take().is_some());
    }
}
