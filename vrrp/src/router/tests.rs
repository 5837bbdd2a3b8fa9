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

mod backup;
mod decisions;
mod initialize;
mod master;

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
