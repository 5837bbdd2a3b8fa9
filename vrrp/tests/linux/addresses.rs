use crate::namespace::{Pair, address};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;
use vrrp::linux::{Addresses, Held};

const SECOND: Duration = Duration::from_secs(1);

/// What `list` says of one address.
fn held(addresses: &mut Addresses, index: u32, text: &str) -> Option<Held> {
    let list = addresses.list(index).expect("list");
    list.into_iter().find(|held| held.address == address(text))
}

#[test]
fn an_address_is_put_renewed_kept_and_removed() {
    let Some(pair) = Pair::new() else { return };
    let index = pair.a.interface().index;
    pair.a.run(|| {
        let mut addresses = Addresses::open().expect("netlink");
        for (text, prefix_len) in [("10.77.0.100", 32), ("fd77::100", 128)] {
            let virtual_address = address(text);
            let put = |addresses: &mut Addresses, lifetime| {
                addresses
                    .put(index, virtual_address, prefix_len, lifetime)
                    .expect("put");
                held(addresses, index, text).expect("it is there")
            };
            let first = put(&mut addresses, Some(2 * SECOND));
            assert_eq!((first.prefix_len, first.tentative), (prefix_len, false));
            assert!((SECOND..=2 * SECOND).contains(&first.valid.expect("a lease")));
            let renewed = put(&mut addresses, Some(60 * SECOND));
            assert!((59 * SECOND..=60 * SECOND).contains(&renewed.valid.expect("a lease")));
            let kept = put(&mut addresses, None);
            assert_eq!(kept.valid, None);
            addresses
                .remove(index, virtual_address, prefix_len)
                .expect("remove");
            assert_eq!(held(&mut addresses, index, text), None);
            addresses
                .remove(index, virtual_address, prefix_len)
                .expect("absent is success");
        }
        addresses
            .remove(9999, address("10.77.0.100"), 32)
            .expect("no interface, no address");
        let own = held(&mut addresses, index, "10.77.0.1").expect("ours");
        assert!(!own.marked);
    });
}

#[test]
fn what_was_put_is_marked_and_is_never_the_primary_address() {
    let Some(pair) = Pair::new() else { return };
    let index = pair.a.interface().index;
    pair.a.ip("address flush dev eth0");
    pair.a.run(|| {
        let mut addresses = Addresses::open().expect("netlink");
        addresses
            .put(index, address("10.77.0.100"), 24, None)
            .expect("put");
        addresses
            .put(index, address("fd77::100"), 128, None)
            .expect("put");
        assert!(
            held(&mut addresses, index, "fd77::100")
                .expect("put")
                .marked
        );
        assert!(
            held(&mut addresses, index, "10.77.0.100")
                .expect("put")
                .marked
        );
    });
    assert_eq!(pair.a.interface().primary_ipv4(&[]), None);
    pair.a.ip("address add 10.77.0.7/24 dev eth0");
    let primary = pair.a.interface().primary_ipv4(&[]).expect("the new one");
    assert_eq!(primary.octets(), [10, 77, 0, 7]);
}

#[test]
fn an_ipv6_address_can_be_bound_at_once() {
    let Some(pair) = Pair::new() else { return };
    let index = pair.a.interface().index;
    pair.a.run(|| {
        let mut addresses = Addresses::open().expect("netlink");
        addresses
            .put(index, address("fd77::100"), 128, Some(2 * SECOND))
            .expect("put");
        UdpSocket::bind((address("fd77::100"), 0)).expect("no duplicate address detection");
    });
}

#[test]
fn a_connection_survives_renewals() {
    let Some(pair) = Pair::new() else { return };
    let index = pair.a.interface().index;
    let virtual_address = address("10.77.0.100");
    let (mut addresses, listener) = pair.a.run(|| {
        let mut addresses = Addresses::open().expect("netlink");
        addresses
            .put(index, virtual_address, 32, Some(2 * SECOND))
            .expect("put");
        (
            addresses,
            TcpListener::bind((virtual_address, 0)).expect("bound to it"),
        )
    });
    let to = listener.local_addr().expect("bound");
    let mut client = pair
        .b
        .run(|| TcpStream::connect(to).expect("reachable from the other end"));
    let (mut server, _) = listener.accept().expect("connected");
    for _ in 0..100 {
        addresses
            .put(index, virtual_address, 32, Some(2 * SECOND))
            .expect("renew");
        client.write_all(b"x").expect("connected");
        server.read_exact(&mut [0]).expect("connected");
    }
}

#[test]
fn a_failure_names_the_address_and_the_remedy() {
    let Some(pair) = Pair::new() else { return };
    let error = pair.a.run(|| {
        let mut addresses = Addresses::open().expect("netlink");
        addresses
            .put(9999, address("10.77.0.100"), 32, None)
            .expect_err("no such interface")
    });
    let text = error.to_string();
    assert!(
        text.starts_with("cannot add 10.77.0.100/32 to interface 9999: "),
        "{text}"
    );
    assert!(text.contains("`ip link` lists"), "{text}");
}

#[test]
fn without_capabilities_every_privileged_call_says_what_is_missing() {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
    use vrrp::linux::{Announcer, Interface, VrrpSocket};
    use vrrp::packet::Delivery;
    let Some(pair) = Pair::new() else { return };
    let errors = pair.a.run(|| {
        let mut own = capabilities(None).expect("capabilities of this thread");
        own.effective
            .remove(CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW);
        set_capabilities(None, own).expect("fewer");
        let interface = Interface::find("eth0").expect("needs none");
        let mut addresses = Addresses::open().expect("needs none");
        let source = address("10.77.0.1");
        [
            VrrpSocket::open(&interface, source, Delivery::Multicast).expect_err("refused"),
            Announcer::open(&interface).expect_err("refused"),
            addresses
                .put(interface.index, address("10.77.0.100"), 32, None)
                .expect_err("refused"),
        ]
    });
    for error in errors {
        assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
        let text = error.to_string();
        assert!(
            text.contains("setcap cap_net_raw,cap_net_admin+ep"),
            "{text}"
        );
    }
}
