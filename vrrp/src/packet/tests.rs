use super::*;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2));
const GROUP: IpAddr = IpAddr::V4(GROUP_IPV4);
const LINK_LOCAL: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));

fn advertisement(version: Version) -> Advertisement {
    Advertisement {
        version,
        virtual_router_id: 51,
        priority: 150,
        interval: Duration::from_secs(1),
        addresses: vec![IpAddr::from([10, 77, 0, 100])],
        authentication: Authentication::None,
    }
}

fn expected(version: Version) -> Expected {
    Expected {
        version,
        virtual_router_id: 51,
        authentication: Authentication::None,
        interval: Duration::from_secs(1),
        own_address: OTHER,
        delivery: Delivery::Multicast,
        addresses: vec![IpAddr::from([10, 77, 0, 100])],
    }
}

fn receiver(version: Version) -> Receiver {
    Receiver::new(expected(version))
}

/// An IPv4 packet from `SOURCE` to the group around `message`.
fn packet(message: &[u8]) -> Vec<u8> {
    let total = (20 + message.len()) as u8;
    let mut packet = vec![0x45, 0xc0, 0, total, 0, 1, 0, 0, 255, 112, 0, 0];
    packet.extend([10, 77, 0, 1, 224, 0, 0, 18]);
    packet.extend(message);
    packet
}

/// Recomputes the checksum of a version 2 message.
fn sealed(mut message: Vec<u8>) -> Vec<u8> {
    message[CHECKSUM..CHECKSUM + 2].fill(0);
    let checksum = checksum::message_only(&message).to_be_bytes();
    message[CHECKSUM..CHECKSUM + 2].copy_from_slice(&checksum);
    message
}

fn encode_error(change: impl FnOnce(&mut Advertisement), version: Version) -> EncodeError {
    let mut advertisement = advertisement(version);
    change(&mut advertisement);
    advertisement.encode(SOURCE, GROUP).expect_err("refused")
}

#[test]
fn a_password_is_padded_and_never_cut_or_shown() {
    assert_eq!(
        Authentication::password("abc"),
        Some(Authentication::Password(*b"abc\0\0\0\0\0"))
    );
    assert_eq!(
        Authentication::password("secret12"),
        Some(Authentication::Password(*b"secret12"))
    );
    assert_eq!(Authentication::password("secret123"), None);
    assert_eq!(Authentication::password(""), None);
    assert_eq!(
        format!("{:?}", Authentication::Password(*b"secret12")),
        "Password(..)"
    );
}

#[test]
fn what_the_wire_cannot_say_is_refused() {
    let (v2, v3) = (Version::V2, Version::V3);
    let millis = Duration::from_millis;
    assert_eq!(
        encode_error(|a| a.virtual_router_id = 0, v2),
        EncodeError::VirtualRouterId
    );
    assert_eq!(
        encode_error(|a| a.addresses.clear(), v2),
        EncodeError::AddressCount
    );
    assert_eq!(
        encode_error(|a| a.addresses = vec![SOURCE; 256], v2),
        EncodeError::AddressCount
    );
    assert_eq!(
        encode_error(|a| a.addresses.push(LINK_LOCAL), v3),
        EncodeError::AddressFamily
    );
    assert_eq!(
        encode_error(|a| a.addresses = vec![LINK_LOCAL], v2),
        EncodeError::AddressFamily
    );
    assert_eq!(
        encode_error(|a| a.addresses = vec![LINK_LOCAL], v3),
        EncodeError::AddressFamily
    );
    assert_eq!(
        encode_error(|a| a.interval = millis(1500), v2),
        EncodeError::Interval
    );
    assert_eq!(
        encode_error(|a| a.interval = millis(256_000), v2),
        EncodeError::Interval
    );
    assert_eq!(
        encode_error(|a| a.interval = Duration::ZERO, v2),
        EncodeError::Interval
    );
    assert_eq!(
        encode_error(|a| a.interval = millis(205), v3),
        EncodeError::Interval
    );
    assert_eq!(
        encode_error(|a| a.interval = millis(40_960), v3),
        EncodeError::Interval
    );
    assert_eq!(
        encode_error(|a| a.interval = Duration::ZERO, v3),
        EncodeError::Interval
    );
    let password = Authentication::Password(*b"secret12");
    assert_eq!(
        encode_error(|a| a.authentication = password, v3),
        EncodeError::Authentication
    );
}

#[test]
fn the_longest_message_survives_the_way_there_and_back() {
    let mut sent = advertisement(Version::V3);
    sent.interval = Duration::from_millis(40_950);
    sent.addresses = vec![LINK_LOCAL; 255];
    let destination = IpAddr::V6(GROUP_IPV6);
    let message = sent.encode(LINK_LOCAL, destination).expect("representable");
    assert_eq!(message.len(), 4088);
    let mut receiver = Receiver::new(Expected {
        own_address: IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 2]),
        ..expected(Version::V3)
    });
    let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    let datagram = Datagram::Ipv6 {
        source,
        destination: GROUP_IPV6,
        hop_limit: 255,
        message: &message,
    };
    assert_eq!(
        receiver.accept(datagram).expect("accepted").advertisement,
        sent
    );
}

