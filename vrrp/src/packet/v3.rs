//! The message of RFC 9568 §5.1, which is that of RFC 5798.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Version| Type  | Virtual Rtr ID|   Priority    |IPvX Addr Count|
//! |Reserve| Max Advertise Interval|          Checksum             |
//! |                   IPv4 or IPv6 Addresses ...                  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::{Advertisement, Authentication, EncodeError, HEADER_BYTES, Version};
use std::time::Duration;

const MAX_ADVERTISE_INTERVAL: usize = 4;
const INTERVAL_MASK: u16 = 0x0fff;
const CENTISECOND_NANOS: u128 = 10_000_000;

/// The length of a message with `count` addresses.
pub(super) const fn message_bytes(count: u8, ipv6: bool) -> usize {
    HEADER_BYTES + count as usize * if ipv6 { 16 } else { 4 }
}

pub(super) fn check(advertisement: &Advertisement) -> Result<(), EncodeError> {
    if advertisement.authentication != Authentication::None {
        return Err(EncodeError::Authentication);
    }
    let nanos = advertisement.interval.as_nanos();
    let representable = nanos.is_multiple_of(CENTISECOND_NANOS)
        && (1..=u128::from(INTERVAL_MASK)).contains(&(nanos / CENTISECOND_NANOS));
    if representable {
        Ok(())
    } else {
        Err(EncodeError::Interval)
    }
}

/// The message of a checked advertisement, its checksum still zero.
pub(super) fn emit(advertisement: &Advertisement) -> Vec<u8> {
    let centiseconds = (advertisement.interval.as_nanos() / CENTISECOND_NANOS) as u16;
    let mut message = Vec::with_capacity(message_bytes(u8::MAX, true));
    advertisement.emit_common(&mut message);
    message.extend_from_slice(&centiseconds.to_be_bytes());
    message.extend_from_slice(&[0, 0]);
    advertisement.emit_addresses(&mut message);
    message
}

/// The advertisement in `message`, whose length is that of its count.
///
/// The reserved bits are ignored, as RFC 9568 §5.2.6 demands.
pub(super) fn parse(message: &[u8], ipv6: bool) -> Advertisement {
    let interval = u16::from_be_bytes([
        message[MAX_ADVERTISE_INTERVAL],
        message[MAX_ADVERTISE_INTERVAL + 1],
    ]);
    let addresses = &message[HEADER_BYTES..];
    Advertisement {
        version: Version::V3,
        virtual_router_id: message[super::VIRTUAL_ROUTER_ID],
        priority: message[super::PRIORITY],
        interval: Duration::from_millis(u64::from(interval & INTERVAL_MASK) * 10),
        addresses: if ipv6 {
            super::parse_ipv6_addresses(addresses)
        } else {
            super::parse_ipv4_addresses(addresses)
        },
        authentication: Authentication::None,
    }
}
