use std::net::Ipv4Addr;

use vrrp::packet::{Advertisement, Authentication};

use super::*;
use crate::command::Standing;

fn claim_at(rules: &Rules, seen: &Seen, now: Instant) -> Instant {
    claim(rules, seen, now).at
}

/// Where the peer's advertisements come from, and a third router's.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const THIRD: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3));

const SECOND: Duration = Duration::from_secs(1);

fn rules() -> Rules {
    Rules {
        version: Version::V2,
        priority: 240,
        interval: SECOND,
        join_hold: Duration::from_millis(5_062),
        has_peer: true,
        node_id: 5,
    }
}

/// An advertisement with a second between two.
fn told(priority: u8) -> Advertisement {
    Advertisement {
        version: Version::V2,
        virtual_router_id: 51,
        priority,
        interval: SECOND,
        addresses: vec![IpAddr::V4(Ipv4Addr::new(10, 0, 0, 100))],
        authentication: Authentication::None,
    }
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn standing(master: bool, complete: bool, effective_priority: u8) -> Standing {
    Standing {
        master,
        complete,
        effective_priority,
        master_for_ms: 0,
    }
}

/// A complete BACKUP whose peer is a complete master, heard at `millis` over both paths.
fn backup_of_a_master_heard_at(millis: u64) -> Seen {
    let mut seen = Seen::from_start(at(0));
    seen.complete = true;
    seen.hello_ever = true;
    seen.hello_priority = Some(240);
    seen.peer_address = Some(PEER);
    seen.heartbeat(at(millis), 9, standing(true, true, 240));
    seen.advertisement(at(millis), PEER, &told(240));
    seen
}

#[test]
fn a_master_that_only_the_link_tells_of_is_unheard_after_the_down_interval() {
    // 3.0625 s for priority 240.
    let mut seen = backup_of_a_master_heard_at(1_000);
    let is_told = |seen: &mut Seen, millis: u64| {
        let mut standing = standing(true, true, 240);
        standing.master_for_ms = millis;
        seen.heartbeat(at(millis), 9, standing);
        master_is_unheard(&rules(), seen, at(millis))
    };
    assert!(!is_told(&mut seen, 4_062));
    assert!(is_told(&mut seen, 4_063));
    assert!(
        !master_is_unheard(&rules(), &seen, at(4_364)),
        "the link is silent"
    );
    seen.advertisement(at(5_000), PEER, &told(240));
    assert!(!is_told(&mut seen, 5_100));
    seen.backup_since = at(8_000);
    assert!(
        !is_told(&mut seen, 9_000),
        "it was master itself, or was paused"
    );
}

#[test]
fn a_peer_that_has_just_become_master_is_not_yet_unheard() {
    let mut seen = backup_of_a_master_heard_at(1_000);
    let mut standing = standing(true, true, 240);
    standing.master_for_ms = 3_000;
    seen.heartbeat(at(60_000), 9, standing);
    assert!(!master_is_unheard(&rules(), &seen, at(60_000)));
    assert!(master_is_unheard(&rules(), &seen, at(60_063)));
}

#[test]
fn an_incomplete_node_advertises_a_hundred_less() {
    let seen = Seen::from_start(at(0));
    assert_eq!(effective_priority(&rules(), &seen, at(1)), 140);
    assert_eq!(
        effective_priority(
            &Rules {
                priority: 50,
                ..rules()
            },
            &seen,
            at(1)
        ),
        1
    );
    assert_eq!(
        effective_priority(
            &Rules {
                has_peer: false,
                ..rules()
            },
            &seen,
            at(1)
        ),
        240
    );
}

#[test]
fn a_node_that_takes_over_advertises_more_than_it_heard_up_to_254() {
    let mut seen = backup_of_a_master_heard_at(10_000);
    assert_eq!(takeover_priority(&rules(), &seen), 241);
    seen.priority_heard = 254;
    assert_eq!(takeover_priority(&rules(), &seen), 254);
    seen.priority_heard = 100;
    assert_eq!(takeover_priority(&rules(), &seen), 240);
}

#[test]
fn silence_on_both_paths_needs_two_missed_advertisements() {
    let seen = backup_of_a_master_heard_at(10_000);
    assert_eq!(
        claim_at(&rules(), &seen, at(10_500)),
        at(10_000) + Duration::from_micros(2_062_500)
    );
}

#[test]
fn silence_of_advertisements_alone_needs_three() {
    let mut seen = backup_of_a_master_heard_at(10_000);
    seen.heartbeat(at(10_400), 9, standing(false, true, 240));
    let expected = at(10_000) + Duration::from_micros(3_062_500) + SECOND;
    // The peer is alive, says BACKUP and has the higher node id: it goes first.
    assert_eq!(claim_at(&rules(), &seen, at(10_500)), expected);
}

#[test]
fn a_link_that_was_dead_before_is_no_witness() {
    let mut seen = backup_of_a_master_heard_at(10_000);
    seen.advertisement(at(11_000), PEER, &told(240));
    seen.advertisement(at(12_000), PEER, &told(240));
    assert_eq!(
        claim_at(&rules(), &seen, at(12_500)),
        at(12_000) + Duration::from_micros(3_062_500)
    );
}

#[test]
fn a_confirmed_death_is_followed_at_once_and_a_priority_zero_after_the_skew() {
    let mut seen = backup_of_a_master_heard_at(10_000);
    seen.advertisement(at(10_200), PEER, &told(0));
    assert_eq!(
        claim_at(&rules(), &seen, at(10_200)),
        at(10_200) + Duration::from_micros(62_500)
    );
    seen.peer_died(at(10_300));
    assert_eq!(claim_at(&rules(), &seen, at(10_300)), at(10_300));
    // Sent before the death, and read after it.
    seen.advertisement(at(10_600), PEER, &told(240));
    assert_eq!(claim_at(&rules(), &seen, at(10_600)), at(10_300));
    seen.advertisement(at(10_601), PEER, &told(240));
    assert!(claim_at(&rules(), &seen, at(10_601)) > at(12_000));
}

#[test]
fn an_incomplete_node_waits_for_the_join_hold_without_any_sign() {
    let mut seen = Seen::from_start(at(1_000));
    assert_eq!(claim_at(&rules(), &seen, at(1_000)), at(6_062));
    seen.heartbeat(at(3_000), 9, standing(false, false, 140));
    assert_eq!(claim_at(&rules(), &seen, at(3_000)), at(8_062));
    seen.peer_died(at(4_000));
    let skew = Duration::from_micros(453_125);
    assert_eq!(claim_at(&rules(), &seen, at(4_000)), at(4_000) + skew);
}

#[test]
fn a_complete_backup_takes_over_from_an_incomplete_master() {
    let mut seen = backup_of_a_master_heard_at(10_000);
    seen.heartbeat(at(10_100), 9, standing(true, false, 140));
    assert_eq!(claim_at(&rules(), &seen, at(10_100)), at(10_100));
    // The hello itself may complete it: two empty nodes have met.
    seen.hello_at = Some(at(9_700));
    assert!(claim_at(&rules(), &seen, at(10_199)) > at(12_000));
    assert_eq!(claim_at(&rules(), &seen, at(10_200)), at(10_200));
    // Without a link the priority tells: exactly a hundred below the hello's.
    let mut seen = backup_of_a_master_heard_at(10_000);
    seen.link_lost();
    seen.advertisement(at(12_000), PEER, &told(140));
    assert_eq!(claim_at(&rules(), &seen, at(12_000)), at(12_000));
    seen.advertisement(at(13_000), PEER, &told(139));
    assert!(claim_at(&rules(), &seen, at(13_000)) > at(15_000));
}

#[test]
fn a_neighbour_without_a_link_is_treated_as_the_rfc_says() {
    let mut seen = Seen::from_start(at(0));
    for second in 1..=8 {
        seen.advertisement(at(second * 1_000), PEER, &told(150));
    }
    // Over a link that comes up now it says what it has: nothing.
    assert_eq!(priority_told(&rules(), &seen, at(8_000)), 140);
    assert_eq!(effective_priority(&rules(), &seen, at(8_000)), 240);
    assert_eq!(
        claim_at(&rules(), &seen, at(8_000)),
        at(8_000) + Duration::from_micros(3_062_500)
    );
}

#[test]
fn beside_a_neighbour_without_a_link_clients_are_served_after_the_join_hold() {
    let mut seen = Seen::from_start(at(0));
    for second in 1..=8 {
        seen.advertisement(at(second * 1_000), PEER, &told(150));
    }
    assert!(!may_serve(&rules(), &seen, at(5_061), false));
    assert!(may_serve(&rules(), &seen, at(8_000), false));
}

#[test]
fn two_masters_settle_by_completeness_priority_later_mastership_and_node_id() {
    let mut seen = Seen::from_start(at(0));
    seen.complete = true;
    let now = at(60_000);
    let yields = |seen: &Seen| yields_as_master(&rules(), seen, now, at(10_000));
    assert_eq!(yields(&seen), None);
    let mut meet = |complete, priority, master_for_ms| {
        let other = Standing {
            master_for_ms,
            ..standing(true, complete, priority)
        };
        seen.heartbeat(now, 9, other);
        yields(&seen)
    };
    assert_eq!(meet(false, 254, 0), Some(false));
    assert_eq!(meet(true, 241, 90_000), Some(true));
    assert_eq!(meet(true, 239, 0), Some(false));
    assert_eq!(meet(true, 240, 5_000), Some(true));
    assert_eq!(meet(true, 240, 90_000), Some(false));
    assert_eq!(meet(true, 240, 50_000), Some(true));
}

#[test]
fn a_heartbeat_older_than_300_ms_speaks_for_nobody() {
    let mut seen = Seen::from_start(at(0));
    seen.heartbeat(at(1_000), 9, standing(true, true, 254));
    assert!(yields_as_master(&rules(), &seen, at(1_300), at(0)).is_some());
    assert!(yields_as_master(&rules(), &seen, at(1_301), at(0)).is_none());
}

#[test]
fn clients_are_served_once_in_sync_as_master_or_alone() {
    let mut seen = Seen::from_start(at(0));
    assert!(!may_serve(&rules(), &seen, at(5_000), false));
    assert!(may_serve(&rules(), &seen, at(5_000), true));
    assert!(may_serve(&rules(), &seen, at(5_062), false));
    // A peer is there and still gives its data.
    seen.heartbeat(at(60_000), 9, standing(true, true, 240));
    assert!(!may_serve(&rules(), &seen, at(60_100), false));
    // It went away before all was given: half the data is better than none.
    assert!(may_serve(&rules(), &seen, at(65_062), false));
    seen.complete = true;
    assert!(may_serve(&rules(), &seen, at(60_100), false));
}

#[test]
fn the_link_speaks_for_the_peer_and_not_for_a_third_router() {
    let now = at(60_000);
    let mut seen = Seen::from_start(at(0));
    seen.complete = true;
    let of = |seen: &Seen, source| rival(&rules(), seen, now, at(10_000), source);
    seen.heartbeat(now, 9, standing(false, true, 240));
    // A hello without an address: nobody could be told apart.
    assert_eq!(of(&seen, PEER), Rival::Unknown);
    seen.peer_address = Some(PEER);
    assert_eq!(of(&seen, PEER), Rival::Contradicted);
    assert_eq!(of(&seen, THIRD), Rival::Unknown);
    seen.heartbeat(now, 9, standing(true, true, 254));
    assert_eq!(of(&seen, PEER), Rival::Better);
    assert_eq!(of(&seen, THIRD), Rival::Unknown);
    seen.heartbeat(now, 9, standing(true, true, 100));
    assert_eq!(of(&seen, PEER), Rival::Lesser);
    // A link that has been silent for longer than three heartbeats says nothing.
    seen.heartbeat(at(59_699), 9, standing(false, true, 240));
    assert_eq!(of(&seen, PEER), Rival::Unknown);
}

#[test]
fn a_peer_that_dies_while_a_third_router_is_master_is_no_reason_to_take_over() {
    let mut seen = backup_of_a_master_heard_at(10_000);
    seen.advertisement(at(10_100), THIRD, &told(250));
    seen.peer_died(at(10_200));
    assert_eq!(seen.master_died_at, None);
    assert_eq!(
        claim_at(&rules(), &seen, at(10_200)),
        at(10_100) + Duration::from_micros(3_062_500),
        "the link is no witness of a third router"
    );
    // It leaves: then nobody is known to be master.
    seen.advertisement(at(10_300), THIRD, &told(0));
    seen.peer_died(at(10_400));
    assert_eq!(claim_at(&rules(), &seen, at(10_400)), at(10_400));
}

#[test]
fn a_third_router_with_the_priority_of_an_incomplete_peer_is_not_taken_for_it() {
    let mut seen = backup_of_a_master_heard_at(10_000);
    seen.link_lost();
    seen.advertisement(at(12_000), THIRD, &told(140));
    assert!(claim_at(&rules(), &seen, at(12_000)) > at(14_000));
    seen.advertisement(at(12_100), PEER, &told(140));
    assert_eq!(claim_at(&rules(), &seen, at(12_100)), at(12_100));
}

#[test]
fn in_version_3_a_backup_waits_by_the_interval_that_the_master_tells() {
    let rules = Rules {
        version: Version::V3,
        ..rules()
    };
    let mut seen = backup_of_a_master_heard_at(10_000);
    seen.link_lost();
    seen.link_heard_at = None;
    let every = |interval| Advertisement {
        interval,
        ..told(240)
    };
    // keepalived with 4 s beside our second: 3 x 4 s + 4 s x 16 / 256.
    seen.advertisement(at(10_000), PEER, &every(SECOND * 4));
    assert_eq!(claim(&rules, &seen, at(10_001)).at, at(22_250));
    seen.advertisement(at(10_000), PEER, &every(SECOND / 5));
    let claim_at = claim(&rules, &seen, at(10_001)).at;
    assert_eq!(claim_at, at(10_612) + Duration::from_micros(500));
    // Version 2 knows one interval only.
    seen.advertisement(at(10_000), PEER, &every(SECOND * 4));
    let rules = Rules {
        version: Version::V2,
        ..rules
    };
    let claim_at = claim(&rules, &seen, at(10_001)).at;
    assert_eq!(claim_at, at(13_062) + Duration::from_micros(500));
}
