//! The virtual router.

#[cfg(doc)]
use super::PRIORITY_MAX;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The virtual router that holds the virtual addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vrrp {
    /// Network interface by name, at most 15 bytes. Whether it exists is seen at start.
    pub interface: String,
    /// VRID, 1 to 255, unique on the network segment.
    pub virtual_router_id: u8,
    /// Priority, 1 to [`PRIORITY_MAX`] (default 240).
    pub priority: u8,
    /// Time between advertisements (default 1 s). Version 2: whole seconds, 1 to 255. Version 3:
    /// multiples of 10 ms, 10 ms to 40.95 s.
    pub advertisement_interval: Duration,
    /// The addresses that move between the hosts, all of one family, at least one.
    pub virtual_addresses: Vec<VirtualAddress>,
    /// Protocol version; IPv6 needs version 3.
    pub version: VrrpVersion,
    /// Simple text password of version 2, padded with zeros (RFC 2338 §5.3.10).
    pub password: Option<[u8; 8]>,
    /// Send advertisements to this address instead of the multicast group.
    pub unicast_peer: Option<IpAddr>,
    /// How long a node that has just started waits for a sign of a peer before it claims the
    /// address. `None` is Master_Down_Interval + 2 s.
    pub join_hold: Option<Duration>,
    /// Program to run at each state change, an absolute path.
    pub on_change: Option<PathBuf>,
}

/// Version of the VRRP protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VrrpVersion {
    /// RFC 3768: IPv4, whole seconds, optional password.
    Two,
    /// RFC 5798 and 9568: IPv4 or IPv6, centiseconds.
    Three,
}

/// An address that moves between the hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VirtualAddress {
    /// The address.
    pub address: IpAddr,
    /// Prefix length it is added with, by default 32 or 128: no route comes with it.
    pub prefix_len: u8,
}

impl fmt::Display for VirtualAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}
