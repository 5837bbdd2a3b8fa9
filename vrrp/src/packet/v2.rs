//! The message of RFC 3768 §5.1.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Version| Type  | Virtual Rtr ID|   Priority    | Count IP Addrs|
//! |   Auth Type   |   Adver Int   |          Checksum             |
//! |                       IP Addresses ...                        |
//! |                  Authentication Data (8 bytes)                |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! The authentication data is there whatever the type, and the checksum covers it.

use super::{Advertisement, Authentication, EncodeError, HEADER_BYTES, Version};
use std::net::IpAddr;
use std::time::Duration;

const AUTH_TYPE: usize = 4;
const ADVER_INT: usize = 5;
const AUTH_DATA_BYTES: usize = 8;

/// The length of a message with `count` addresses.
pub(super) const fn message_bytes(count: u8) -> usize {
    HEADER_BYTES + count as usize * 4 + AUTH_DATA_BYTES
}

pub(super) fn check(advertisement: &Advertisement) -> Result<(), EncodeError> {
    if advertisement.addresses.iter().any(IpAddr::is_ipv6) {
        return Err(EncodeError::AddressFamily);
    }
    let interval = advertisement.interval;
    match (interval.as_secs(), interval.subsec_nanos()) {
        (1..=255, 0) => Ok(()),
        _ => Err(EncodeError::Interval),
    }
}

/// The message of a checked advertisement, its checksum still zero.
pub(super) fn emit(advertisement: &Advertisement) -> Vec<u8> {
    let mut message = Vec::with_capacity(message_bytes(u8::MAX));
    advertisement.emit_common(&mut message);
    message.push(advertisement.authentication.wire_type());
    message.push(advertisement.interval.as_secs() as u8);
    message.extend_from_slice(&[0, 0]);
    advertisement.emit_addresses(&mut message);
    message.extend_from_slice(&match advertisement.authentication {
        Authentication::None => [0; AUTH_DATA_BYTES],
        Authentication::Password(password) => password,
    });
    message
}

/// The advertisement in `message`, whose length is that of its count.
///
/// The error is an authentication type that this version does not know (2 was the IP
/// authentication header of RFC 2338).
pub(super) fn parse(message: &[u8]) -> Result<Advertisement, u8> {
    let (body, authentication_data) = message
        .split_last_chunk::<AUTH_DATA_BYTES>()
        .expect("the length was checked");
    let authentication = match message[AUTH_TYPE] {
        0 => Authentication::None,
        1 => Authentication::Password(*authentication_data),
        unknown => return Err(unknown),
    };
    Ok(Advertisement {
        version: Version::V2,
        virtual_router_id: message[super::VIRTUAL_ROUTER_ID],
        priority: message[super::PRIORITY],
        interval: Duration::from_secs(message[ADVER_INT].into()),
        addresses: super::parse_ipv4_addresses(&body[HEADER_BYTES..]),
        authentication,
    })
}
