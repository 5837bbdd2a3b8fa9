//! Leaving in order, with and without somebody to hand over to.

use super::twins::Twins;
use super::*;
use crate::command::Delete;
use crate::node::leaving::Leaving;

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
    let status = node.status(at(4_611)).vrrp.expect("a router");
    assert_eq!(status.reason, "handed over as asked");
}

#[test]
fn a_node_whose_peer_has_taken_over_has_left_although_a_client_lingers() {
    let mut node = master();
    assert_eq!(node.hand_over(at(4_600), true), Ok(()));
    assert_eq!(actions(&mut node), ["hold", "close"]);
    // The connections over the virtual address are not reported closed, but the peer is master.
    node.handle_datagram(at(4_610), Datagram::Ipv4(&advertisement(1, 254)));
    let seen = actions(&mut node);
    assert!(seen.ends_with(&["release"]), "{seen:?}");
    assert_eq!(node.leaving, Leaving::No);
}

#[test]
fn a_handover_gives_the_address_up_when_the_peer_has_announced_it() {
    let mut twins = Twins::in_sync();
    assert_eq!(twins.nodes[0].hand_over(at(6_010), false), Ok(()));
    assert_eq!(twins.done(0), ["hold", "hold all"]);
    twins.talk(6_010);
    assert_eq!(
        twins.done(1),
        Vec::<&str>::new(),
        "a worker may be at it yet"
    );
    twins.nodes[0].requests_held(at(6_011));
    twins.talk(6_011);
    assert_eq!(
        twins.done(1),
        ["open", "put", "put", "advertise", "announce", "changed"]
    );
    assert_eq!(
        twins.done(0),
        Vec::<&str>::new(),
        "it is told by the link, and waits"
    );
    twins.deliver(6_012);
    assert_eq!(twins.done(0), ["close"]);
    twins.nodes[0].connections_closed(at(6_013));
    assert_eq!(
        twins.done(0),
        [
            "reset",
            "remove",
            "priority 0",
            "changed",
            "changed",
            "release"
        ]
    );
    twins.deliver(6_014);
    assert_eq!(twins.done(1), ["announce", "put", "advertise"]);
}

#[test]
fn a_peer_that_does_not_take_over_cannot_keep_a_node_from_leaving() {
    let mut twins = Twins::in_sync();
    twins.nodes[0].leave(at(6_010));
    twins.nodes[0].requests_held(at(6_010));
    // The word to take over is lost with the peer.
    twins.nodes[0].set_workers_at(at(6_309));
    twins.nodes[0].handle_timeout(at(6_309));
    assert_eq!(twins.steps(0), ["hold", "hold all"]);
    twins.nodes[0].handle_timeout(at(6_310));
    assert_eq!(twins.steps(0), ["close"]);
    twins.nodes[0].handle_timeout(at(6_610));
    assert!(twins.steps(0).ends_with(&["priority 0", "changed", "exit"]));
}

#[test]
fn a_node_that_was_asked_to_hand_over_stays_master_if_the_peer_does_not_take_over() {
    let mut twins = Twins::in_sync();
    assert_eq!(twins.nodes[0].hand_over(at(6_010), false), Ok(()));
    twins.nodes[0].requests_held(at(6_010));
    twins.nodes[0].handle_timeout(at(6_309));
    assert_eq!(twins.steps(0), ["hold", "hold all"]);
    twins.nodes[0].handle_timeout(at(6_310));
    assert_eq!(twins.steps(0), ["release"]);
    assert!(twins.nodes[0].holder.is_master());
    // The word comes late to a peer that was paused.
    twins.nodes[1].set_workers_at(at(7_000));
    twins.nodes[1].handle_timeout(at(7_000));
    twins.nodes[0].set_workers_at(at(7_000));
    twins.talk(7_001);
    assert!(!twins.nodes[1].holder.is_master());
    assert!(twins.nodes[0].holder.is_master());
}

#[test]
fn a_worker_that_hangs_cannot_keep_a_node_from_leaving() {
    let mut twins = Twins::in_sync();
    twins.nodes[0].leave(at(6_010));
    twins.nodes[0].handle_timeout(at(6_110));
    twins.talk(6_110);
    assert!(twins.nodes[1].holder.is_master());
}

