//! The receive ladder: every check of RFC 3768 §7.1 and RFC 9568 §7.1, in one fixed order.
//!
//! The first rule that is broken names the [`Rejection`] and is counted. A rejected datagram has
//! no other effect.

use super::{
    Advertisement, Authentication, COUNT, Counters, Delivery, HEADER_BYTES, HOP_LIMIT, PROTOCOL,
    Rejection, TYPE_ADVERTISEMENT, VERSION_AND_TYPE, VIRTUAL_ROUTER_ID, Version, Warning, checksum,
    ipv4, v2, v3,
};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// What a raw socket of protocol 112 delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// IPv4: the packet with its IP header.
    Ipv4(&'a [u8]),
    /// IPv6: the kernel delivers the message, and the rest beside it.
    Ipv6 {
        /// The sender.
        source: Ipv6Addr,
        /// The group, or our own address.
        destination: Ipv6Addr,
        /// As received.
        hop_limit: u8,
        /// The message without an IP header.
        message: &'a [u8],
    },
}

/// What this router expects of the others. They must have been configured alike.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The version to accept; the other one is rejected.
    pub version: Version,
    /// Our VRID.
    pub virtual_router_id: u8,
    /// Our authentication; ignored in version 3.
    pub authentication: Authentication,
    /// Our advertisement interval. A difference is a rejection in version 2 and a warning in
    /// version 3.
    pub interval: Duration,
    /// The address we send from.
    pub own_address: IpAddr,
    /// How advertisements reach us.
    pub delivery: Delivery,
    /// Our virtual addresses, in any order.
    pub addresses: Vec<IpAddr>,
}

/// An advertisement that passed the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Who sent it.
    pub source: IpAddr,
    /// What it says.
    pub advertisement: Advertisement,
    /// What an operator should put right.
    pub warnings: Vec<Warning>,
}

/// Checks what is heard against what is [`Expected`], and counts the outcomes.
#[derive(Clone, Debug)]
pub struct Receiver {
    expected: Expected,
    counters: Counters,
}

impl Receiver {
    /// A receiver whose counters are zero.
    pub fn new(expected: Expected) -> Receiver {
        Receiver {
            expected,
            counters: Counters::default(),
        }
    }

    /// Climbs the ladder. Every call adds one to exactly one counter.
    pub fn accept(&mut self, datagram: Datagram<'_>) -> Result<Accepted, Rejection> {
        let outcome = self.expected.check(datagram);
        match &outcome {
            Ok(_) => self.counters.accepted += 1,
            Err(rejection) => self.counters.count(rejection),
        }
        outcome
    }

    /// How often what happened.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What this receiver compares with.
    pub fn expected(&self) -> &Expected {
        &self.expected
    }
}

/// A message and what the IP header said of it.
struct Envelope<'a> {
    source: IpAddr,
    destination: IpAddr,
    hop_limit: u8,
    message: &'a [u8],
}

impl Expected {
    fn check(&self, datagram: Datagram<'_>) -> Result<Accepted, Rejection> {
        let envelope = open(datagram)?;
        self.check_path(&envelope)?;
        self.check_message(&envelope)?;
        let advertisement = self.parse(&envelope)?;
        self.check_authentication(&advertisement)?;
        self.check_source(envelope.source)?;
        self.check_interval(&advertisement)?;
        let warnings = self.warnings(&advertisement);
        Ok(Accepted {
            source: envelope.source,
            advertisement,
            warnings,
        })
    }

    fn check_path(&self, envelope: &Envelope<'_>) -> Result<(), Rejection> {
        let destination = match self.delivery {
            // RFC 3768 §7.1: MUST verify that the IP TTL is 255.
            Delivery::Multicast if envelope.hop_limit != HOP_LIMIT => {
                return Err(Rejection::HopLimit(envelope.hop_limit));
            }
            Delivery::Multicast => self.delivery.destination(self.own_address),
            Delivery::Unicast { .. } => self.own_address,
        };
        if envelope.destination != destination {
            return Err(Rejection::Destination(envelope.destination));
        }
        Ok(())
    }

