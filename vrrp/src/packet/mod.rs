//! VRRP messages: a typed [`Advertisement`], its bytes, and the checks a received one must pass.
//!
//! Sending: fill an [`Advertisement`], [`Advertisement::encode`] it for a source and a destination.
//! Receiving: hand what a raw socket delivered to a [`Receiver`] as a [`Datagram`]; it accepts or
//! names the first rule that was broken.
//!
//! Nothing here panics on bytes from outside: every length is checked before a field is read.
//! What this module does not do: sockets (see `linux`), and deciding what an advertisement means
//! (see [`crate::router`]).

mod checksum;
mod counters;
mod ipv4;
mod receive;
mod rejection;
mod v2;
mod v3;

pub use counters::Counters;
pub use receive::{Accepted, Datagram, Expected, Receiver};
pub use rejection::{Rejection, Warning};

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The IP protocol number of VRRP. RFC 3768 §5.2.4.
pub const PROTOCOL: u8 = 112;
/// The TTL or hop limit of every advertisement; no router forwards one. RFC 3768 §5.2.3.
pub const HOP_LIMIT: u8 = 255;
/// The group that IPv4 advertisements are sent to. RFC 3768 §5.2.2.
pub const GROUP_IPV4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// The group that IPv6 advertisements are sent to. RFC 9568 §5.1.2.2.
pub const GROUP_IPV6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// The priority that says "the master stops". RFC 3768 §5.3.4.
pub const PRIORITY_STOP: u8 = 0;
/// The priority of the router that owns the addresses. RFC 3768 §5.3.4.
pub const PRIORITY_OWNER: u8 = 255;
/// The longest datagram a raw socket can deliver: the longest IPv4 header, or 255 IPv6 addresses.
pub const DATAGRAM_BYTES_MAX: usize = 60 + HEADER_BYTES + 255 * 16;

/// Both versions begin with as many bytes as this.
const HEADER_BYTES: usize = 8;
/// The only message type there is. RFC 3768 §5.3.2.
const TYPE_ADVERTISEMENT: u8 = 1;
const VERSION_AND_TYPE: usize = 0;
const VIRTUAL_ROUTER_ID: usize = 1;
const PRIORITY: usize = 2;
const COUNT: usize = 3;
const CHECKSUM: usize = 6;

/// The version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// RFC 3768: IPv4, whole seconds, an optional simple password.
    V2,
    /// RFC 9568 (before it RFC 5798): IPv4 and IPv6, hundredths of a second, no authentication.
    V3,
}

impl Version {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Version::V2 => 2,
            Version::V3 => 3,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VRRPv{}", self.number())
    }
}

/// Whether advertisements go to the group or to one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// To [`GROUP_IPV4`] or [`GROUP_IPV6`], as the RFCs say.
    Multicast,
    /// To one peer, as keepalived's `unicast_peer`. The hop limit is not checked then, since the
    /// peer may be behind a router; only `peer` is accepted as source.
    Unicast {
        /// The other router's address.
        peer: IpAddr,
    },
}

impl Delivery {
    /// Where an advertisement from `source` goes.
    pub const fn destination(self, source: IpAddr) -> IpAddr {
        match (self, source) {
            (Delivery::Unicast { peer }, _) => peer,
            (Delivery::Multicast, IpAddr::V4(_)) => IpAddr::V4(GROUP_IPV4),
            (Delivery::Multicast, IpAddr::V6(_)) => IpAddr::V6(GROUP_IPV6),
        }
    }
}

/// Authentication of version 2. Version 3 has none.
///
/// The password crosses the network in clear text: it keeps two virtual routers apart that were
/// given one VRID by mistake, and nobody out. RFC 3768 §10.2.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Authentication {
    /// Type 0.
    #[default]
    None,
    /// Type 1, "simple text password" of RFC 2338 §10.2, padded with zero bytes.
    Password([u8; 8]),
}

impl Authentication {
    /// The password `text`, padded with zero bytes as keepalived does.
    ///
    /// `None` where it is empty or longer than 8 bytes: keepalived would cut it silently, which
    /// hides that the end of a password has no effect.
    pub fn password(text: &str) -> Option<Authentication> {
        let mut octets = [0; 8];
        octets
            .get_mut(..text.len())
            .filter(|to| !to.is_empty())?
            .copy_from_slice(text.as_bytes());
        Some(Authentication::Password(octets))
    }

    const fn wire_type(self) -> u8 {
        match self {
            Authentication::None => 0,
            Authentication::Password(_) => 1,
        }
    }
}

/// Never shows the password.
impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Authentication::None => "None",
            Authentication::Password(_) => "Password(..)",
        })
    }
}

