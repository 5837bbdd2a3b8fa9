//! The sockets and what they stand on: opened at start, and again when the interface was made again.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use tracing::warn;
use vrrp::linux::{Addresses, Announcer, Interface, Monitor, VrrpSocket};
use vrrp::packet::Delivery;

use crate::config::VirtualAddress;
use crate::server::ServeError;
use crate::server::guard::GuardProcess;

/// How long a start waits for the end of duplicate address detection, which takes one to two
/// seconds after an interface came up (RFC 4862 §5.4).
const TENTATIVE_MAX: Duration = Duration::from_secs(3);
/// How often it is looked whether it has ended.
const TENTATIVE_POLL: Duration = Duration::from_millis(50);

/// Everything the thread works with, opened before it starts, so that what is missing is an error
/// at start.
pub(in crate::server) struct Network {
    pub(super) interface: Interface,
    pub(super) virtual_addresses: Vec<VirtualAddress>,
    pub(super) socket: VrrpSocket,
    pub(super) announcer: Announcer,
    pub(super) addresses: Addresses,
    pub(super) monitor: Monitor,
    pub(super) guard: GuardProcess,
    /// The address advertisements come from.
    pub source: IpAddr,
    pub(super) delivery: Delivery,
    pub(super) failing: bool,
    /// The interface has a carrier and is switched on.
    pub(super) running: bool,
    /// The interface has the address that advertisements come from.
    pub(super) addressed: bool,
    /// The interface was deleted; one made again under its name is not in use yet.
    pub(super) gone: bool,
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
