//! What a receiver has to say about a datagram.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// A difference in configuration that does not stop the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The sender has other virtual addresses. Accepted as a sign of life: two masters, each with
    /// its own list, would be worse. RFC 3768 §7.1 leaves the check to us ("MAY").
    Addresses {
        /// The sender's list.
        heard: Vec<IpAddr>,
    },
    /// Version 3 only: the sender's interval is another; a backup adopts it. RFC 9568 §7.1.
    Interval {
        /// The sender's interval.
        heard: Duration,
        /// Ours.
        expected: Duration,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Addresses { heard } => {
                write!(f, "the virtual addresses heard differ from ours:")?;
                heard.iter().try_for_each(|address| write!(f, " {address}"))
            }
            Warning::Interval { heard, expected } => {
                write!(
                    f,
                    "the advertisement interval heard is {heard:?}, ours is {expected:?}"
                )
            }
        }
    }
}

/// The first rule that a datagram broke, in the order of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The IPv4 header is cut short, lies about a length, or is of a fragment.
    IpHeader,
    /// Another protocol than 112.
    Protocol(u8),
    /// Multicast, and the TTL or hop limit is not 255: it did not come from this link.
    HopLimit(u8),
    /// Not sent to the group (multicast), or not to our address (unicast).
    Destination(IpAddr),
    /// Shorter than a header, without an address, or not as long as its address count says.
    Length,
    /// Another version than ours.
    Version(u8),
    /// Not an advertisement.
    Type(u8),
    /// The checksum is wrong.
    Checksum,
    /// Of another virtual router. Not a fault: several may share a network.
    VirtualRouterId(u8),
    /// Another authentication type than ours.
    AuthenticationType(u8),
    /// The password is another.
    Authentication,
    /// Sent from our own address: our own packet came back, or the address is taken.
    OwnSource,
    /// Unicast, and not from the configured peer.
    Source(IpAddr),
    /// Version 2: another interval than ours. Version 3: an interval of zero.
    Interval {
        /// The sender's interval.
        heard: Duration,
        /// Ours.
        expected: Duration,
    },
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::IpHeader => f.write_str("malformed IP header"),
            Rejection::Protocol(heard) => write!(f, "IP protocol {heard} instead of 112"),
            Rejection::HopLimit(heard) => write!(f, "TTL {heard} instead of 255"),
            Rejection::Destination(heard) => write!(f, "sent to {heard}, which is not for us"),
            Rejection::Length => f.write_str("wrong message length"),
            Rejection::Version(heard) => write!(f, "version {heard} instead of ours"),
            Rejection::Type(heard) => write!(f, "message type {heard} instead of 1"),
            Rejection::Checksum => f.write_str("wrong checksum"),
            Rejection::VirtualRouterId(heard) => {
                write!(f, "virtual router id {heard} instead of ours")
            }
            Rejection::AuthenticationType(heard) => {
                write!(f, "authentication type {heard} instead of ours")
            }
            Rejection::Authentication => f.write_str("wrong password"),
            Rejection::OwnSource => f.write_str("sent from our own address"),
            Rejection::Source(heard) => write!(f, "sent by {heard}, which is not the peer"),
            Rejection::Interval { heard, expected } => {
                write!(
                    f,
                    "advertisement interval {heard:?} instead of {expected:?}"
                )
            }
        }
    }
}

impl std::error::Error for Rejection {}
