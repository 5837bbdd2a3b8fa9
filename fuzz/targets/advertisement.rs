//! The receive ladder of VRRP: any datagram is accepted or rejected for one counted reason, and
//! what was accepted says the same after being encoded again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use vrrp::packet::{
    Advertisement, Authentication, Datagram, Delivery, Expected, GROUP_IPV4, GROUP_IPV6, Receiver,
    Version,
};

const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const THEIRS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const VIRTUAL: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);
const OURS_IPV6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const THEIRS_IPV6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

/// Bits of an input's first byte.
const VERSION_3: u8 = 1;
const PASSWORD: u8 = 2;
const UNICAST: u8 = 4;
const IPV6: u8 = 8;
/// The rest is a whole IPv4 packet, not a message.
const WITH_HEADER: u8 = 16;
/// The checksum is put right first.
const RIGHT_CHECKSUM: u8 = 32;

/// What inputs are made of.
pub const WORDS: &[&[u8]] = &[
    &[RIGHT_CHECKSUM, 0x21, 51, 240, 1, 0, 1],
    &[RIGHT_CHECKSUM | VERSION_3, 0x31, 51, 240, 1, 0, 100],
    &[RIGHT_CHECKSUM | VERSION_3 | IPV6, 0x31, 51],
    &[10, 0, 0, 100],
    b"secret\0\0",
    &[0; 8],
    &[0xff; 4],
    &[224, 0, 0, 18],
];

/// Hands `input` to a receiver as its first byte says.
pub fn run(input: &[u8]) {
    let Some((&how, rest)) = input.split_first() else {
        return;
    };
    let expected = expected(how);
    let mut message = rest.to_vec();
    if how & RIGHT_CHECKSUM != 0 && how & WITH_HEADER == 0 && message.len() >= 8 {
        message[6..8].fill(0);
        let sum = checksum(&message).to_be_bytes();
        message[6..8].copy_from_slice(&sum);
    }
    let packet = match how & WITH_HEADER {
        0 => packet(&expected, THEIRS, &message),
        _ => message.clone(),
    };
    let datagram = match how & IPV6 {
        0 => Datagram::Ipv4(&packet),
        _ => Datagram::Ipv6 {
            source: THEIRS_IPV6,
            destination: GROUP_IPV6,
            hop_limit: 255,
            message: &message,
        },
    };
    check(&mut Receiver::new(expected), datagram);
}

fn check(receiver: &mut Receiver, datagram: Datagram<'_>) {
    let outcome = receiver.accept(datagram);
    let counted: u64 = receiver
        .counters()
        .named()
        .iter()
        .map(|(_, count)| count)
        .sum();
    assert_eq!(counted, 1, "{outcome:?}");
    assert_eq!(receiver.counters().accepted, u64::from(outcome.is_ok()));
    let accepted = match outcome {
        Ok(accepted) => accepted,
        Err(rejection) => {
            assert!(!format!("{rejection}").is_empty());
            return;
        }
    };
    // What may be heard and may not be said: mixed intervals, an IPv6 address that is not
    // link-local in the first place.
    let destination = match receiver.expected().delivery {
        Delivery::Multicast => Delivery::Multicast.destination(accepted.source),
        Delivery::Unicast { .. } => OURS.into(),
    };
    let Ok(message) = accepted.advertisement.encode(accepted.source, destination) else {
        return;
    };
    let own = receiver.expected().clone();
    let again = match accepted.source {
        IpAddr::V4(source) => receiver.accept(Datagram::Ipv4(&packet(&own, source, &message))),
        IpAddr::V6(source) => receiver.accept(Datagram::Ipv6 {
            source,
            destination: GROUP_IPV6,
            hop_limit: 255,
            message: &message,
        }),
    };
    let again = again.expect("what was accepted once is accepted again");
    assert_eq!(again.advertisement, accepted.advertisement);
}

fn expected(how: u8) -> Expected {
    let ipv6 = how & IPV6 != 0;
    let version = match how & (VERSION_3 | IPV6) {
        0 => Version::V2,
        _ => Version::V3,
    };
    Expected {
        version,
        virtual_router_id: 51,
        authentication: match how & PASSWORD {
            0 => Authentication::None,
            _ => Authentication::password("secret").expect("8 bytes at most"),
        },
        interval: Duration::from_secs(1),
        own_address: if ipv6 { OURS_IPV6.into() } else { OURS.into() },
        delivery: match how & UNICAST {
            4 if !ipv6 => Delivery::Unicast {
                peer: THEIRS.into(),
            },
            _ => Delivery::Multicast,
        },
        addresses: vec![VIRTUAL.into()],
    }
}

/// An IPv4 packet with this message.
fn packet(expected: &Expected, source: Ipv4Addr, message: &[u8]) -> Vec<u8> {
    let to = match expected.delivery {
        Delivery::Multicast => GROUP_IPV4,
        Delivery::Unicast { .. } => OURS,
    };
    let length = ((20 + message.len()) as u16).to_be_bytes();
    let mut packet = vec![0x45, 0xc0, length[0], length[1], 0, 0, 0, 0, 255, 112, 0, 0];
    packet.extend(source.octets());
    packet.extend(to.octets());
    packet.extend_from_slice(message);
    packet
}

/// The Internet checksum, RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| {
        let low = pair.get(1).copied().unwrap_or_default();
        u32::from(pair[0]) << 8 | u32::from(low)
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// A sound advertisement of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |how: u8| {
        let expected = expected(how);
        let (source, first): (IpAddr, IpAddr) = match how & IPV6 {
            0 => (THEIRS.into(), VIRTUAL.into()),
            _ => (
                THEIRS_IPV6.into(),
                Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9).into(),
            ),
        };
        let advertisement = Advertisement {
            version: expected.version,
            virtual_router_id: 51,
            priority: 240,
            interval: Duration::from_secs(1),
            addresses: vec![first],
            authentication: match expected.version {
                Version::V2 => expected.authentication,
                Version::V3 => Authentication::None,
            },
        };
        let destination = expected.delivery.destination(source);
        let message = advertisement
            .encode(source, destination)
            .expect("it is sound");
        let message = match how & WITH_HEADER {
            0 => message,
            _ => packet(&expected, THEIRS, &message),
        };
        [vec![how], message].concat()
    };
    let kinds = [
        RIGHT_CHECKSUM,
        RIGHT_CHECKSUM | PASSWORD,
        RIGHT_CHECKSUM | UNICAST,
        RIGHT_CHECKSUM | VERSION_3,
        VERSION_3 | IPV6,
        WITH_HEADER,
        WITH_HEADER | VERSION_3,
    ];
    kinds.into_iter().map(seed).collect()
}
