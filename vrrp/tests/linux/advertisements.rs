use crate::namespace::{Namespace, Pair, address, readable};
use std::net::IpAddr;
use std::time::{Duration, Instant};
use vrrp::linux::VrrpSocket;
use vrrp::packet::{
    Accepted, Advertisement, Authentication, DATAGRAM_BYTES_MAX, Datagram, Delivery, Expected,
    Receiver, Version,
};

pub fn advertisement(version: Version, priority: u8, virtual_address: &str) -> Advertisement {
    Advertisement {
        version,
        virtual_router_id: 51,
        priority,
        interval: Duration::from_secs(1),
        addresses: vec![address(virtual_address)],
        authentication: Authentication::None,
    }
}

/// A receiver at `own_address` that expects what `like` says.
pub fn receiver(like: &Advertisement, own_address: IpAddr, delivery: Delivery) -> Receiver {
    Receiver::new(Expected {
        version: like.version,
        virtual_router_id: like.virtual_router_id,
        authentication: like.authentication,
        interval: like.interval,
        own_address,
        delivery,
        addresses: like.addresses.clone(),
    })
}

pub fn open(namespace: &Namespace, source: IpAddr, delivery: Delivery) -> VrrpSocket {
    let interface = namespace.interface();
    namespace.run(|| VrrpSocket::open(&interface, source, delivery).expect("privileged"))
}

/// The next accepted advertisement, within `wait`.
pub fn hear(socket: &VrrpSocket, receiver: &mut Receiver, wait: Duration) -> Option<Accepted> {
    let deadline = Instant::now() + wait;
    let mut buffer = [0; DATAGRAM_BYTES_MAX];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if !readable(socket, left) {
            return None;
        }
        let Some(datagram) = socket.receive(&mut buffer).expect("receive") else {
            continue;
        };
        match receiver.accept(datagram) {
            Ok(accepted) => return Some(accepted),
            Err(rejection) => panic!("{rejection}: {datagram:?}"),
        }
    }
}

/// Sends from `from` in `a` to `to` in `b`, and back again with another priority.
fn exchange(like: Advertisement, from: &str, to: &str, multicast: bool) {
    let Some(pair) = Pair::new() else { return };
    let (from, to) = (address(from), address(to));
    let delivery = |peer| {
        if multicast {
            Delivery::Multicast
        } else {
            Delivery::Unicast { peer }
        }
    };
    let ends = [(&pair.a, from, delivery(to)), (&pair.b, to, delivery(from))];
    let sockets = ends.map(|(end, own, delivery)| open(end, own, delivery));
    let mut receivers = ends.map(|(_, own, delivery)| receiver(&like, own, delivery));
    for (sender, hearer) in [(0, 1), (1, 0)] {
        let (_, source, delivery) = ends[sender];
        let mut sent = like.clone();
        sent.priority = 100 + sender as u8;
        let message = sent
            .encode(source, delivery.destination(source))
            .expect("representable");
        sockets[sender].send(&message).expect("sent");
        let heard = hear(
            &sockets[hearer],
            &mut receivers[hearer],
            Duration::from_secs(5),
        );
        let expected = Accepted {
            source,
            advertisement: sent,
            warnings: vec![],
        };
        assert_eq!(heard, Some(expected));
        let wait = Duration::from_millis(50);
        let echo = hear(&sockets[sender], &mut receivers[sender], wait);
        assert_eq!(echo, None, "nobody hears itself");
    }
}

#[test]
fn multicast_version_2_crosses_the_link() {
    let like = advertisement(Version::V2, 100, "10.77.0.100");
    exchange(like, "10.77.0.1", "10.77.0.2", true);
}

#[test]
fn multicast_version_3_crosses_the_link() {
    let like = advertisement(Version::V3, 100, "10.77.0.100");
    exchange(like, "10.77.0.1", "10.77.0.2", true);
}

#[test]
fn multicast_over_ipv6_crosses_the_link_with_its_hop_limit() {
    exchange(
        advertisement(Version::V3, 100, "fe80::100"),
        "fe80::1",
        "fe80::2",
        true,
    );
}

#[test]
fn unicast_crosses_the_link_in_both_families() {
    let like = advertisement(Version::V2, 100, "10.77.0.100");
    exchange(like, "10.77.0.1", "10.77.0.2", false);
    exchange(
        advertisement(Version::V3, 100, "fe80::100"),
        "fe80::1",
        "fe80::2",
        false,
    );
}

#[test]
fn the_source_is_the_given_address_and_the_traffic_class_is_set() {
    let Some(pair) = Pair::new() else { return };
    pair.a.ip("address add 10.77.0.11/24 dev eth0");
    let (source, other) = (address("10.77.0.11"), address("10.77.0.2"));
    let sender = open(&pair.a, source, Delivery::Multicast);
    let hearer = open(&pair.b, other, Delivery::Multicast);
    sender.send(&[0x21; 20]).expect("sent");
    assert!(readable(&hearer, Duration::from_secs(5)));
    let mut buffer = [0; DATAGRAM_BYTES_MAX];
    let received = hearer.receive(&mut buffer).expect("receive");
    let Some(Datagram::Ipv4(packet)) = received else {
        panic!("{received:?}")
    };
    assert_eq!(packet.len(), 40);
    assert_eq!((packet[1], packet[8], packet[9]), (0xc0, 255, 112));
    assert_eq!(packet[12..20], [10, 77, 0, 11, 224, 0, 0, 18]);
    assert_eq!(hearer.receive(&mut buffer).expect("receive"), None);
}

#[test]
fn a_source_that_this_host_does_not_have_is_refused_with_a_remedy() {
    let Some(pair) = Pair::new() else { return };
    let interface = pair.a.interface();
    let source = address("10.99.0.1");
    let error = pair
        .a
        .run(|| VrrpSocket::open(&interface, source, Delivery::Multicast).expect_err("not ours"));
    let text = error.to_string();
    assert!(
        text.contains("send from 10.99.0.1 on interface \"eth0\""),
        "{text}"
    );
    assert!(text.contains("`ip address` lists"), "{text}");
}
