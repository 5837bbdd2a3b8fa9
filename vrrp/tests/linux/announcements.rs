use crate::namespace::{Namespace, Pair, address, readable};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::Read;
use std::time::{Duration, Instant};
use vrrp::linux::Announcer;

const ETHERTYPE_ALL: u16 = 0x0003;

/// A socket that sees every frame of a namespace.
fn tap(namespace: &Namespace) -> Socket {
    namespace.run(|| {
        let protocol = Protocol::from(i32::from(ETHERTYPE_ALL.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol)).expect("privileged");
        socket.set_nonblocking(true).expect("a socket");
        socket
    })
}

fn wait_frame(mut tap: &Socket, wanted: &str) {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut frame = [0; 2048];
    while Instant::now() < deadline {
        if !readable(tap, Duration::from_millis(100)) {
            continue;
        }
        let length = tap.read(&mut frame).expect("readable");
        let seen: String = frame[..length]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if seen == wanted {
            return;
        }
    }
    panic!("the frame did not arrive: {wanted}");
}

#[test]
fn the_other_end_sees_the_frames_that_keepalived_sends() {
    let Some(pair) = Pair::new() else { return };
    let tap = tap(&pair.b);
    let interface = pair.a.interface();
    let announcer = pair
        .a
        .run(|| Announcer::open(&interface).expect("privileged"));
    announcer.announce(address("10.77.0.100")).expect("sent");
    wait_frame(
        &tap,
        "ffffffffffff020000000001080600010800060400010200000000010a4d0064ffffffffffff0a4d0064",
    );
    announcer.announce(address("fd77::100")).expect("sent");
    wait_frame(
        &tap,
        "33330000000102000000000186dd6000000000203afffd770000000000000000000000000100\
         ff020000000000000000000000000001880057af20000000fd77000000000000000000000000010002010200\
         00000001",
    );
}

#[test]
fn an_announcement_on_an_interface_that_is_down_says_so() {
    let Some(pair) = Pair::new() else { return };
    let interface = pair.a.interface();
    let announcer = pair
        .a
        .run(|| Announcer::open(&interface).expect("privileged"));
    pair.a.ip("link set eth0 down");
    let error = announcer
        .announce(address("10.77.0.100"))
        .expect_err("the interface is down");
    let text = error.to_string();
    assert!(
        text.starts_with("cannot announce 10.77.0.100 on interface \"eth0\""),
        "{text}"
    );
    assert!(text.contains("ip link set ... up"), "{text}");
}

#[test]
fn an_interface_that_is_no_ethernet_cannot_announce() {
    let Some(pair) = Pair::new() else { return };
    let error = pair.a.run(|| {
        let loopback = vrrp::linux::Interface::find("lo").expect("always there");
        Announcer::open(&loopback).expect_err("no Ethernet")
    });
    assert!(
        error
            .to_string()
            .ends_with("it is not an Ethernet interface"),
        "{error}"
    );
}