    /// Length, version, type, checksum and VRID: what must hold before the fields are read.
    fn check_message(&self, envelope: &Envelope<'_>) -> Result<(), Rejection> {
        let message = envelope.message;
        let header: &[u8; HEADER_BYTES] = message.first_chunk().ok_or(Rejection::Length)?;
        let (version, kind) = (
            header[VERSION_AND_TYPE] >> 4,
            header[VERSION_AND_TYPE] & 0x0f,
        );
        if version != self.version.number() {
            return Err(Rejection::Version(version));
        }
        if kind != TYPE_ADVERTISEMENT {
            return Err(Rejection::Type(kind));
        }
        let message_bytes = match self.version {
            Version::V2 => v2::message_bytes(header[COUNT]),
            Version::V3 => v3::message_bytes(header[COUNT], envelope.source.is_ipv6()),
        };
        // RFC 9568 §5.2.5: a count of 0 MUST be ignored; in version 2 it is as meaningless.
        if header[COUNT] == 0 || message.len() != message_bytes {
            return Err(Rejection::Length);
        }
        if !self.checksum_is_right(envelope) {
            return Err(Rejection::Checksum);
        }
        if header[VIRTUAL_ROUTER_ID] != self.virtual_router_id {
            return Err(Rejection::VirtualRouterId(header[VIRTUAL_ROUTER_ID]));
        }
        Ok(())
    }

    /// Version 3 over IPv4 is accepted with the pseudo-header (keepalived, most readings of
    /// RFC 5798) and without (RFC 9568 §5.2.8); both are in use.
    fn checksum_is_right(&self, envelope: &Envelope<'_>) -> bool {
        let Envelope {
            source,
            destination,
            message,
            ..
        } = *envelope;
        let alone = checksum::message_only(message) == 0;
        match self.version {
            Version::V2 => alone,
            Version::V3 => {
                (alone && source.is_ipv4())
                    || checksum::with_pseudo_header(source, destination, message) == 0
            }
        }
    }

    fn parse(&self, envelope: &Envelope<'_>) -> Result<Advertisement, Rejection> {
        match self.version {
            Version::V2 => v2::parse(envelope.message).map_err(Rejection::AuthenticationType),
            Version::V3 => Ok(v3::parse(envelope.message, envelope.source.is_ipv6())),
        }
    }

    fn check_authentication(&self, advertisement: &Advertisement) -> Result<(), Rejection> {
        if self.version == Version::V3 {
            return Ok(());
        }
        match (self.authentication, advertisement.authentication) {
            (Authentication::None, Authentication::None) => Ok(()),
            // One comparison of two integers: its time does not tell how many bytes are right.
            (Authentication::Password(ours), Authentication::Password(theirs))
                if u64::from_ne_bytes(ours) == u64::from_ne_bytes(theirs) =>
            {
                Ok(())
            }
            (Authentication::Password(_), Authentication::Password(_)) => {
                Err(Rejection::Authentication)
            }
            (_, theirs) => Err(Rejection::AuthenticationType(theirs.wire_type())),
        }
    }

    fn check_source(&self, source: IpAddr) -> Result<(), Rejection> {
        if source == self.own_address {
            return Err(Rejection::OwnSource);
        }
        match self.delivery {
            Delivery::Unicast { peer } if source != peer => Err(Rejection::Source(source)),
            Delivery::Unicast { .. } | Delivery::Multicast => Ok(()),
        }
    }

    fn check_interval(&self, advertisement: &Advertisement) -> Result<(), Rejection> {
        let heard = advertisement.interval;
        let right = match self.version {
            Version::V2 => heard == self.interval,
            // Adopting zero would make a backup claim the addresses at once.
            Version::V3 => !heard.is_zero(),
        };
        if right {
            Ok(())
        } else {
            Err(Rejection::Interval {
                heard,
                expected: self.interval,
            })
        }
    }

    fn warnings(&self, advertisement: &Advertisement) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if sorted(&advertisement.addresses) != sorted(&self.addresses) {
            warnings.push(Warning::Addresses {
                heard: advertisement.addresses.clone(),
            });
        }
        if advertisement.interval != self.interval {
            let (heard, expected) = (advertisement.interval, self.interval);
            warnings.push(Warning::Interval { heard, expected });
        }
        warnings
    }
}

/// Header and protocol. An IPv6 socket delivers no header, and only its own protocol.
fn open(datagram: Datagram<'_>) -> Result<Envelope<'_>, Rejection> {
    match datagram {
        Datagram::Ipv4(bytes) => {
            let packet = ipv4::parse(bytes).ok_or(Rejection::IpHeader)?;
            if packet.protocol != PROTOCOL {
                return Err(Rejection::Protocol(packet.protocol));
            }
            Ok(Envelope {
                source: packet.source.into(),
                destination: packet.destination.into(),
                hop_limit: packet.ttl,
                message: packet.payload,
            })
        }
        Datagram::Ipv6 {
            source,
            destination,
            hop_limit,
            message,
        } => Ok(Envelope {
            source: source.into(),
            destination: destination.into(),
            hop_limit,
            message,
        }),
    }
}

fn sorted(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut addresses = addresses.to_vec();
    addresses.sort_unstable();
    addresses
}
