//! RFC 3768 §6.4.3, RFC 9568 §6.4.3: Master.

use super::*;

#[test]
fn shutdown_as_master_removes_the_addresses_and_then_says_priority_zero() {
    let mut router = Fixture::master(Version::V2, 100);
    router.0.shutdown(at(11_000));
    let stopped = changed(Role::Master, Role::Initialize, Reason::Shutdown);
    assert_eq!(
        router.drain(),
        [RemoveAddresses, Advertise { priority: 0 }, stopped]
    );
    router.0.shutdown(at(11_001));
    assert_eq!((router.drain(), router.due_nanos()), (vec![], None));
}

#[test]
fn a_master_advertises_every_interval() {
    let mut router = Fixture::master(Version::V2, 100);
    router.timeout(at(10_200));
    assert_eq!(router.timeout(at(10_999)), []);
    assert_eq!(
        router.timeout(at(11_000)),
        [Advertise { priority: 100 }, Announce]
    );
    assert_eq!(
        router.timeout(at(12_000)),
        [Advertise { priority: 100 }, Announce]
    );
    assert_eq!(router.timeout(at(13_000)), [Advertise { priority: 100 }]);
}

#[test]
fn priority_zero_makes_a_master_advertise_at_once() {
    let mut router = Fixture::master(Version::V2, 100);
    assert_eq!(
        router.hear(10_100, HIGHER, 0),
        [Advertise { priority: 100 }]
    );
    router.timeout(at(10_200));
    assert_eq!(
        router.timeout(at(11_099)),
        [Announce],
        "the announcement of the first second"
    );
    assert_eq!(router.timeout(at(11_100)), [Advertise { priority: 100 }]);
}

#[test]
fn a_higher_priority_demotes_without_priority_zero() {
    let mut router = Fixture::master(Version::V2, 100);
    let events = router.hear(10_500, LOWER, 101);
    let demoted = changed(Role::Master, Role::Backup, Reason::HigherPriorityHeard);
    assert_eq!(events, [RemoveAddresses, demoted]);
    assert_eq!(router.due_nanos(), Some(14_109_375_000));
}

#[test]
fn an_equal_priority_from_a_higher_address_demotes() {
    let mut router = Fixture::master(Version::V2, 100);
    let demoted = changed(Role::Master, Role::Backup, Reason::HigherAddressHeard);
    assert_eq!(router.hear(10_500, HIGHER, 100), [RemoveAddresses, demoted]);
}

#[test]
fn an_equal_priority_is_settled_by_the_primary_addresses_of_ipv6_too() {
    let link_local = |last| IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, last]);
    let mut of_ipv6 = config(Version::V3, 100);
    of_ipv6.primary_address = link_local(2);
    of_ipv6.addresses = vec![IpAddr::from([0xfd77, 0, 0, 0, 0, 0, 0, 0x100])];
    let mut router = Fixture::new(of_ipv6);
    router.drain();
    router.timeout(at(3_610));
    assert_eq!(router.role(), Role::Master);
    assert_eq!(
        router.hear(4_000, link_local(1), 100),
        [Advertise { priority: 100 }, Announce]
    );
    let demoted = changed(Role::Master, Role::Backup, Reason::HigherAddressHeard);
    assert_eq!(
        router.hear(4_100, link_local(3), 100),
        [RemoveAddresses, demoted]
    );
}

#[test]
fn the_winner_of_two_masters_advertises_and_announces_at_once() {
    for (version, source, priority) in [
        (Version::V2, HIGHER, 99),
        (Version::V2, LOWER, 100),
        (Version::V3, HIGHER, 99),
    ] {
        let mut router = Fixture::master(version, 100);
        for now in [10_200, 11_000, 12_000] {
            router.timeout(at(now));
        }
        let events = router.hear(12_500, source, priority);
        assert_eq!(events, [Advertise { priority: 100 }, Announce]);
        assert_eq!(
            router.timeout(at(12_700)),
            [Announce],
            "the series starts again"
        );
        assert_eq!(
            router.timeout(at(13_500)),
            [Advertise { priority: 100 }, Announce]
        );
    }
}

#[test]
fn our_own_packet_is_not_answered() {
    let mut router = Fixture::master(Version::V2, 100);
    assert_eq!(router.hear(10_100, OWN, 100), []);
}

#[test]
fn a_demoted_master_waits_by_the_new_masters_interval_in_version_3() {
    let mut router = Fixture::master(Version::V3, 100);
    router.hear_interval(10_500, LOWER, 101, 200);
    assert_eq!(router.due_nanos(), Some(11_221_875_000));
}

#[test]
fn the_address_owner_ignores_advertisements() {
    let mut router = Fixture::new(config(Version::V2, 255));
    router.drain();
    assert_eq!(router.hear(100, HIGHER, 255), []);
    assert_eq!(router.hear(100, HIGHER, 0), []);
    assert_eq!(router.role(), Role::Master);
}

#[test]
fn announcements_come_at_0_and_0_2_and_1_and_2_and_5_seconds_then_every_minute() {
    let mut router = Fixture::master(Version::V2, 100);
    let mut announced_at = Vec::new();
    while announced_at.len() < 6 {
        let due = router.0.poll_timeout().expect("a master has timers");
        let events = router.timeout(due);
        announced_at.extend(events.contains(&Announce).then(|| due.as_millis()));
    }
    assert_eq!(
        announced_at,
        [10_200, 11_000, 12_000, 15_000, 75_000, 135_000]
    );
}

#[test]
fn after_a_pause_a_master_does_not_make_up_for_what_it_missed() {
    let mut router = Fixture::master(Version::V2, 100);
    assert_eq!(
        router.timeout(at(60_000)),
        [Advertise { priority: 100 }, Announce]
    );
    assert_eq!(router.timeout(at(60_000)), []);
    assert_eq!(router.due_nanos(), Some(60_800_000_000));
}
