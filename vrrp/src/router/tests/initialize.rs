//! RFC 3768 §6.4.1, RFC 9568 §6.4.1: Initialize.

use super::*;

#[test]
fn the_address_owner_starts_as_master() {
    let mut router = Fixture::new(config(Version::V2, 255));
    let started = changed(Role::Initialize, Role::Master, Reason::Started);
    let expected = [AddAddresses, Advertise { priority: 255 }, Announce, started];
    assert_eq!(router.drain(), expected);
}

#[test]
fn everyone_else_starts_as_backup_and_waits_master_down_interval() {
    for version in [Version::V2, Version::V3] {
        let mut router = Fixture::new(config(version, 100));
        assert_eq!(
            router.drain(),
            [changed(Role::Initialize, Role::Backup, Reason::Started)]
        );
        assert_eq!(router.due_nanos(), Some(3_609_375_000));
    }
}

#[test]
fn before_startup_nothing_is_heard_and_nothing_is_due() {
    let mut router = Fixture(Router::new(config(Version::V2, 100)).expect("valid"));
    assert_eq!(router.hear(0, HIGHER, 200), []);
    assert_eq!(router.timeout(at(100_000)), []);
    assert_eq!(router.0.last_advertisement(), None);
    assert_eq!(router.due_nanos(), None);
    router.0.become_master(at(0), Reason::Caller("too early"));
    assert_eq!((router.drain(), router.role()), (vec![], Role::Initialize));
}

#[test]
fn a_second_startup_has_no_effect() {
    let mut router = Fixture::backup(Version::V2, 100);
    router.0.startup(at(2000));
    assert_eq!(
        (router.drain(), router.due_nanos()),
        (vec![], Some(3_609_375_000))
    );
}

#[test]
fn a_configuration_that_cannot_be_advertised_is_refused() {
    let mut fine = config(Version::V2, 100);
    fine.interval = Duration::from_millis(200);
    assert_eq!(Router::new(fine).err(), Some(EncodeError::Interval));
    let mut mixed = config(Version::V3, 100);
    mixed.primary_address = IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(Router::new(mixed).err(), Some(EncodeError::AddressFamily));
}
