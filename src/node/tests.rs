mod two_routers;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use vrrp::packet::{Authentication, Delivery, Expected, Receiver, Version};
use vrrp::router::{self, Router};

use super::*;
use crate::failover::Rules;
use crate::store::Options;

const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const VIRTUAL: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 100));
const SECOND: Duration = Duration::from_secs(1);

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A node without a replication peer: VRRP alone.
fn node() -> Node {
    let store = Arc::new(Store::new(&Options {
        memory: 8 << 20,
        item_size_max: 1 << 20,
        threads: 1,
        hash_seed: [1, 2, 3, 4],
        zero_unix_ms: 1_700_000_000_000,
        evict: true,
        replicated: false,
    }));
    let router = Router::new(router::Config {
        version: Version::V2,
        virtual_router_id: 51,
        priority: 240,
        interval: SECOND,
        primary_address: OWN,
        preempt: false,
        addresses: vec![VIRTUAL],
        authentication: Authentication::None,
    });
    let receiver = Receiver::new(Expected {
        version: Version::V2,
        virtual_router_id: 51,
        authentication: Authentication::None,
        interval: SECOND,
        own_address: OWN,
        delivery: Delivery::Multicast,
        addresses: vec![VIRTUAL],
    });
    let rules = Rules {
        version: Version::V2,
        priority: 240,
        interval: SECOND,
        join_hold: SECOND * 5,
        has_peer: false,
        node_id: 1,
    };
    let group = Delivery::Multicast.destination(OWN);
    let vrrp = Some((router.expect("encodable"), receiver, group));
    let holder = Holder::new(at(1_000), rules, vrrp);
    Node::new(at(1_000), store, None, holder, Settings::default())
}

fn actions(node: &mut Node) -> Vec<&'static str> {
    std::iter::from_fn(|| node.poll_action())
        .map(|action| match action {
            Action::OpenPorts => "open",
            Action::PutAddresses { .. } => "put",
            Action::ResetConnections => "reset",
            Action::RemoveAddresses => "remove",
            Action::Advertise(message) if message[2] == 0 => "priority 0",
            Action::Advertise(_) => "advertise",
            Action::Announce => "announce",
            Action::Changed { .. } => "changed",
            Action::HoldMutations(true) => "hold",
            Action::HoldMutations(false) => "release",
            Action::CloseConnections => "close",
            Action::Exit => "exit",
            Action::Dial | Action::CloseSession(_) | Action::Wake => "link",
        })
        .collect()
}

/// Lets time pass in steps of 50 ms with living workers.
fn run(node: &mut Node, from: u64, to: u64) -> Vec<&'static str> {
    let mut seen = Vec::new();
    for millis in (from..=to).step_by(50) {
        node.set_workers_at(at(millis));
        node.handle_timeout(at(millis));
        seen.extend(actions(node));
    }
    seen
}

fn master() -> Node {
    let mut node = node();
    node.start(at(1_000));
    run(&mut node, 1_000, 4_500);
    assert!(node.holder.is_master());
    node
}

#[test]
fn a_new_master_listens_then_adds_the_address_then_says_so() {
    let mut node = node();
    node.start(at(1_000));
    assert_eq!(actions(&mut node), ["changed", "open"]);
    assert_eq!(run(&mut node, 1_000, 4_050), Vec::<&str>::new());
    let claimed = run(&mut node, 4_100, 4_100);
    assert_eq!(
        claimed,
        ["open", "put", "put", "advertise", "announce", "changed"]
    );
}

#[test]
fn the_lease_is_renewed_before_each_advertisement() {
    let mut node = master();
    let seen = run(&mut node, 5_000, 8_000);
    let steady: Vec<_> = seen
        .into_iter()
        .filter(|action| *action != "announce")
        .collect();
    assert_eq!(
        steady,
        ["put", "advertise", "put", "advertise", "put", "advertise"]
    );
}

#[test]
fn hung_workers_let_the_lease_run_out_and_connections_are_reset_before_the_address_goes() {
    let mut node = master();
    let mut seen = Vec::new();
    for millis in (4_550..=9_000).step_by(50) {
        node.set_workers_at(at(4_500));
        node.handle_timeout(at(millis));
        seen.extend(actions(&mut node));
    }
    seen.retain(|action| *action != "announce");
    assert_eq!(seen, ["put", "advertise", "reset", "remove", "changed"]);
    assert!(!node.holder.is_master());
}

