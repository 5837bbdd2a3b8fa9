//! The dead server's last word, and the answer to it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use vrrp::linux::{Error, Interface, VrrpSocket};
use vrrp::packet::{
    Advertisement, Authentication, DATAGRAM_BYTES_MAX, Delivery, Expected, Receiver, Version,
};

use crate::config::{Guard, VrrpVersion};

type Failure = Box<dyn std::error::Error>;

/// A successor that the link has told of the death needs milliseconds.
const SUCCESSOR_MAX: Duration = Duration::from_millis(200);

/// The way to the other routers. Opened as soon as the server is dead, so that what it hears has
/// been said since.
pub(super) struct Farewell {
    socket: VrrpSocket,
    receiver: Receiver,
    message: Vec<u8>,
}

impl Farewell {
    pub fn open(guard: &Guard, interface: &Interface) -> Result<Farewell, Failure> {
        let addresses: Vec<IpAddr> = guard.addresses.iter().map(|a| a.address).collect();
        let source = interface.primary(&addresses);
        let source = source.ok_or("the interface has no address to advertise from")?;
        let delivery = match guard.unicast_peer {
            Some(peer) => Delivery::Unicast { peer },
            None => Delivery::Multicast,
        };
        let version = match guard.version {
            VrrpVersion::Two => Version::V2,
            VrrpVersion::Three => Version::V3,
        };
        let authentication = guard
            .password
            .map_or(Authentication::None, Authentication::Password);
        let farewell = Advertisement {
            version,
            virtual_router_id: guard.virtual_router_id,
            priority: 0,
            interval: guard.advertisement_interval,
            addresses: addresses.clone(),
            authentication,
        };
        Ok(Farewell {
            socket: VrrpSocket::open(interface, source, delivery)?,
            receiver: Receiver::new(Expected {
                version,
                virtual_router_id: guard.virtual_router_id,
                authentication,
                interval: guard.advertisement_interval,
                own_address: source,
                delivery,
                addresses,
            }),
            message: farewell.encode(source, delivery.destination(source))?,
        })
    }

    /// Priority 0.
    pub fn say(&self) -> Result<(), Error> {
        self.socket.send(&self.message)
    }

    /// Waits until another master is heard, within a bound. Until it has announced the address the
    /// neighbours' caches point here, and here clients are at least told that nobody listens: they
    /// try again at once, where silence would cost them a second.
    pub fn await_successor(&mut self) -> bool {
        let until = Instant::now() + SUCCESSOR_MAX;
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            while let Ok(Some(datagram)) = self.socket.receive(&mut buffer) {
                let heard = self.receiver.accept(datagram);
                if heard.is_ok_and(|heard| heard.advertisement.priority > 0) {
                    return true;
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            let Ok(timeout) = Timespec::try_from(left) else {
                return false;
            };
            let polled = poll(
                &mut [PollFd::new(&self.socket, PollFlags::IN)],
                Some(&timeout),
            );
            if left.is_zero() || polled.is_err_and(|error| error != rustix::io::Errno::INTR) {
                return false;
            }
        }
    }
}
