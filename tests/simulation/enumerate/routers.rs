//! Two VRRP routers by themselves: every pattern of lost advertisements, to a depth, and a stop and
//! a start of either router at every place.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use vrrp::packet::{Authentication, Version};
use vrrp::router::{Config, Event, Role, Router};
use vrrp::time::Instant;

/// So many advertisements in a row are each lost or not: 2^N patterns.
const DEPTH: u32 = 14;
/// What an advertisement takes.
const WAY: Duration = Duration::from_millis(1);
const INTERVAL: Duration = Duration::from_secs(1);
/// Both hear each other again: one master is left within an interval and an advertisement's way.
const SETTLE: Duration = Duration::from_millis(1_010);
/// Nobody is master: one takes over within Master_Down_Interval (priority 100: 3.61 s).
const TAKEOVER: Duration = Duration::from_millis(3_700);

/// Two routers and the advertisements on their way.
struct Lan {
    routers: [Router; 2],
    now: Instant,
    /// When, to whom, and with which priority.
    flying: VecDeque<(Instant, usize, u8)>,
    /// Bit by bit: whether the next advertisement is lost.
    losses: u64,
    sent: u32,
}

fn address(index: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1 + index as u8))
}

fn router(index: usize, priority: u8) -> Router {
    let config = Config {
        version: Version::V2,
        virtual_router_id: 51,
        priority,
        interval: INTERVAL,
        primary_address: address(index),
        preempt: false,
        addresses: vec![IpAddr::V4(Ipv4Addr::new(10, 0, 0, 100))],
        authentication: Authentication::None,
    };
    Router::new(config).expect("the configuration is sound")
}

impl Lan {
    fn new(priorities: [u8; 2], losses: u64) -> Lan {
        let mut lan = Lan {
            routers: [router(0, priorities[0]), router(1, priorities[1])],
            now: Instant::from_millis(1_000),
            flying: VecDeque::new(),
            losses,
            sent: 0,
        };
        for index in 0..2 {
            lan.start(index);
        }
        lan
    }

    fn start(&mut self, index: usize) {
        self.routers[index].startup(self.now);
        self.drain(index);
    }

    /// The process dies: its memory is gone, and nothing is said.
    fn crash(&mut self, index: usize, priority: u8) {
        self.routers[index] = router(index, priority);
    }

    fn drain(&mut self, from: usize) {
        while let Some(event) = self.routers[from].poll_event() {
            let Event::Advertise { priority } = event else {
                continue;
            };
            let lost = self.sent < DEPTH && self.losses >> self.sent & 1 == 1;
            self.sent += 1;
            if !lost {
                self.flying.push_back((self.now + WAY, 1 - from, priority));
            }
        }
    }

    /// The next timer or arrival. False if that lies behind `until`.
    fn step(&mut self, until: Instant) -> bool {
        let timers = (0..2).filter_map(|index| Some((self.routers[index].poll_timeout()?, index)));
        let timer = timers.min();
        let arrival = self.flying.front().map(|(at, ..)| *at);
        let at = timer.map(|(at, _)| at).into_iter().chain(arrival).min();
        let Some(at) = at.filter(|at| *at <= until) else {
            self.now = until;
            return false;
        };
        self.now = at.max(self.now);
        if arrival == Some(at) {
            let (_, to, priority) = self.flying.pop_front().expect("it arrives");
            let advertisement = self.routers[1 - to].advertisement(priority);
            self.routers[to].handle_advertisement(self.now, address(1 - to), &advertisement);
            self.drain(to);
        } else if let Some((_, index)) = timer {
            self.routers[index].handle_timeout(self.now);
            self.drain(index);
        }
        true
    }

    fn run(&mut self, lasts: Duration) {
        let until = self.now + lasts;
        while self.step(until) {}
    }

    fn masters(&self) -> usize {
        let master = |router: &&Router| router.state().role() == Role::Master;
        self.routers.iter().filter(master).count()
    }

    /// Nothing is lost any more: there is one master soon, and it stays the same one.
    fn settles(&mut self, why: impl Fn() -> String) {
        self.run(TAKEOVER.max(SETTLE));
        assert_eq!(self.masters(), 1, "{}", why());
        let master = self.routers[0].state().role();
        for _ in 0..20 {
            self.run(Duration::from_millis(250));
            assert_eq!(self.masters(), 1, "{}", why());
            assert_eq!(
                self.routers[0].state().role(),
                master,
                "{}: it flaps",
                why()
            );
        }
    }
}

const PRIORITIES: [[u8; 2]; 3] = [[100, 100], [200, 100], [100, 200]];

#[test]
fn two_routers_settle_on_one_master_after_every_pattern_of_losses() {
    for priorities in PRIORITIES {
        for losses in 0..1 << DEPTH {
            let mut lan = Lan::new(priorities, losses);
            while lan.sent < DEPTH {
                assert!(
                    lan.step(Instant::from_millis(600_000)),
                    "somebody advertises"
                );
            }
            lan.settles(|| format!("{priorities:?} {losses:b}"));
        }
    }
}

#[test]
fn two_routers_are_never_both_master_for_longer_than_an_interval_where_nothing_is_lost() {
    for priorities in PRIORITIES {
        let mut lan = Lan::new(priorities, 0);
        let mut both_since = None;
        while lan.now < Instant::from_millis(60_000) {
            lan.run(Duration::from_millis(10));
            both_since = (lan.masters() == 2).then(|| both_since.unwrap_or(lan.now));
            let both = both_since.map_or(Duration::ZERO, |since| lan.now.since(since));
            assert!(both <= SETTLE, "{priorities:?}: {both:?}");
        }
    }
}

#[test]
fn two_routers_settle_after_a_crash_and_a_start_at_every_step() {
    const STEPS: usize = 24;
    for priorities in PRIORITIES {
        for (crash_at, start_after, losses) in (0..STEPS)
            .flat_map(|crash| (0..STEPS).map(move |start| (crash, start)))
            .flat_map(|(crash, start)| (0..16).map(move |losses| (crash, start, losses)))
        {
            for victim in 0..2 {
                let mut lan = Lan::new(priorities, losses << 3);
                let end = Instant::from_millis(600_000);
                for _ in 0..crash_at {
                    lan.step(end);
                }
                lan.crash(victim, priorities[victim]);
                for _ in 0..start_after {
                    lan.step(end);
                }
                lan.start(victim);
                while lan.sent < 7 {
                    assert!(lan.step(end), "somebody advertises");
                }
                lan.settles(|| {
                    format!("{priorities:?} {losses:b}: {victim} at {crash_at}, {start_after}")
                });
            }
        }
    }
}
