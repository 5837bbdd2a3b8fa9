//! Every frame of `vectors.json`: captured from keepalived, and broken copies of them.
//!
//! A good frame must be accepted with the decoded fields and encode to the same bytes again; a
//! broken one must be rejected for the reason the file names.

use serde_json::Value;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;
use vrrp::packet::{
    Accepted, Advertisement, Authentication, Datagram, Delivery, Expected, Receiver, Rejection,
    Version,
};

const ETHERNET_HEADER_BYTES: usize = 14;
const IPV6_HEADER_BYTES: usize = 40;

fn vectors(kind: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("vectors.json")).expect("valid JSON");
    file[kind].as_array().expect("an array").clone()
}

fn named(name: &str) -> Value {
    vectors("vectors")
        .into_iter()
        .find(|vector| vector["name"] == name)
        .expect("a known name")
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().expect("a string");
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn address(value: &Value) -> IpAddr {
    value
        .as_str()
        .expect("a string")
        .parse()
        .expect("an address")
}

/// The advertisement that the independent decoder saw.
fn decoded(vector: &Value) -> Advertisement {
    let vrrp = &vector["decoded"]["vrrp"];
    let version_2 = vrrp["version"] == 2;
    let password = || bytes(&vrrp["auth_data_hex"]).try_into().expect("8 bytes");
    Advertisement {
        version: if version_2 { Version::V2 } else { Version::V3 },
        virtual_router_id: number(&vrrp["vrid"]) as u8,
        priority: number(&vrrp["priority"]) as u8,
        interval: if version_2 {
            Duration::from_secs(number(&vrrp["adver_int_s"]))
        } else {
            Duration::from_millis(number(&vrrp["max_adver_int_cs"]) * 10)
        },
        addresses: vrrp["addresses"]
            .as_array()
            .expect("an array")
            .iter()
            .map(address)
            .collect(),
        authentication: if vrrp["auth_type"] == 1 {
            Authentication::Password(password())
        } else {
            Authentication::None
        },
    }
}

fn ip(vector: &Value) -> &Value {
    let decoded = &vector["decoded"];
    if decoded["ipv4"].is_null() {
        &decoded["ipv6"]
    } else {
        &decoded["ipv4"]
    }
}

/// A router configured like the sender of `vector`, at the address the frame was sent to.
fn receiver(vector: &Value) -> Receiver {
    let advertisement = decoded(vector);
    let (source, destination) = (address(&ip(vector)["src"]), address(&ip(vector)["dst"]));
    let (own_address, delivery) = match (destination.is_multicast(), source.is_ipv4()) {
        (true, true) => (IpAddr::from([10, 77, 0, 9]), Delivery::Multicast),
        (true, false) => ("fe80::9".parse().expect("an address"), Delivery::Multicast),
        (false, _) => (destination, Delivery::Unicast { peer: source }),
    };
    Receiver::new(Expected {
        version: advertisement.version,
        virtual_router_id: advertisement.virtual_router_id,
        authentication: advertisement.authentication,
        interval: advertisement.interval,
        own_address,
        delivery,
        addresses: advertisement.addresses,
    })
}

/// Hands the frame over as a raw socket would.
fn accept(receiver: &mut Receiver, frame: &[u8]) -> Result<Accepted, Rejection> {
    let packet = &frame[ETHERNET_HEADER_BYTES..];
    if packet[0] >> 4 == 4 {
        return receiver.accept(Datagram::Ipv4(packet));
    }
    let address = |at: usize| Ipv6Addr::from(*packet[at..].first_chunk::<16>().expect("a header"));
    receiver.accept(Datagram::Ipv6 {
        source: address(8),
        destination: address(24),
        hop_limit: packet[7],
        message: &packet[IPV6_HEADER_BYTES..],
    })
}

fn advertisements() -> Vec<Value> {
    let mut vectors = vectors("vectors");
    vectors.retain(|vector| !vector["decoded"]["vrrp"].is_null());
    vectors
}

#[test]
fn the_file_holds_what_these_tests_are_about() {
    assert_eq!(
        (vectors("vectors").len(), vectors("negative").len()),
        (23, 9)
    );
    assert_eq!(
        advertisements().len(),
        19,
        "the others are ARP and neighbour advertisements"
    );
}

#[test]
fn every_captured_advertisement_is_accepted_with_its_fields() {
    for vector in advertisements() {
        let mut receiver = receiver(&vector);
        let outcome = accept(&mut receiver, &bytes(&vector["frame_hex"]));
        let expected = Accepted {
            source: address(&ip(&vector)["src"]),
            advertisement: decoded(&vector),
            warnings: vec![],
        };
        assert_eq!(outcome, Ok(expected), "{}", vector["name"]);
        assert_eq!(receiver.counters().accepted, 1);
    }
}

#[test]
fn every_captured_advertisement_encodes_to_the_same_bytes() {
    for vector in advertisements() {
        let name = vector["name"].as_str().expect("a name");
        let (source, destination) = (address(&ip(&vector)["src"]), address(&ip(&vector)["dst"]));
        let encoded = decoded(&vector).encode(source, destination).expect(name);
        let captured = bytes(&vector["vrrp_message_hex"]);
        if name == "derived_v3_ipv4_rfc9568_message_only_checksum" {
            assert_eq!(encoded[..6], captured[..6]);
            assert_eq!(encoded[6..8], [0x42, 0xd9], "sent with the pseudo-header");
            assert_eq!(encoded[8..], captured[8..]);
        } else {
            assert_eq!(encoded, captured, "{name}");
        }
    }
}

#[test]
fn every_broken_frame_is_rejected_for_its_reason_and_counted() {
    let (heard, expected) = (Duration::from_secs(2), Duration::from_secs(1));
    let reasons = [
        ("bad_checksum", Rejection::Checksum, "checksum"),
        ("bad_ttl_254", Rejection::HopLimit(254), "hop_limit"),
        ("bad_version_4", Rejection::Version(4), "version"),
        ("bad_type_2", Rejection::Type(2), "message_type"),
        (
            "bad_vrid_52",
            Rejection::VirtualRouterId(52),
            "virtual_router_id",
        ),
        ("bad_count_2", Rejection::Length, "length"),
        (
            "bad_adver_int_2",
            Rejection::Interval { heard, expected },
            "interval",
        ),
        (
            "bad_auth_type_1",
            Rejection::AuthenticationType(1),
            "authentication_type",
        ),
        ("bad_auth_data", Rejection::Authentication, "authentication"),
    ];
    let broken = vectors("negative");
    assert_eq!(broken.len(), reasons.len());
    for (vector, (name, reason, counter)) in broken.iter().zip(reasons) {
        assert_eq!(vector["name"], name);
        let mut receiver = receiver(&named(vector["base"].as_str().expect("a name")));
        let outcome = accept(&mut receiver, &bytes(&vector["frame_hex"]));
        assert_eq!(outcome, Err(reason), "{name}");
        let counted: Vec<_> = receiver
            .counters()
            .named()
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(counted, [(counter, 1)], "{name}");
    }
}

#[test]
fn a_unicast_hop_limit_is_not_checked() {
    let vector = named("v3_ipv6_unicast_advert");
    assert_eq!(ip(&vector)["hop_limit"], 64);
    assert!(accept(&mut receiver(&vector), &bytes(&vector["frame_hex"])).is_ok());
}

#[cfg(target_os = "linux")]
#[test]
fn announcements_are_byte_for_byte_what_keepalived_sends() {
    use vrrp::linux::{gratuitous_arp, neighbour_advertisement};
    for name in [
        "garp_v2",
        "garp_vmac",
        "na_v3_ipv6_linklocal",
        "na_v3_ipv6_global",
    ] {
        let vector = named(name);
        let captured = bytes(&vector["frame_hex"]);
        let mac = *captured[6..]
            .first_chunk::<6>()
            .expect("an Ethernet header");
        let target = if name.starts_with("garp") {
            &vector["decoded"]["arp"]["spa"]
        } else {
            &vector["decoded"]["neighbor_advertisement"]["target"]
        };
        let frame = match address(target) {
            IpAddr::V4(address) => gratuitous_arp(mac, address).to_vec(),
            IpAddr::V6(address) => neighbour_advertisement(mac, address).to_vec(),
        };
        assert_eq!(frame, captured, "{name}");
    }
}
