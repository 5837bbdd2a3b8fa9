//! The address as a lease, and what takes it away.

use super::*;

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
fn an_address_that_someone_else_removed_is_added_again() {
    let mut node = master();
    node.handle_address_gone(at(4_600));
    assert_eq!(actions(&mut node), ["put", "announce"]);
}

#[test]
fn an_address_that_this_node_removed_just_before_was_not_removed_by_someone_else() {
    let mut node = master();
    node.handle_datagram(at(4_600), Datagram::Ipv4(&advertisement(1, 254)));
    node.handle_datagram(at(4_602), Datagram::Ipv4(&advertisement(1, 0)));
    let taken_back = run(&mut node, 4_650, 4_800);
    assert!(taken_back.contains(&"put") && node.holder.is_master());
    let told = lines(|| node.handle_address_gone(at(4_801)));
    assert_eq!(told, Vec::<String>::new());
    assert_eq!(actions(&mut node), ["put"]);
    run(&mut node, 4_850, 5_850);
    let told = lines(|| node.handle_address_gone(at(5_900)));
    assert_eq!(told.len(), 1, "{told:?}");
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

#[test]
fn a_master_that_wakes_does_not_answer_another_master_with_a_lapsed_lease() {
    let mut node = master();
    node.handle_datagram(at(20_000), Datagram::Ipv4(&advertisement(1, 100)));
    assert_eq!(actions(&mut node), ["reset", "remove", "changed"]);
    assert!(!node.holder.is_master());
    assert_eq!(node.holder.seen.advertised_priority, 100);
}

#[test]
fn a_status_tells_of_a_master_only_while_one_is_known_and_of_an_interface_that_is_down() {
    let told = |node: &Node, millis| {
        let vrrp = node.status(at(millis)).vrrp.expect("a router");
        (vrrp.interface_up, vrrp.master_known, vrrp.master_seen)
    };
    let mut node = node();
    node.start(at(1_000));
    assert_eq!(told(&node, 1_000), (true, false, None));
    node.handle_datagram(at(2_000), Datagram::Ipv4(&advertisement(1, 254)));
    let seen = Some("10.0.0.2".to_owned());
    assert_eq!(told(&node, 5_000), (true, true, seen));
    node.set_interface_up(at(5_001), false);
    assert_eq!(told(&node, 5_100), (false, false, None), "3.0625 s later");
}
