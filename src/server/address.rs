//! The thread that touches the network for VRRP: raw socket, gratuitous ARP, addresses.
//!
//! It does what the node thread says, in order, and reports what it hears. Nothing of the data
//! path runs here, so no load delays an advertisement that was decided; a kernel that answers
//! slowly delays only this thread. It is the only one that keeps capabilities; therefore the guard
//! is in its hands too, which has to inherit them.

use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use tokio::sync::mpsc::UnboundedSender;
use tracing::{error, info, warn};
use vrrp::linux::{Addresses, Announcer, Interface, Monitor, NetworkEvent, VrrpSocket};
use vrrp::packet::{DATAGRAM_BYTES_MAX, Datagram, Delivery};

use super::ServeError;
use super::guard::GuardProcess;
use super::link::Message;
use super::shared::Shared;
use crate::config::VirtualAddress;

/// What the node thread asks for.
#[derive(Debug)]
pub(super) enum Order {
    /// Add or renew the virtual addresses for this long.
    Put(Duration),
    Remove,
    Advertise(Vec<u8>),
    Announce,
    /// Everything before it is done: say so, and end.
    Finish(Sender<()>),
}

/// How long an ending process waits for the network.
const FINISH_MAX: Duration = Duration::from_secs(1);
/// How long a start waits for the end of duplicate address detection, which takes one to two
/// seconds after an interface came up (RFC 4862 §5.4).
const TENTATIVE_MAX: Duration = Duration::from_secs(3);
/// How often it is looked whether it has ended.
const TENTATIVE_POLL: Duration = Duration::from_millis(50);

/// How long the address stays for connections that wait to be taken and then reset. Meanwhile the
/// other host may have it already, and both answer to ARP.
const TAKE_MAX: Duration = Duration::from_millis(20);

