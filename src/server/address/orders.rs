//! What the node thread orders.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use tracing::warn;

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