/// One advertisement, the only message of VRRP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertisement {
    /// The version that it is or was encoded in.
    pub version: Version,
    /// The VRID, 1 to 255.
    pub virtual_router_id: u8,
    /// [`PRIORITY_STOP`], or 1 to 254, or [`PRIORITY_OWNER`].
    pub priority: u8,
    /// The advertisement interval: whole seconds up to 255 in version 2, hundredths of a second up
    /// to 40.95 s in version 3. Never zero when sent.
    pub interval: Duration,
    /// The virtual router's addresses, 1 to 255 of one family.
    ///
    /// RFC 9568 §5.2.9 wants a link-local one first among those of IPv6, by which hosts know their
    /// router. An address of a service needs none, so that is left to the caller, as in keepalived.
    pub addresses: Vec<IpAddr>,
    /// [`Authentication::None`] in version 3.
    pub authentication: Authentication,
}

/// Why an [`Advertisement`] has no bytes. The caller's configuration is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// The VRID is 0.
    VirtualRouterId,
    /// No address, or more than 255.
    AddressCount,
    /// Addresses of both families, of another family than the source, or IPv6 in version 2.
    AddressFamily,
    /// The interval is zero, too long, or finer than the version can say.
    Interval,
    /// A password in version 3.
    Authentication,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EncodeError::VirtualRouterId => "the virtual router id must be 1 to 255",
            EncodeError::AddressCount => "a virtual router has 1 to 255 addresses",
            EncodeError::AddressFamily => {
                "the addresses must be of one family, that of the source, and IPv4 in version 2"
            }
            EncodeError::Interval => {
                "the interval must be whole seconds up to 255 s in version 2, \
                 hundredths of a second up to 40.95 s in version 3"
            }
            EncodeError::Authentication => "version 3 has no authentication",
        })
    }
}

impl std::error::Error for EncodeError {}

impl Advertisement {
    /// Whether [`Advertisement::encode`] will succeed for a source of the addresses' family.
    pub fn check(&self) -> Result<(), EncodeError> {
        let first = self.addresses.first().ok_or(EncodeError::AddressCount)?;
        if self.virtual_router_id == 0 {
            return Err(EncodeError::VirtualRouterId);
        }
        if self.addresses.len() > 255 {
            return Err(EncodeError::AddressCount);
        }
        if self
            .addresses
            .iter()
            .any(|address| address.is_ipv4() != first.is_ipv4())
        {
            return Err(EncodeError::AddressFamily);
        }
        match self.version {
            Version::V2 => v2::check(self),
            Version::V3 => v3::check(self),
        }
    }

    /// The bytes of the message, checksum included, without an IP header.
    ///
    /// `source` and `destination` enter the checksum of version 3, which is sent with the
    /// pseudo-header for IPv4 too, as keepalived sends and expects it.
    pub fn encode(&self, source: IpAddr, destination: IpAddr) -> Result<Vec<u8>, EncodeError> {
        self.check()?;
        if self.addresses[0].is_ipv4() != source.is_ipv4()
            || source.is_ipv4() != destination.is_ipv4()
        {
            return Err(EncodeError::AddressFamily);
        }
        let mut message = match self.version {
            Version::V2 => v2::emit(self),
            Version::V3 => v3::emit(self),
        };
        let checksum = match self.version {
            Version::V2 => checksum::message_only(&message),
            Version::V3 => checksum::with_pseudo_header(source, destination, &message),
        };
        message[CHECKSUM..CHECKSUM + 2].copy_from_slice(&checksum.to_be_bytes());
        Ok(message)
    }

    /// The four bytes that both versions begin with.
    fn emit_common(&self, message: &mut Vec<u8>) {
        message.push(self.version.number() << 4 | TYPE_ADVERTISEMENT);
        message.push(self.virtual_router_id);
        message.push(self.priority);
        message.push(self.addresses.len() as u8);
    }

    fn emit_addresses(&self, message: &mut Vec<u8>) {
        for address in &self.addresses {
            match address {
                IpAddr::V4(address) => message.extend_from_slice(&address.octets()),
                IpAddr::V6(address) => message.extend_from_slice(&address.octets()),
            }
        }
    }
}

/// The IPv4 addresses that `bytes`, a multiple of four, hold.
fn parse_ipv4_addresses(bytes: &[u8]) -> Vec<IpAddr> {
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|octets| IpAddr::from(*octets))
        .collect()
}

/// The IPv6 addresses that `bytes`, a multiple of sixteen, hold.
fn parse_ipv6_addresses(bytes: &[u8]) -> Vec<IpAddr> {
    bytes
        .as_chunks::<16>()
        .0
        .iter()
        .map(|octets| IpAddr::from(*octets))
        .collect()
}

#[cfg(test)]
mod tests;
