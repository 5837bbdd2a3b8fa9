//! How often a receiver accepted, and how often it rejected for which reason.

use super::Rejection;

/// One counter per outcome of [`super::Receiver::accept`]. They never go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each is named after its Rejection")]
pub struct Counters {
    pub accepted: u64,
    pub ip_header: u64,
    pub protocol: u64,
    pub hop_limit: u64,
    pub destination: u64,
    pub length: u64,
    pub version: u64,
    pub message_type: u64,
    pub checksum: u64,
    pub virtual_router_id: u64,
    pub authentication_type: u64,
    pub authentication: u64,
    pub own_source: u64,
    pub source: u64,
    pub interval: u64,
}

impl Counters {
    pub(super) fn count(&mut self, rejection: &Rejection) {
        *match rejection {
            Rejection::IpHeader => &mut self.ip_header,
            Rejection::Protocol(_) => &mut self.protocol,
            Rejection::HopLimit(_) => &mut self.hop_limit,
            Rejection::Destination(_) => &mut self.destination,
            Rejection::Length => &mut self.length,
            Rejection::Version(_) => &mut self.version,
            Rejection::Type(_) => &mut self.message_type,
            Rejection::Checksum => &mut self.checksum,
            Rejection::VirtualRouterId(_) => &mut self.virtual_router_id,
            Rejection::AuthenticationType(_) => &mut self.authentication_type,
            Rejection::Authentication => &mut self.authentication,
            Rejection::OwnSource => &mut self.own_source,
            Rejection::Source(_) => &mut self.source,
            Rejection::Interval { .. } => &mut self.interval,
        } += 1;
    }

    /// Every counter with its name, `accepted` first, then in the order of the ladder.
    pub const fn named(&self) -> [(&'static str, u64); 15] {
        [
            ("accepted", self.accepted),
            ("ip_header", self.ip_header),
            ("protocol", self.protocol),
            ("hop_limit", self.hop_limit),
            ("destination", self.destination),
            ("length", self.length),
            ("version", self.version),
            ("message_type", self.message_type),
            ("checksum", self.checksum),
            ("virtual_router_id", self.virtual_router_id),
            ("authentication_type", self.authentication_type),
            ("authentication", self.authentication),
            ("own_source", self.own_source),
            ("source", self.source),
            ("interval", self.interval),
        ]
    }

    /// Everything that was not accepted.
    pub fn rejected(&self) -> u64 {
        self.named().iter().skip(1).map(|(_, count)| count).sum()
    }

    /// What should not have come: rejected, but not because it was of another virtual router,
    /// several of which may share a network.
    pub fn faults(&self) -> u64 {
        self.rejected() - self.virtual_router_id
    }
}