#[test]
fn a_service_address_of_ipv6_needs_no_link_local_one_before_it() {
    let mut sent = advertisement(Version::V3);
    let global = IpAddr::from([0xfd77, 0, 0, 0, 0, 0, 0, 1]);
    sent.addresses = vec![global];
    let message = sent
        .encode(LINK_LOCAL, IpAddr::V6(GROUP_IPV6))
        .expect("representable");
    assert_eq!(message[3], 1);
    assert_eq!(message[8..10], [0xfd, 0x77]);
}

#[test]
fn an_ipv6_message_needs_the_pseudo_header_and_the_hop_limit() {
    let mut sent = advertisement(Version::V3);
    sent.addresses = vec![LINK_LOCAL];
    let mut message = sent
        .encode(LINK_LOCAL, IpAddr::V6(GROUP_IPV6))
        .expect("representable");
    let mut receiver = Receiver::new(Expected {
        own_address: IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 2]),
        ..expected(Version::V3)
    });
    let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    let mut accept = |hop_limit, message: &[u8]| {
        let destination = GROUP_IPV6;
        receiver
            .accept(Datagram::Ipv6 {
                source,
                destination,
                hop_limit,
                message,
            })
            .map(|_| ())
    };
    assert_eq!(accept(255, &message), Ok(()));
    assert_eq!(accept(64, &message), Err(Rejection::HopLimit(64)));
    message[6..8].fill(0);
    let alone = checksum::message_only(&message).to_be_bytes();
    message[6..8].copy_from_slice(&alone);
    assert_eq!(accept(255, &message), Err(Rejection::Checksum));
}

#[test]
fn every_rung_of_the_ladder_rejects_and_counts() {
    let good = advertisement(Version::V2)
        .encode(SOURCE, GROUP)
        .expect("representable");
    let mut receiver = receiver(Version::V2);
    let mut rejection = |packet: &[u8]| receiver.accept(Datagram::Ipv4(packet)).err();
    let changed = |at: usize, to: u8| {
        let mut message = good.clone();
        message[at] = to;
        packet(&sealed(message))
    };
    let outer = |at: usize, to: u8| {
        let mut packet = packet(&good);
        packet[at] = to;
        packet
    };
    assert_eq!(rejection(&packet(&good)), None);
    assert_eq!(rejection(&[0x45; 19]), Some(Rejection::IpHeader));
    assert_eq!(rejection(&outer(9, 17)), Some(Rejection::Protocol(17)));
    assert_eq!(rejection(&outer(8, 254)), Some(Rejection::HopLimit(254)));
    let all_hosts = IpAddr::from([224, 0, 0, 1]);
    assert_eq!(
        rejection(&outer(19, 1)),
        Some(Rejection::Destination(all_hosts))
    );
    assert_eq!(rejection(&packet(&good[..7])), Some(Rejection::Length));
    assert_eq!(rejection(&packet(&good[..19])), Some(Rejection::Length));
    assert_eq!(
        rejection(&packet(&[&good[..], &[0; 4]].concat())),
        Some(Rejection::Length)
    );
    assert_eq!(rejection(&changed(0, 0x31)), Some(Rejection::Version(3)));
    assert_eq!(rejection(&changed(0, 0x20)), Some(Rejection::Type(0)));
    assert_eq!(rejection(&outer(39, 1)), Some(Rejection::Checksum));
    assert_eq!(
        rejection(&changed(1, 7)),
        Some(Rejection::VirtualRouterId(7))
    );
    assert_eq!(
        rejection(&changed(4, 2)),
        Some(Rejection::AuthenticationType(2))
    );
    assert_eq!(
        rejection(&changed(4, 1)),
        Some(Rejection::AuthenticationType(1))
    );
    assert_eq!(rejection(&outer(15, 2)), Some(Rejection::OwnSource));
    let (heard, expected) = (Duration::from_secs(3), Duration::from_secs(1));
    assert_eq!(
        rejection(&changed(5, 3)),
        Some(Rejection::Interval { heard, expected })
    );
    let counters = receiver.counters();
    assert_eq!((counters.accepted, counters.rejected()), (1, 15));
    assert_eq!(counters.faults(), 14);
    assert_eq!((counters.length, counters.authentication_type), (3, 2));
}

#[test]
fn a_message_without_addresses_is_rejected() {
    let message = sealed([&[0x21, 51, 150, 0, 0, 1, 0, 0][..], &[0; 8]].concat());
    let outcome = receiver(Version::V2).accept(Datagram::Ipv4(&packet(&message)));
    assert_eq!(outcome, Err(Rejection::Length));
}