#[test]
fn a_master_that_wakes_after_its_lease_is_backup_without_a_word() {
    let mut node = master();
    node.set_workers_at(at(14_000));
    node.handle_timeout(at(14_000));
    assert_eq!(actions(&mut node), ["reset", "remove", "changed"]);
}

#[test]
fn leaving_holds_mutations_closes_connections_removes_the_address_and_says_priority_zero() {
    let mut node = master();
    node.leave(at(4_600));
    assert_eq!(actions(&mut node), ["hold", "close"]);
    node.connections_closed(at(4_610));
    assert_eq!(
        actions(&mut node),
        ["reset", "remove", "priority 0", "changed", "exit"]
    );
}

#[test]
fn clients_that_do_not_follow_cannot_keep_a_node_from_leaving() {
    let mut node = master();
    node.leave(at(4_600));
    actions(&mut node);
    let seen = run(&mut node, 4_650, 4_950);
    assert!(
        seen.ends_with(&["priority 0", "changed", "exit"]),
        "{seen:?}"
    );
}

#[test]
fn a_node_without_a_peer_hands_over_by_force_only() {
    let mut node = master();
    assert_eq!(node.hand_over(at(4_600), false), Err(Refused::NoPeer));
    assert_eq!(node.hand_over(at(4_600), true), Ok(()));
    assert_eq!(node.hand_over(at(4_601), true), Err(Refused::Leaving));
    node.connections_closed(at(4_610));
    let seen = actions(&mut node);
    assert!(
        seen.contains(&"priority 0") && seen.ends_with(&["release"]),
        "{seen:?}"
    );
    assert!(!node.holder.is_master());
}

#[test]
fn an_address_that_someone_else_removed_is_added_again() {
    let mut node = master();
    node.handle_address_gone(at(4_600));
    assert_eq!(actions(&mut node), ["put", "announce"]);
}

#[test]
fn without_a_carrier_nobody_holds_or_claims_the_address() {
    let mut node = master();
    node.set_interface_up(at(4_600), false);
    assert_eq!(actions(&mut node), ["reset", "remove", "changed"]);
    assert_eq!(run(&mut node, 4_650, 20_000), Vec::<&str>::new());
    node.set_interface_up(at(20_050), true);
    assert!(run(&mut node, 20_100, 23_000).is_empty());
    assert!(run(&mut node, 23_050, 23_200).contains(&"put"));
}

/// An advertisement of the other node, frame by frame: IPv4 header, then VRRP.
fn advertisement(priority: u8) -> Vec<u8> {
    let other = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
    let group = Delivery::Multicast.destination(other);
    let advertised = vrrp::packet::Advertisement {
        version: Version::V2,
        virtual_router_id: 51,
        priority,
        interval: SECOND,
        addresses: vec![VIRTUAL],
        authentication: Authentication::None,
    };
    let message = advertised.encode(other, group).expect("encodable");
    let mut packet = vec![
        0x45,
        0xc0,
        0,
        20 + message.len() as u8,
        0,
        1,
        0,
        0,
        255,
        112,
        0,
        0,
    ];
    packet.extend([10, 0, 0, 2, 224, 0, 0, 18]);
    packet.extend(message);
    packet
}

#[test]
fn a_master_that_wakes_does_not_answer_another_master_with_a_lapsed_lease() {
    let mut node = master();
    node.handle_datagram(at(20_000), Datagram::Ipv4(&advertisement(100)));
    assert_eq!(actions(&mut node), ["reset", "remove", "changed"]);
    assert!(!node.holder.is_master());
    assert_eq!(node.holder.seen.advertised_priority, 100);
}

#[test]
fn a_node_whose_peer_has_taken_over_has_left_although_a_client_lingers() {
    let mut node = master();
    assert_eq!(node.hand_over(at(4_600), true), Ok(()));
    assert_eq!(actions(&mut node), ["hold", "close"]);
    // The connections over the virtual address are not reported closed, but the peer is master.
    node.handle_datagram(at(4_610), Datagram::Ipv4(&advertisement(254)));
    let seen = actions(&mut node);
    assert!(seen.ends_with(&["release"]), "{seen:?}");
    assert_eq!(node.leaving, Leaving::No);
}
