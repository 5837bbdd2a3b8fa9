//! RFC 3768 §6.4.2, RFC 9568 §6.4.2: Backup.

use super::*;

#[test]
fn silence_makes_a_backup_master() {
    let mut router = Fixture::backup(Version::V2, 100);
    assert_eq!(router.timeout(Instant::from_nanos(3_609_374_999)), []);
    let events = router.timeout(Instant::from_nanos(3_609_375_000));
    let became = changed(Role::Backup, Role::Master, Reason::MasterDownTimer);
    assert_eq!(
        events,
        [AddAddresses, Advertise { priority: 100 }, Announce, became]
    );
    assert_eq!(router.0.state().role(), Role::Master);
}

#[test]
fn priority_zero_makes_backup_wait_only_skew_time() {
    let mut router = Fixture::backup(Version::V2, 100);
    assert_eq!(router.hear(1000, LOWER, 0), []);
    assert_eq!(router.due_nanos(), Some(1_609_375_000));
    let events = router.timeout(Instant::from_nanos(1_609_375_000));
    let became = changed(Role::Backup, Role::Master, Reason::PriorityZeroHeard);
    assert_eq!(events.last(), Some(&became));
}

#[test]
fn a_higher_or_equal_priority_resets_the_timer() {
    let mut router = Fixture::backup(Version::V2, 100);
    assert_eq!(router.hear(1000, LOWER, 200), []);
    assert_eq!(router.due_nanos(), Some(4_609_375_000));
    assert_eq!(router.hear(2000, LOWER, 100), []);
    assert_eq!(router.due_nanos(), Some(5_609_375_000));
}

#[test]
fn a_lower_priority_is_discarded_when_preempting() {
    let mut router = Fixture::backup(Version::V2, 100);
    assert_eq!(router.hear(3000, HIGHER, 99), []);
    assert_eq!(router.due_nanos(), Some(3_609_375_000));
    let events = router.timeout(at(3610));
    assert_eq!(
        events.last(),
        Some(&changed(Role::Backup, Role::Master, Reason::Preempted))
    );
}

#[test]
fn a_lower_priority_resets_the_timer_without_preemption() {
    let mut without_preemption = config(Version::V2, 100);
    without_preemption.preempt = false;
    let mut router = Fixture::new(without_preemption);
    router.drain();
    assert_eq!(router.hear(3000, LOWER, 1), []);
    assert_eq!(router.due_nanos(), Some(6_609_375_000));
}

#[test]
fn a_backup_adopts_the_masters_interval_in_version_3() {
    let mut router = Fixture::backup(Version::V3, 100);
    router.hear_interval(1000, HIGHER, 200, 200);
    assert_eq!(router.due_nanos(), Some(1_721_875_000));
    assert_eq!(router.0.skew_time(), Duration::from_nanos(121_875_000));
    assert_eq!(
        router.0.master_down_interval(),
        Duration::from_nanos(721_875_000)
    );
    router.hear_interval(1100, HIGHER, 0, 1000);
    assert_eq!(
        router.due_nanos(),
        Some(1_221_875_000),
        "priority 0 says nothing of the interval"
    );
}

#[test]
fn a_discarded_advertisement_does_not_change_the_interval() {
    let mut router = Fixture::backup(Version::V3, 100);
    router.hear_interval(1000, HIGHER, 50, 200);
    assert_eq!(router.due_nanos(), Some(3_609_375_000));
    assert_eq!(
        router.0.master_down_interval(),
        Duration::from_nanos(3_609_375_000)
    );
}

#[test]
fn shutdown_as_backup_is_silent() {
    let mut router = Fixture::backup(Version::V2, 100);
    router.0.shutdown(at(500));
    assert_eq!(
        router.drain(),
        [changed(Role::Backup, Role::Initialize, Reason::Shutdown)]
    );
    assert_eq!(router.due_nanos(), None);
}

#[test]
fn shutdown_of_the_address_owner_says_priority_zero_too() {
    let mut router = Fixture::new(config(Version::V3, 255));
    router.drain();
    router.0.shutdown(at(500));
    let stopped = changed(Role::Master, Role::Initialize, Reason::Shutdown);
    assert_eq!(
        router.drain(),
        [RemoveAddresses, Advertise { priority: 0 }, stopped]
    );
}