#[test]
fn a_wrong_password_is_rejected_in_version_2_only() {
    let mut receiver = Receiver::new(Expected {
        authentication: Authentication::Password(*b"secret12"),
        ..expected(Version::V2)
    });
    let mut sent = advertisement(Version::V2);
    let mut outcome = |sent: &Advertisement| {
        let message = sent.encode(SOURCE, GROUP).expect("representable");
        receiver
            .accept(Datagram::Ipv4(&packet(&message)))
            .map(|_| ())
    };
    assert_eq!(outcome(&sent), Err(Rejection::AuthenticationType(0)));
    sent.authentication = Authentication::Password(*b"secret13");
    assert_eq!(outcome(&sent), Err(Rejection::Authentication));
    sent.authentication = Authentication::Password(*b"secret12");
    assert_eq!(outcome(&sent), Ok(()));
}

#[test]
fn a_unicast_peer_may_be_behind_a_router_and_nobody_else_is_heard() {
    let mut receiver = Receiver::new(Expected {
        delivery: Delivery::Unicast { peer: SOURCE },
        ..expected(Version::V2)
    });
    let message = advertisement(Version::V2)
        .encode(SOURCE, OTHER)
        .expect("representable");
    let mut packet = packet(&message);
    packet[8] = 63;
    assert_eq!(
        receiver.accept(Datagram::Ipv4(&packet)).err(),
        Some(Rejection::Destination(GROUP)),
        "to the group"
    );
    packet[16..20].copy_from_slice(&[10, 77, 0, 2]);
    assert!(receiver.accept(Datagram::Ipv4(&packet)).is_ok());
    packet[15] = 3;
    let stranger = IpAddr::from([10, 77, 0, 3]);
    assert_eq!(
        receiver.accept(Datagram::Ipv4(&packet)).err(),
        Some(Rejection::Source(stranger))
    );
}

#[test]
fn other_addresses_are_a_sign_of_life_with_a_warning() {
    let mut receiver = receiver(Version::V2);
    let mut sent = advertisement(Version::V2);
    sent.addresses = vec![
        IpAddr::from([10, 77, 0, 101]),
        IpAddr::from([10, 77, 0, 100]),
    ];
    let message = sent.encode(SOURCE, GROUP).expect("representable");
    let accepted = receiver
        .accept(Datagram::Ipv4(&packet(&message)))
        .expect("accepted");
    assert_eq!(
        accepted.warnings,
        [Warning::Addresses {
            heard: sent.addresses.clone()
        }]
    );
    let addresses = vec![sent.addresses[1], sent.addresses[0]];
    let mut receiver = Receiver::new(Expected {
        addresses,
        ..expected(Version::V2)
    });
    let accepted = receiver
        .accept(Datagram::Ipv4(&packet(&message)))
        .expect("accepted");
    assert_eq!(accepted.warnings, [], "the order of the list says nothing");
}

#[test]
fn another_interval_is_a_warning_in_version_3_and_zero_a_rejection() {
    let mut receiver = receiver(Version::V3);
    let mut sent = advertisement(Version::V3);
    sent.interval = Duration::from_millis(200);
    let mut message = sent.encode(SOURCE, GROUP).expect("representable");
    let accepted = receiver
        .accept(Datagram::Ipv4(&packet(&message)))
        .expect("accepted");
    let (heard, expected) = (Duration::from_millis(200), Duration::from_secs(1));
    assert_eq!(accepted.warnings, [Warning::Interval { heard, expected }]);
    message[4..6].fill(0);
    let rejection = receiver
        .accept(Datagram::Ipv4(&packet(&sealed(message))))
        .err();
    assert_eq!(
        rejection,
        Some(Rejection::Interval {
            heard: Duration::ZERO,
            expected
        })
    );
}

#[test]
fn no_bytes_at_all_make_it_panic() {
    let good = packet(
        &advertisement(Version::V2)
            .encode(SOURCE, GROUP)
            .expect("representable"),
    );
    for version in [Version::V2, Version::V3] {
        let mut receiver = receiver(version);
        for length in 0..good.len() {
            assert!(receiver.accept(Datagram::Ipv4(&good[..length])).is_err());
        }
        for at in 0..good.len() {
            for to in 0..=255 {
                let mut packet = good.clone();
                packet[at] = to;
                let _ = receiver.accept(Datagram::Ipv4(&packet));
                let (source, destination) = (Ipv6Addr::LOCALHOST, GROUP_IPV6);
                let message = &packet[20..];
                let datagram = Datagram::Ipv6 {
                    source,
                    destination,
                    hop_limit: 255,
                    message,
                };
                let _ = receiver.accept(datagram);
            }
        }
    }
}
