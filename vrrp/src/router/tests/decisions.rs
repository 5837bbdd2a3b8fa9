//! Decisions of the caller, and what it reads.

use super::*;

#[test]
fn a_new_priority_shows_in_the_next_advertisement_and_in_comparisons() {
    let mut router = Fixture::master(Version::V2, 100);
    router.0.set_priority(201);
    assert_eq!(router.drain(), []);
    assert_eq!(
        router.hear(10_100, HIGHER, 200),
        [Advertise { priority: 201 }, Announce]
    );
    router.0.set_priority(0);
    assert_eq!(router.0.priority(), 1, "0 would say that we stop");
}

#[test]
fn without_a_master_down_time_a_backup_never_takes_over() {
    let mut router = Fixture::backup(Version::V2, 100);
    router.0.set_master_down_at(None);
    assert_eq!(router.due_nanos(), None);
    assert_eq!(router.timeout(at(1_000_000)), []);
    router.hear(1_000_000, LOWER, 200);
    assert_eq!(
        router.due_nanos(),
        Some(1_003_609_375_000),
        "as the RFC says again"
    );
    router.0.set_master_down_at(Some(at(1_000_100)));
    assert_eq!(router.timeout(at(1_000_100)).len(), 4);
    router.0.set_master_down_at(None);
    assert_eq!(
        router.due_nanos(),
        Some(1_000_300_000_000),
        "a master keeps its timers"
    );
}

#[test]
fn the_caller_can_promote_and_demote() {
    let mut router = Fixture::backup(Version::V2, 100);
    let (take, give) = (
        Reason::Caller("the peer died"),
        Reason::Caller("the lease passed"),
    );
    router.0.become_backup(at(1000), give);
    assert_eq!(router.drain(), [], "a backup stays what it is");
    router.0.become_master(at(1000), take);
    let became = changed(Role::Backup, Role::Master, take);
    assert_eq!(
        router.drain(),
        [AddAddresses, Advertise { priority: 100 }, Announce, became]
    );
    router.0.become_master(at(1100), take);
    assert_eq!(router.drain(), [], "a master stays what it is");
    router.0.become_backup(at(2000), give);
    assert_eq!(
        router.drain(),
        [RemoveAddresses, changed(Role::Master, Role::Backup, give)]
    );
    assert_eq!(router.due_nanos(), Some(5_609_375_000));
}

#[test]
fn advertise_now_restarts_the_interval_and_announce_now_the_series() {
    let mut router = Fixture::master(Version::V2, 100);
    router.timeout(at(10_200));
    router.0.advertise_now(at(10_600));
    assert_eq!(router.drain(), [Advertise { priority: 100 }]);
    router.0.announce_now(at(10_700));
    assert_eq!(router.drain(), [Announce]);
    assert_eq!(router.timeout(at(10_900)), [Announce]);
    assert_eq!(router.timeout(at(11_599)), []);
    assert_eq!(router.timeout(at(11_600)), [Advertise { priority: 100 }]);
    let mut backup = Fixture::backup(Version::V2, 100);
    backup.0.advertise_now(at(100));
    backup.0.announce_now(at(100));
    assert_eq!(backup.drain(), []);
}

#[test]
fn the_last_advertisement_is_remembered_even_when_discarded() {
    let mut router = Fixture::backup(Version::V2, 100);
    router.hear(700, LOWER, 50);
    let heard = Heard {
        at: at(700),
        source: LOWER,
        priority: 50,
    };
    assert_eq!(router.0.last_advertisement(), Some(heard));
}

#[test]
fn the_advertisement_of_an_event_carries_the_configuration() {
    let router = Fixture::backup(Version::V2, 100);
    let advertisement = router.0.advertisement(0);
    assert_eq!(
        (advertisement.virtual_router_id, advertisement.priority),
        (51, 0)
    );
    assert_eq!(advertisement.addresses, [IpAddr::from([10, 77, 0, 100])]);
}

#[test]
fn reasons_are_sentences_for_a_log() {
    assert_eq!(
        Reason::MasterDownTimer.to_string(),
        "the master fell silent"
    );
    assert_eq!(Reason::Caller("the peer died").to_string(), "the peer died");
    assert_eq!(format!("{:>10}", Role::Backup), "    BACKUP");
}