/// A datagram as it leaves this thread.
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
    fn of(datagram: &Datagram<'_>) -> OwnedDatagram {
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
pub(super) struct AddressThread {
    orders: Sender<Order>,
    bell: Arc<OwnedFd>,
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

/// Everything the thread works with, opened before it starts, so that what is missing is an error
/// at start.
pub(super) struct Network {
    interface: Interface,
    virtual_addresses: Vec<VirtualAddress>,
    socket: VrrpSocket,
    announcer: Announcer,
    addresses: Addresses,
    monitor: Monitor,
    guard: GuardProcess,
    /// The address advertisements come from.
    pub source: IpAddr,
    delivery: Delivery,
    failing: bool,
    /// The interface has a carrier and is switched on.
    running: bool,
    /// The interface has the address that advertisements come from.
    addressed: bool,
    /// The interface was deleted; one made again under its name is not in use yet.
    gone: bool,
}

impl Network {
    /// Opens sockets on the interface and removes virtual addresses that an earlier process left.
    pub fn open(
        name: &str,
        virtual_addresses: &[VirtualAddress],
        unicast_peer: Option<IpAddr>,
        guard: GuardProcess,
    ) -> Result<Network, ServeError> {
        let (interface, source) = find(name, virtual_addresses)?;
        let delivery = match unicast_peer {
            Some(peer) => Delivery::Unicast { peer },
            None => Delivery::Multicast,
        };
        let mut network = Network {
            socket: VrrpSocket::open(&interface, source, delivery).map_err(ServeError::network)?,
            announcer: Announcer::open(&interface).map_err(ServeError::network)?,
            addresses: Addresses::open().map_err(ServeError::network)?,
            monitor: Monitor::open().map_err(ServeError::network)?,
            guard,
            virtual_addresses: virtual_addresses.to_vec(),
            running: interface.up && interface.running,
            interface,
            source,
            delivery,
            failing: false,
            addressed: true,
            gone: false,
        };
        network.clear_leftovers()?;
        Ok(network)
    }

    /// Whether the interface can carry our advertisements.
    pub const fn is_usable(&self) -> bool {
        self.running && self.addressed && !self.gone
    }

    fn clear_leftovers(&mut self) -> Result<(), ServeError> {
        let held = self
            .addresses
            .list(self.interface.index)
            .map_err(ServeError::network)?;
        for virtual_address in self.virtual_addresses.clone() {
            let found = held
                .iter()
                .find(|held| held.address == virtual_address.address);
            if let Some(held) = found {
                warn!(
                    "{} was left on {}: removed",
                    held.address, self.interface.name
                );
                self.addresses
                    .remove(self.interface.index, held.address, held.prefix_len)
                    .map_err(ServeError::network)?;
            }
        }
        // Removing what is absent succeeds, unless the capability is missing: that shows now, not at
        // the first failover.
        let probe = self.virtual_addresses[0];
        self.addresses
            .remove(self.interface.index, probe.address, probe.prefix_len)
            .map_err(ServeError::network)
    }

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
            self.receive(&mut buffer, inbox);
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

    fn receive(&mut self, buffer: &mut [u8], inbox: &UnboundedSender<Message>) {
        // A flood must not keep orders waiting: poll returns here for the rest.
        for _ in 0..64 {
            match self.socket.receive(buffer) {
                Ok(Some(datagram)) => {
                    let _ended = inbox.send(Message::Datagram(OwnedDatagram::of(&datagram)));
                }
                Ok(None) => return,
                Err(failure) => {
                    warn!("vrrp: {failure}");
                    return;
                }
            }
        }
    }

    fn watch(&mut self, inbox: &UnboundedSender<Message>) {
        for _ in 0..64 {
            match self.monitor.poll_event() {
                Ok(Some(event)) => self.note(&event, inbox),
                Ok(None) => return,
                Err(failure) => {
                    warn!("vrrp: {failure}");
                    return;
                }
            }
        }
    }

    fn note(&mut self, event: &NetworkEvent, inbox: &UnboundedSender<Message>) {
        // An interface made again may have the old number, but none of the old sockets' groups.
        let ours = |index: u32| index == self.interface.index && !self.gone;
        let message = match event {
            NetworkEvent::LinkChanged {
                index, up, running, ..
            } if ours(*index) => {
                self.running = *up && *running;
                Message::InterfaceUp(self.is_usable())
            }
            NetworkEvent::LinkGone { index, .. } if ours(*index) => {
                self.gone = true;
                Message::InterfaceUp(false)
            }
            NetworkEvent::AddressGone { index, address }
                if ours(*index) && *address == self.source =>
            {
                self.note_own_address(false);
                Message::InterfaceUp(false)
            }
            NetworkEvent::AddressAdded { index, address }
                if ours(*index) && *address == self.source =>
            {
                self.note_own_address(true);
                Message::InterfaceUp(self.is_usable())
            }
            NetworkEvent::AddressGone { index, address }
                if ours(*index) && self.is_virtual(*address) =>
            {
                Message::AddressGone
            }
            NetworkEvent::LinkChanged { name, .. } if *name == self.interface.name => {
                self.reopen(inbox);
                return;
            }
            // Advertisements need our own address, which comes after the interface.
            NetworkEvent::AddressAdded { address, .. } if self.gone && *address == self.source => {
                self.reopen(inbox);
                return;
            }
            NetworkEvent::Overrun => {
                self.look_again(inbox);
                return;
            }
            NetworkEvent::LinkChanged { .. }
            | NetworkEvent::LinkGone { .. }
            | NetworkEvent::AddressGone { .. }
            | NetworkEvent::AddressAdded { .. } => return,
        };
        let _ended = inbox.send(message);
    }

    /// Notifications were lost: whatever they would have said is read from the kernel.
    fn look_again(&mut self, inbox: &UnboundedSender<Message>) {
        self.running = match Interface::find(&self.interface.name) {
            Ok(found) if found.index == self.interface.index => found.up && found.running,
            Ok(_) => return self.reopen(inbox),
            Err(_) => false,
        };
        let held = self
            .addresses
            .list(self.interface.index)
            .unwrap_or_default();
        self.note_own_address(held.iter().any(|held| held.address == self.source));
        let _ended = inbox.send(Message::InterfaceUp(self.is_usable()));
        let all_held = self
            .virtual_addresses
            .iter()
            .all(|address| held.iter().any(|held| held.address == address.address));
        if !all_held {
            let _ended = inbox.send(Message::AddressGone);
        }
    }

    /// An interface was made again under our name: it has another index.
    fn reopen(&mut self, inbox: &UnboundedSender<Message>) {
        let Ok(interface) = Interface::find(&self.interface.name) else {
            return;
        };
        let opened = VrrpSocket::open(&interface, self.source, self.delivery)
            .and_then(|socket| Ok((socket, Announcer::open(&interface)?)));
        if let Ok((socket, announcer)) = opened {
            warn!("vrrp: interface {} was made again", interface.name);
            (self.socket, self.announcer) = (socket, announcer);
            self.running = interface.up && interface.running;
            self.interface = interface;
            (self.addressed, self.gone) = (true, false);
            let _ended = inbox.send(Message::InterfaceUp(self.is_usable()));
        }
    }

    /// Nothing can be sent from an address that is not there, and others know us by it: a master
    /// without it would be heard by nobody.
    fn note_own_address(&mut self, present: bool) {
        if std::mem::replace(&mut self.addressed, present) == present {
            return;
        }
        let (source, name) = (self.source, &self.interface.name);
        match present {
            true => info!("vrrp: {source} is on {name} again"),
            false => warn!(
                "vrrp: {source}, which advertisements come from, was removed from {name}: this node \
                 waits for it; restart it if the host has another address now"
            ),
        }
    }

    fn is_virtual(&self, address: IpAddr) -> bool {
        self.virtual_addresses
            .iter()
            .any(|virtual_one| virtual_one.address == address)
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

/// The interface, and its address to advertise from.
fn find(
    name: &str,
    virtual_addresses: &[VirtualAddress],
) -> Result<(Interface, IpAddr), ServeError> {
    let virtual_ips: Vec<IpAddr> = virtual_addresses.iter().map(|v| v.address).collect();
    let until = Instant::now() + TENTATIVE_MAX;
    loop {
        let interface = Interface::find(name).map_err(ServeError::network)?;
        if let Some(source) = interface.primary(&virtual_ips) {
            return Ok((interface, source));
        }
        let may_come = interface.addresses.iter().any(|held| held.tentative);
        if !may_come || Instant::now() >= until {
            return Err(ServeError::Runtime(format!(
                "interface {name} has no address of its own to advertise from; give it one"
            )));
        }
        thread::sleep(TENTATIVE_POLL);
    }
}
