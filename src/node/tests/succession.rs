//! From one master to the next, as the address side sees it.

use super::*;

fn standing(master: bool, effective_priority: u8) -> Standing {
    Standing {
        master,
        complete: true,
        effective_priority,
        master_for_ms: 60_000,
    }
}

/// A complete BACKUP with priority 200. Its peer is master, has a higher address, and was the last
/// to take over: it has advertised 241 then, and is back at 240.
fn backup() -> Holder {
    let mut backup = holder(at(1_000), 0, 200, true);
    backup.set_workers_at(at(1_000));
    backup.start(at(1_000));
    backup.handle_hello(at(1_010), 240, Some(address(1)));
    backup.set_complete(at(1_020));
    backup.handle_heartbeat(at(1_030), 1, standing(true, 240));
    backup
}

fn drain(holder: &mut Holder) -> Vec<&'static str> {
    std::iter::from_fn(|| holder.poll_action())
        .map(|action| named(&action))
        .collect()
}

fn hears(holder: &mut Holder, millis: u64, priority: u8) {
    let packet = advertisement(1, priority);
    holder.handle_datagram(at(millis), Datagram::Ipv4(&packet));
}

#[test]
fn an_advertisement_from_before_a_handover_does_not_leave_the_pair_without_a_master() {
    let mut backup = backup();
    backup.handle_handed_over(at(1_100));
    assert_eq!(backup.router().expect("it has one").priority(), 241);
    // Equal priority, higher address: VRRP alone would obey.
    hears(&mut backup, 1_105, 241);
    assert!(backup.is_master());
}

#[test]
fn an_advertisement_from_before_its_death_does_not_bring_the_old_master_back() {
    let mut backup = backup();
    backup.handle_link_lost(at(1_100));
    backup.handle_peer_died(at(1_101));
    hears(&mut backup, 1_105, 241);
    assert!(backup.is_master());
}

/// Once the link has said that it is master again, or a moment later, VRRP is heard as before.
#[test]
fn a_peer_that_has_left_is_heard_again() {
    let mut backup = backup();
    backup.handle_handed_over(at(1_100));
    hears(&mut backup, 1_401, 241);
    assert!(!backup.is_master());
}

/// A master that has told its peer to take over.
fn leaving() -> Holder {
    let mut master = backup();
    master.handle_handed_over(at(1_100));
    drain(&mut master);
    master.await_successor();
    master
}

#[test]
fn the_address_stays_until_the_successor_has_announced_it() {
    let mut master = leaving();
    assert_eq!(master.successor_at(), None);
    hears(&mut master, 1_500, 242);
    assert_eq!(master.successor_at(), Some(at(1_500)));
    assert_eq!(drain(&mut master), Vec::<&str>::new());
    master.leave(at(1_501), false);
    assert_eq!(
        drain(&mut master),
        ["reset", "remove", "priority 0", "changed", "changed"]
    );
    assert_eq!(master.successor_at(), None);
}

#[test]
fn a_successor_that_only_the_link_tells_of_is_given_50_ms_to_announce() {
    let mut master = leaving();
    master.handle_heartbeat(at(1_500), 1, standing(false, 240));
    assert_eq!(master.successor_at(), None);
    master.handle_heartbeat(at(1_510), 1, standing(true, 242));
    master.handle_heartbeat(at(1_540), 1, standing(true, 242));
    assert_eq!(master.successor_at(), Some(at(1_560)));
    assert!(master.is_master());
}

#[test]
fn a_new_master_announces_again_when_the_old_one_has_given_the_address_up() {
    let mut master = backup();
    master.handle_handed_over(at(1_100));
    drain(&mut master);
    hears(&mut master, 1_110, 0);
    assert_eq!(drain(&mut master), ["announce", "put", "advertise"]);
}

#[test]
fn a_speaker_that_the_link_contradicts_again_and_again_is_told_of() {
    let mut master = backup();
    master.handle_handed_over(at(1_100));
    let mut now = 1_500;
    let mut told = Vec::new();
    for _ in 0..4 {
        // The peer is BACKUP and says so; a keepalived beside it advertises.
        master.handle_heartbeat(at(now), 1, standing(false, 240));
        hears(&mut master, now + 10, 250);
        told.push(master.other_speaker(at(now + 20)));
        now += 1_000;
    }
    assert!(master.is_master());
    assert_eq!(told, [None, None, Some(address(1)), Some(address(1))]);
    assert_eq!(master.other_speaker(at(now + 5_000)), None);
}