#[test]
fn a_backup_that_leaves_hands_nothing_over() {
    let mut twins = Twins::in_sync();
    twins.nodes[1].leave(at(6_010));
    assert_eq!(twins.done(1), ["hold", "close"]);
    twins.talk(6_010);
    assert_eq!(twins.done(0), Vec::<&str>::new());
}

fn delete(key: &[u8]) -> Delete<'_> {
    Delete {
        key,
        compare: None,
        new_cas: None,
        invalidate: false,
        exptime: None,
        drop_value: false,
    }
}

/// Host 0 is asked to leave while its peer lacks a change.
fn asked_while_the_peer_lacks_a_change(ask: impl Fn(&mut Node)) -> Twins {
    let mut twins = Twins::in_sync();
    let node = &mut twins.nodes[0];
    node.store.delete(at(6_005), &delete(b"k"));
    ask(node);
    twins
}

fn fail_over(node: &mut Node) {
    assert_eq!(node.hand_over(at(6_010), false), Ok(()));
}

fn fail_over_by_force(node: &mut Node) {
    assert_eq!(node.hand_over(at(6_010), true), Ok(()));
}

#[test]
fn a_peer_that_dies_while_it_is_sent_the_last_changes_costs_nobody_the_address() {
    let mut twins = asked_while_the_peer_lacks_a_change(fail_over);
    twins.nodes[0].link_closed(at(6_011), 1);
    assert_eq!(twins.steps(0), ["hold", "release"]);
    assert!(twins.nodes[0].holder.is_master());
    assert_eq!(twins.nodes[0].leaving, Leaving::No);
}

#[test]
fn a_peer_that_freezes_while_it_is_sent_the_last_changes_costs_nobody_the_address() {
    let mut twins = asked_while_the_peer_lacks_a_change(fail_over);
    let mut seen = run(&mut twins.nodes[0], 6_050, 9_000);
    seen.retain(|what| ["hold", "hold all", "release", "close", "priority 0"].contains(what));
    assert_eq!(seen, ["hold", "release"]);
    assert!(twins.nodes[0].holder.is_master());
}

#[test]
fn a_peer_that_dies_while_requests_come_to_rest_costs_nobody_the_address() {
    let mut twins = Twins::in_sync();
    fail_over(&mut twins.nodes[0]);
    assert_eq!(twins.steps(0), ["hold", "hold all"]);
    twins.nodes[0].link_closed(at(6_011), 1);
    twins.nodes[0].requests_held(at(6_012));
    assert_eq!(twins.steps(0), ["release"]);
    assert!(twins.nodes[0].holder.is_master());
}

#[test]
fn a_peer_that_dies_cannot_keep_a_node_that_ends_or_is_forced() {
    let end = |node: &mut Node| node.leave(at(6_010));
    for ask in [end, fail_over_by_force] {
        let mut twins = asked_while_the_peer_lacks_a_change(ask);
        twins.nodes[0].link_closed(at(6_011), 1);
        assert_eq!(twins.steps(0), ["hold", "close"]);
    }
}

#[test]
fn a_node_that_is_to_end_while_it_hands_over_does_not_stay() {
    let mut twins = asked_while_the_peer_lacks_a_change(fail_over);
    twins.nodes[0].leave(at(6_011));
    twins.nodes[0].link_closed(at(6_012), 1);
    assert_eq!(twins.steps(0), ["hold", "close"]);
}

#[test]
fn a_node_that_another_master_has_replaced_while_it_hands_over_has_left() {
    let mut twins = asked_while_the_peer_lacks_a_change(fail_over);
    let third = advertisement(2, 255);
    twins.nodes[0].handle_datagram(at(6_011), Datagram::Ipv4(&third));
    assert!(!twins.nodes[0].holder.is_master());
    twins.nodes[0].link_closed(at(6_012), 1);
    twins.nodes[0].handle_timeout(at(6_013));
    assert!(twins.steps(0).ends_with(&["release"]));
    assert_eq!(twins.nodes[0].leaving, Leaving::No);
}
