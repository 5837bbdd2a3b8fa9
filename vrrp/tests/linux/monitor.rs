use crate::namespace::{INTERFACE, Pair, address, readable};
use std::time::{Duration, Instant};
use vrrp::linux::{Addresses, Monitor, NetworkEvent};

/// Reads events until `wanted` comes, for at most 10 s.
fn wait_event(monitor: &mut Monitor, wanted: impl Fn(&NetworkEvent) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut seen = Vec::new();
    while Instant::now() < deadline {
        while let Some(event) = monitor.poll_event().expect("readable") {
            if wanted(&event) {
                return;
            }
            seen.push(event);
        }
        readable(monitor, Duration::from_millis(100));
    }
    panic!("only these events came: {seen:?}");
}

#[test]
fn a_lease_that_is_not_renewed_ends_and_the_monitor_tells() {
    let Some(pair) = Pair::new() else { return };
    let index = pair.a.interface().index;
    pair.a.run(|| {
        let mut monitor = Monitor::open().expect("netlink");
        let mut addresses = Addresses::open().expect("netlink");
        for text in ["10.77.0.100", "fd77::100"] {
            let address = address(text);
            let prefix_len = if address.is_ipv4() { 32 } else { 128 };
            let lifetime = Some(Duration::from_millis(900));
            addresses
                .put(index, address, prefix_len, lifetime)
                .expect("put");
            let put_at = Instant::now();
            wait_event(&mut monitor, |e| {
                *e == NetworkEvent::AddressAdded { index, address }
            });
            wait_event(&mut monitor, |e| {
                *e == NetworkEvent::AddressGone { index, address }
            });
            let held_for = put_at.elapsed();
            assert!(
                held_for >= Duration::from_millis(800),
                "{text}: {held_for:?}"
            );
            assert!(
                held_for <= Duration::from_millis(2500),
                "{text}: {held_for:?}"
            );
        }
    });
}

#[test]
fn an_address_that_someone_removes_shows() {
    let Some(pair) = Pair::new() else { return };
    let index = pair.a.interface().index;
    let mut monitor = pair.a.run(|| Monitor::open().expect("netlink"));
    assert_eq!(monitor.poll_event().expect("non-blocking"), None);
    pair.a.ip("address delete 10.77.0.1/24 dev eth0");
    let address = address("10.77.0.1");
    wait_event(&mut monitor, |event| {
        *event == NetworkEvent::AddressGone { index, address }
    });
}

#[test]
fn links_that_lose_their_carrier_go_down_or_vanish_show() {
    let Some(pair) = Pair::new() else { return };
    let index = pair.a.interface().index;
    let mut monitor = pair.a.run(|| Monitor::open().expect("netlink"));
    let name = || INTERFACE.to_owned();
    let changed = |up, running| NetworkEvent::LinkChanged {
        index,
        name: name(),
        up,
        running,
    };
    pair.b.ip("link set eth0 down");
    wait_event(&mut monitor, |event| *event == changed(true, false));
    assert!(!pair.a.interface().running);
    pair.b.ip("link set eth0 up");
    wait_event(&mut monitor, |event| *event == changed(true, true));
    pair.a.ip("link set eth0 down");
    wait_event(&mut monitor, |event| *event == changed(false, false));
    pair.b.ip("link delete eth0");
    wait_event(&mut monitor, |event| {
        *event
            == NetworkEvent::LinkGone {
                index,
                name: name(),
            }
    });
}

#[test]
fn notifications_that_were_lost_show_as_overrun_and_the_monitor_goes_on() {
    let Some(pair) = Pair::new() else { return };
    let index = pair.a.interface().index;
    pair.a.run(|| {
        let mut monitor = Monitor::open().expect("netlink");
        let mut addresses = Addresses::open().expect("netlink");
        let address = address("10.77.0.100");
        for _ in 0..3000 {
            addresses.put(index, address, 32, None).expect("put");
        }
        wait_event(&mut monitor, |event| *event == NetworkEvent::Overrun);
        while monitor.poll_event().expect("readable").is_some() {}
        addresses.remove(index, address, 32).expect("remove");
        wait_event(&mut monitor, |event| {
            *event == NetworkEvent::AddressGone { index, address }
        });
    });
}
