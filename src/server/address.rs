//! The thread that touches the network for VRRP: raw socket, gratuitous ARP, addresses.
//!
//! It does what the node thread says, in order, and reports what it hears. Nothing of the data
//! path runs here, so no load delays an advertisement that was decided; a kernel that answers
//! slowly delays only this thread. It is the only one that keeps capabilities; therefore the guard
//! is in its hands too, which has to inherit them.

mod changes;
mod network;
mod orders;

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use tokio::sync::mpsc::UnboundedSender;
use tracing::{error, warn};
use vrrp::packet::DATAGRAM_BYTES_MAX;

pub(super) use self::network::Network;
pub(super) use self::orders::{AddressThread, Order};
use super::ServeError;
use super::inbox::{Message, OwnedDatagram, Places};
use super::shared::Shared;

/// How long the address stays for connections that wait to be taken and then reset. Meanwhile the
/// other host may have it already, and both answer to ARP.
const TAKE_MAX: Duration = Duration::from_millis(20);

impl Network {
    /// Starts the thread.
    pub fn start(
        self,
        inbox: UnboundedSender<Message>,
        shared: Arc<Shared>,
    ) -> Result<AddressThread, ServeError> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| ServeError::Runtime(format!("cannot open an eventfd: {error}")))?;
        let bell = Arc::new(bell);
        let (orders, queue) = channel();
        let heard = bell.clone();
        thread::Builder::new()
            .name("address".to_owned())
            .spawn(move || self.run(&queue, &heard, &inbox, &shared))
            .map_err(|error| ServeError::Runtime(format!("cannot start a thread: {error}")))?;
        Ok(AddressThread { orders, bell })
    }

    fn run(
        mut self,
        queue: &Receiver<Order>,
        bell: &OwnedFd,
        inbox: &UnboundedSender<Message>,
        shared: &Shared,
    ) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        let places = Places::default();
        loop {
            let mut descriptors = [
                PollFd::new(bell, PollFlags::IN),
                PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(self.monitor.as_fd(), PollFlags::IN),
            ];
            if let Err(failure) = poll(&mut descriptors, None)
                && failure != rustix::io::Errno::INTR
            {
                error!("vrrp: cannot wait for the network: {failure}");
                return;
            }
            // What was heard goes first: a decision that is on its way may depend on it.
            self.receive(&mut buffer, &places, inbox);
            self.watch(inbox);
            let _count = rustix::io::read(bell, &mut [0u8; 8]);
            while let Ok(order) = queue.try_recv() {
                if let Order::Finish(done) = order {
                    drop(self.guard);
                    let _waited = done.send(());
                    return;
                }
                self.perform(&order, inbox, shared);
            }
            if inbox.is_closed() {
                return;
            }
        }
    }

    fn receive(&mut self, buffer: &mut [u8], places: &Places, inbox: &UnboundedSender<Message>) {
        // A flood must not keep orders waiting: poll returns here for the rest.
        for _ in 0..64 {
            match self.socket.receive(buffer) {
                Ok(Some(datagram)) => {
                    if let Some(place) = places.take() {
                        let datagram = OwnedDatagram::of(&datagram);
                        let _ended = inbox.send(Message::Datagram(datagram, place));
                    }
                }
                Ok(None) => return,
                Err(failure) => {
                    warn!("vrrp: {failure}");
                    return;
                }
            }
        }
    }

    fn perform(&mut self, order: &Order, inbox: &UnboundedSender<Message>, shared: &Shared) {
        let index = self.interface.index;
        let result = match order {
            Order::Put(lifetime) => {
                // Before the address is there, so that it never is without somebody to remove it.
                self.guard.revive();
                self.guard.set_master(true);
                let mut each = self.virtual_addresses.iter();
                each.try_for_each(|v| {
                    self.addresses
                        .put(index, v.address, v.prefix_len, Some(*lifetime))
                })
            }
            Order::Remove => {
                let _shut = shared.accept_queues.shut();
                shared.accept_queues.wait_until_empty(TAKE_MAX);
                let mut each = self.virtual_addresses.iter();
                let removed =
                    each.try_for_each(|v| self.addresses.remove(index, v.address, v.prefix_len));
                self.guard.set_master(false);
                removed
            }
            Order::Advertise(message) => self.socket.send(message),
            Order::Finish(_) => Ok(()),
            Order::Announce => {
                let mut each = self.virtual_addresses.iter();
                each.try_for_each(|v| self.announcer.announce(v.address))
            }
        };
        match result {
            Ok(()) => self.failing = false,
            Err(failure) => {
                // Said once, not at every interval.
                if !std::mem::replace(&mut self.failing, true) {
                    error!("vrrp: {failure}");
                }
                if matches!(order, Order::Put(_)) {
                    let _ended = inbox.send(Message::AddressFailed);
                }
            }
        }
    }
}
