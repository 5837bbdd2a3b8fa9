//! Each clause of section 6.4 of both RFCs, and the test that shows it:
//!
//! | state | clause | test |
//! |---|---|---|
//! | Initialize | Startup, priority 255 | `the_address_owner_starts_as_master` |
//! | | Startup, else | `everyone_else_starts_as_backup_and_waits_master_down_interval` |
//! | | anything else is ignored | `before_startup_nothing_is_heard_and_nothing_is_due` |
//! | Backup | no ARP or packets for the addresses | `silence_makes_a_backup_master`: only then they are added |
//! | | Shutdown | `shutdown_as_backup_is_silent` |
//! | | Master_Down_Timer fires | `silence_makes_a_backup_master` |
//! | | priority 0: Skew_Time | `priority_zero_makes_backup_wait_only_skew_time` |
//! | | priority not below ours | `a_higher_or_equal_priority_resets_the_timer` |
//! | | Preempt_Mode false | `a_lower_priority_resets_the_timer_without_preemption` |
//! | | else discard | `a_lower_priority_is_discarded_when_preempting` |
//! | | interval of the master (9568) | `a_backup_adopts_the_masters_interval_in_version_3` |
//! | | not of a discarded one (9568) | `a_discarded_advertisement_does_not_change_the_interval` |
//! | Master | Shutdown | `shutdown_as_master_removes_the_addresses_and_then_says_priority_zero`, `shutdown_of_the_address_owner_says_priority_zero_too` |
//! | | Adver_Timer fires | `a_master_advertises_every_interval` |
//! | | priority 0 | `priority_zero_makes_a_master_advertise_at_once` |
//! | | greater priority | `a_higher_priority_demotes_without_priority_zero` |
//! | | equal priority, greater address | `an_equal_priority_from_a_higher_address_demotes`, `an_equal_priority_is_settled_by_the_primary_addresses_of_ipv6_too` |
//! | | interval of the new master (9568) | `a_demoted_master_waits_by_the_new_masters_interval_in_version_3` |
//! | | else: discard (3768), advertise (9568) | `the_winner_of_two_masters_advertises_and_announces_at_once` |
//! | owner | 7.1: receives none | `the_address_owner_ignores_advertisements` |
//!
//! Section 6.1, the timers' lengths, is in `timers.rs`; section 7.1, what is received at all, in
//! `packet/tests.rs` and `tests/vectors.rs`.

use super::*;
use crate::packet::Authentication;
use Event::{AddAddresses, Advertise, Announce, RemoveAddresses};
use std::net::Ipv4Addr;

const LOWER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2));
const HIGHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 10));

fn config(version: Version, priority: u8) -> Config {
    Config {
        version,
        virtual_router_id: 51,
        priority,
        interval: Duration::from_secs(1),
        primary_address: OWN,
        preempt: true,
        addresses: vec![IpAddr::from([10, 77, 0, 100])],
        authentication: Authentication::None,
    }
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A router and the little that the tests do to it.
struct Fixture(Router);

impl Fixture {
    /// Started at 0.
    fn new(config: Config) -> Fixture {
        let mut fixture = Fixture(Router::new(config).expect("a valid configuration"));
        fixture.0.startup(at(0));
        fixture
    }

    fn backup(version: Version, priority: u8) -> Fixture {
        let mut fixture = Fixture::new(config(version, priority));
        fixture.drain();
        fixture
    }

    /// Master since 10 s.
    fn master(version: Version, priority: u8) -> Fixture {
        let mut fixture = Fixture::backup(version, priority);
        fixture.0.become_master(at(10_000), Reason::Caller("test"));
        fixture.drain();
        fixture
    }

    fn drain(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.0.poll_event()).collect()
    }

    fn hear(&mut self, millis: u64, source: IpAddr, priority: u8) -> Vec<Event> {
        self.hear_interval(millis, source, priority, 1000)
    }

    fn hear_interval(
        &mut self,
        millis: u64,
        source: IpAddr,
        priority: u8,
        interval_ms: u64,
    ) -> Vec<Event> {
        let mut advertisement = self.0.advertisement(priority);
        advertisement.interval = Duration::from_millis(interval_ms);
        self.0
            .handle_advertisement(at(millis), source, &advertisement);
        self.drain()
    }

    fn timeout(&mut self, now: Instant) -> Vec<Event> {
        self.0.handle_timeout(now);
        self.drain()
    }

    fn due_nanos(&self) -> Option<u64> {
        self.0.poll_timeout().map(Instant::as_nanos)
    }

    fn role(&self) -> Role {
        self.0.state().role()
    }
}

fn changed(from: Role, to: Role, reason: Reason) -> Event {
    Event::StateChanged { from, to, reason }
}

// RFC 3768 §6.4.1, RFC 9568 §6.4.1: Initialize

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

// RFC 3768 §6.4.2, RFC 9568 §6.4.2: Backup

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

// RFC 3768 §6.4.3, RFC 9568 §6.4.3: Master

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

// Decisions of the caller

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
