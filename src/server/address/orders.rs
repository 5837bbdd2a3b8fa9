//! What the node thread orders, and what it is told of in turn.

use std::net::Ipv6Addr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use tracing::warn;
use vrrp::packet::Datagram;

/// How long an ending process waits for the network.
const FINISH_MAX: Duration = Duration::from_secs(1);
/// What the node thread asks for.
#[derive(Debug)]
pub(in crate::server) enum Order {
    /// Add or renew the virtual addresses for this long.
    Put(Duration),
    Remove,
    Advertise(Vec<u8>),
    Announce,
    /// Everything before it is done: say so, and end.
    Finish(Sender<()>),
}

/// A datagram as it leaves this thread.
pub(in crate::server) enum OwnedDatagram {
    Ipv4(Vec<u8>),
    Ipv6 {
        source: Ipv6Addr,
        destination: Ipv6Addr,
        hop_limit: u8,
        message: Vec<u8>,
    },
}

impl OwnedDatagram {
    pub(super) fn of(datagram: &Datagram<'_>) -> OwnedDatagram {
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

/// The way to the thread.
#[derive(Clone)]
pub(in crate::server) struct AddressThread {
    pub(super) orders: Sender<Order>,
    pub(super) bell: Arc<OwnedFd>,
}

impl AddressThread {
    /// Waits until every order is carried out, within a second.
    pub fn finish(self) {
        let (done, finished) = channel();
        self.order(Order::Finish(done));
        if finished.recv_timeout(FINISH_MAX).is_err() {
            warn!("vrrp: the network did not follow within a second");
        }
    }

    pub fn order(&self, order: Order) {
        if self.orders.send(order).is_ok() {
            // A full counter means that the bell has rung already.
            let _rung = rustix::io::write(&*self.bell, &1u64.to_ne_bytes());
        }
    }
}
