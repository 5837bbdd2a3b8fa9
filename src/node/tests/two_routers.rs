//! Two address sides in virtual time, and every sequence of faults up to some length.
//!
//! The hosts are connected by a LAN for datagrams and a link for heartbeats. What the link copies is
//! reduced to what the policy asks of it: after a moment of connection both nodes are complete. Each
//! sequence begins with a pair at rest, has its faults some time apart, and ends with everything
//! healed. Checked all the time: that two hosts serve only while nothing connects them, and that nobody
//! takes over from a complete master that lives and could be heard; and at the end: one master, and no
//! move any more.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use vrrp::packet::{Authentication, Datagram, Delivery, Expected, Receiver, Version};
use vrrp::router::{self, Router};
use vrrp::time::Instant;

use super::super::{Action, Holder};
use crate::failover::Rules;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const VIRTUAL: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 100));
const PRIORITIES: [u8; 2] = [240, 200];
/// The world moves in steps of 50 ms; heartbeats go every second step.
const STEP_MS: u64 = 50;
/// A link over which nothing comes is given up after this.
const SILENCE_MS: u64 = 2_000;
/// A link that can stand again takes so long.
const REDIAL_MS: u64 = 100;
/// Heartbeats and datagrams that wait for a frozen process.
const WAITING_MAX: usize = 64;
/// A master that has advertised for so long could be heard: an interval and some.
const AUDIBLE_MS: u64 = 1_200;
/// Two serve for no longer than this while something connects them (P6).
const DOUBLE_MAX_MS: u64 = 1_000;
/// After the last fault is healed: the join hold, Master_Down_Interval, and some.
const SETTLE_MS: u64 = 11_000;
/// In this last part of the settling nothing moves.
const QUIET_MS: u64 = 3_000;

/// What happens to a pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Nothing,
    /// kill -9 of the server; its guard lives. The service manager starts it again in a second.
    Kill(usize),
    /// The host loses power, or gets it back.
    Power(usize),
    /// The host freezes, or goes on.
    Freeze(usize),
    /// The cable of the link is pulled, or put back.
    Link,
    /// The switch drops multicast, or no longer does.
    Multicast,
    /// `twincached failover` on the master.
    HandOver,
}

const FAULTS: [Fault; 10] = [
    Fault::Nothing,
    Fault::Kill(0),
    Fault::Kill(1),
    Fault::Power(0),
    Fault::Power(1),
    Fault::Freeze(0),
    Fault::Freeze(1),
    Fault::Link,
    Fault::Multicast,
    Fault::HandOver,
];

enum Heard {
    Packet(Vec<u8>),
    Heartbeat(crate::command::Standing),
}

struct Host {
    index: usize,
    holder: Option<Holder>,
    frozen: bool,
    powered: bool,
    restart_at: Option<u64>,
    /// Until when requests over the address are executed.
    serves_until: Option<u64>,
    linked: bool,
    /// When this process was started; a new one is another.
    boot: u64,
    /// The process of the peer that its last hello told of.
    met: Option<u64>,
    heard_at: u64,
    inbox: VecDeque<Heard>,
    complete: bool,
    /// Since when it is a running master, and nothing keeps its advertisements back.
    audible_since: Option<u64>,
}

struct World {
    now: u64,
    hosts: [Host; 2],
    link_cut: bool,
    multicast_cut: bool,
    linked_since: Option<u64>,
    apart_until: u64,
    double_since: Option<u64>,
    moved_at: u64,
    holders: Vec<usize>,
    story: Vec<String>,
}

fn address(index: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1 + index as u8))
}

fn holder(now: Instant, index: usize) -> Holder {
    let router = Router::new(router::Config {
        version: Version::V2,
        virtual_router_id: 51,
        priority: PRIORITIES[index],
        interval: SECOND,
        primary_address: address(index),
        preempt: false,
        addresses: vec![VIRTUAL],
        authentication: Authentication::None,
    });
    let receiver = Receiver::new(Expected {
        version: Version::V2,
        virtual_router_id: 51,
        authentication: Authentication::None,
        interval: SECOND,
        own_address: address(index),
        delivery: Delivery::Multicast,
        addresses: vec![VIRTUAL],
    });
    let rules = Rules {
        version: Version::V2,
        priority: PRIORITIES[index],
        interval: SECOND,
        join_hold: Duration::from_millis(5_062),
        has_peer: true,
        node_id: index as u64,
    };
    let group = Delivery::Multicast.destination(address(index));
    let mut holder = Holder::new(
        now,
        rules,
        Some((router.expect("encodable"), receiver, group)),
    );
    holder.set_workers_at(now);
    holder.start(now);
    holder
}

/// An IPv4 packet around an advertisement.
fn packet(from: usize, message: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0xc0, 0, 20 + message.len() as u8, 0, 1, 0, 0];
    packet.extend([255, 112, 0, 0, 10, 0, 0, 1 + from as u8, 224, 0, 0, 18]);
    packet.extend(message);
    packet
}

impl Host {
    fn new(index: usize) -> Host {
        Host {
            index,
            holder: None,
            frozen: false,
            powered: true,
            restart_at: None,
            serves_until: None,
            linked: false,
            boot: 0,
            met: None,
            heard_at: 0,
            inbox: VecDeque::new(),
            complete: false,
            audible_since: None,
        }
    }

    fn boot(&mut self, now: u64) {
        *self = Host {
            holder: Some(holder(Instant::from_millis(now), self.index)),
            boot: now,
            ..Host::new(self.index)
        };
    }

    fn runs(&self) -> bool {
        self.holder.is_some() && !self.frozen
    }

    fn is_master(&self) -> bool {
        self.holder.as_ref().is_some_and(Holder::is_master)
    }

    fn serves(&self, now: u64) -> bool {
        self.runs() && self.serves_until.is_some_and(|until| now < until)
    }

    /// A hello of the peer, if there was none of this process on this connection.
    fn meet(&mut self, now: Instant, boot: u64) {
        if self.linked && self.met == Some(boot) {
            return;
        }
        let other = 1 - self.index;
        let holder = self.holder.as_mut().expect("it runs");
        if self.linked {
            holder.handle_link_lost(now);
        }
        if self.met.is_some_and(|met| met != boot) {
            holder.handle_peer_died(now);
        }
        holder.handle_hello(now, PRIORITIES[other], Some(address(other)));
        (self.linked, self.met, self.heard_at) = (true, Some(boot), now.as_millis());
    }

    /// What waits beyond a bound is lost.
    fn put(&mut self, heard: Heard) {
        if self.holder.is_some() && self.inbox.len() < WAITING_MAX {
            self.inbox.push_back(heard);
        }
    }
}

impl World {
    /// A pair at rest: host 0 is master, both are complete.
    fn at_rest() -> World {
        let mut world = World {
            now: 1_000,
            hosts: [Host::new(0), Host::new(1)],
            link_cut: false,
            multicast_cut: false,
            linked_since: None,
            apart_until: 0,
            double_since: None,
            moved_at: 0,
            holders: Vec::new(),
            story: Vec::new(),
        };
        world.hosts.iter_mut().for_each(|host| host.boot(1_000));
        world.run(6_000);
        assert_eq!(world.holders, [0], "{}", world.story.join("\n"));
        world
    }

    fn run(&mut self, millis: u64) {
        let until = self.now + millis;
        while self.now < until {
            self.now += STEP_MS;
            self.step();
        }
    }

    fn step(&mut self) {
        let now = Instant::from_millis(self.now);
        for index in [0, 1] {
            let host = &mut self.hosts[index];
            if host.restart_at.is_some_and(|at| at <= self.now) && host.powered {
                host.boot(self.now);
            }
        }
        self.move_link(now);
        for index in [0, 1] {
            self.wake(now, index);
        }
        self.check();
    }

    /// The link as the nodes see it: hello, heartbeats, and its end.
    fn move_link(&mut self, now: Instant) {
        let able = self.hosts.iter().all(Host::runs) && !self.link_cut;
        if !able {
            self.linked_since = None;
        } else if self.linked_since.is_none() {
            self.linked_since = Some(self.now);
        }
        let connected_for = self.linked_since.map_or(0, |since| self.now - since);
        for index in [0, 1] {
            if !self.hosts[index].runs() {
                continue;
            }
            let other = self.hosts[1 - index].boot;
            if able && connected_for >= REDIAL_MS {
                self.hosts[index].meet(now, other);
            }
            let host = &mut self.hosts[index];
            if host.linked && self.now - host.heard_at > SILENCE_MS {
                host.linked = false;
                host.holder.as_mut().expect("it runs").handle_link_lost(now);
            }
        }
        let both = self.hosts.iter().all(|host| host.linked) && connected_for >= 3 * REDIAL_MS;
        for index in [0, 1] {
            let standing = self.hosts[index]
                .holder
                .as_ref()
                .filter(|_| self.hosts[index].runs())
                .map(|holder| holder.standing(now));
            if let Some(holder) = &mut self.hosts[index].holder {
                holder.set_both_in_sync(both);
            }
            if both {
                self.hosts[index].complete = true;
                let holder = self.hosts[index].holder.as_mut().expect("both run");
                holder.set_both_in_sync(true);
                holder.set_complete(now);
            }
            let sends = self.now.is_multiple_of(2 * STEP_MS) && !self.link_cut;
            let other = &mut self.hosts[1 - index];
            if let Some(standing) = standing.filter(|_| sends && other.linked) {
                other.put(Heard::Heartbeat(standing));
            }
        }
    }

    /// A process reads what came before it acts; then what it does is done.
    fn wake(&mut self, now: Instant, index: usize) {
        if !self.hosts[index].runs() {
            return;
        }
        while let Some(heard) = self.hosts[index].inbox.pop_front() {
            let at = self.now;
            let host = &mut self.hosts[index];
            let holder = host.holder.as_mut().expect("it runs");
            match heard {
                Heard::Packet(bytes) => holder.handle_datagram(now, Datagram::Ipv4(&bytes)),
                Heard::Heartbeat(standing) if host.linked => {
                    host.heard_at = at;
                    holder.handle_heartbeat(now, 1 - index as u64, standing);
                }
                Heard::Heartbeat(_) => {}
            }
        }
        let holder = self.hosts[index].holder.as_mut().expect("it runs");
        holder.set_workers_at(now);
        holder.handle_timeout(now);
        self.perform(index);
    }

    fn perform(&mut self, index: usize) {
        while let Some(action) = self.hosts[index]
            .holder
            .as_mut()
            .and_then(Holder::poll_action)
        {
            match action {
                Action::PutAddresses { until } => {
                    self.hosts[index].serves_until = Some(until.as_millis());
                }
                Action::ResetConnections => self.hosts[index].serves_until = None,
                Action::Advertise(message) => self.multicast(index, &message),
                Action::Changed { role, reason, .. } => {
                    let line = format!("{:>6} host {index}: {role}: {reason}", self.now);
                    self.story.push(line);
                }
                _ => {}
            }
        }
    }

    fn multicast(&mut self, from: usize, message: &[u8]) {
        let other = &mut self.hosts[1 - from];
        if !self.multicast_cut && other.powered {
            other.put(Heard::Packet(packet(from, message)));
        }
    }

    fn strike(&mut self, fault: Fault) {
        let now = Instant::from_millis(self.now);
        self.story.push(format!("{:>6} {fault:?}", self.now));
        match fault {
            Fault::Nothing => {}
            Fault::Kill(index) => self.kill(now, index),
            Fault::Power(index) if self.hosts[index].powered => {
                let off = Host {
                    powered: false,
                    ..Host::new(index)
                };
                self.hosts[index] = off;
            }
            Fault::Power(index) => self.hosts[index].boot(self.now),
            Fault::Freeze(index) => self.hosts[index].frozen = !self.hosts[index].frozen,
            Fault::Link => self.link_cut = !self.link_cut,
            Fault::Multicast => self.multicast_cut = !self.multicast_cut,
            Fault::HandOver => self.hand_over(now),
        }
    }

    /// The guard says priority 0 for a master, and the peer's port refuses.
    fn kill(&mut self, now: Instant, index: usize) {
        if self.hosts[index].holder.is_none() {
            return;
        }
        let (was_master, was_linked) = (self.hosts[index].is_master(), self.hosts[index].linked);
        self.hosts[index] = Host {
            restart_at: Some(self.now + 1_000),
            ..Host::new(index)
        };
        if was_master {
            self.multicast(index, &stop_of(index));
        }
        let peer = &mut self.hosts[1 - index];
        if was_linked && peer.linked && peer.runs() && !self.link_cut {
            (peer.linked, peer.met) = (false, None);
            let holder = peer.holder.as_mut().expect("it runs");
            holder.handle_link_lost(now);
            holder.handle_peer_died(now);
        }
    }

    fn hand_over(&mut self, now: Instant) {
        let Some(index) = (0..2).find(|index| self.hosts[*index].is_master()) else {
            return;
        };
        let in_sync = self.hosts.iter().all(|host| host.linked && host.runs());
        if !in_sync || self.link_cut {
            return;
        }
        let holder = self.hosts[index].holder.as_mut().expect("it is master");
        holder.leave(now, false);
        self.perform(index);
        let peer = self.hosts[1 - index].holder.as_mut().expect("it runs");
        peer.handle_handed_over(now);
    }

    /// Nothing that was broken stays so.
    fn heal(&mut self) {
        (self.link_cut, self.multicast_cut) = (false, false);
        for host in &mut self.hosts {
            host.frozen = false;
            if !host.powered {
                host.boot(self.now);
            }
        }
    }

    fn check(&mut self) {
        // Two that both run, and cannot hear each other on either path, may both serve.
        if self.link_cut && self.multicast_cut {
            self.apart_until = self.now + STEP_MS;
        }
        let serving = |host: &Host| host.serves(self.now);
        let double = self.hosts.iter().all(serving) && self.now > self.apart_until;
        self.double_since = double.then(|| self.double_since.unwrap_or(self.now));
        if let Some(since) = self.double_since {
            assert!(self.now - since <= DOUBLE_MAX_MS, "two serve\n{self}");
        }
        // One that is frozen does nothing, whatever it believes.
        let is_holder = |index: &usize| self.hosts[*index].runs() && self.hosts[*index].is_master();
        let holders: Vec<usize> = (0..2).filter(is_holder).collect();
        for host in &self.hosts {
            let living = holders.contains(&host.index) && host.complete;
            let audible_for = host.audible_since.map_or(0, |since| self.now - since);
            let other = 1 - host.index;
            let taken = holders.contains(&other) && !self.holders.contains(&other);
            assert!(
                !(living && taken && audible_for > AUDIBLE_MS),
                "taken over from a living master\n{self}"
            );
        }
        for host in &mut self.hosts {
            let audible = holders.contains(&host.index) && !self.multicast_cut;
            host.audible_since = audible.then(|| host.audible_since.unwrap_or(self.now));
        }
        if holders != self.holders {
            (self.holders, self.moved_at) = (holders, self.now);
        }
    }

    fn check_settled(&self) {
        assert_eq!(self.holders.len(), 1, "not one master\n{self}");
        assert!(self.now - self.moved_at >= QUIET_MS, "still moving\n{self}");
        assert!(self.hosts.iter().all(|host| host.complete), "{self}");
    }
}

impl std::fmt::Display for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "at {}: masters {:?}", self.now, self.holders)?;
        f.write_str(&self.story.join("\n"))
    }
}

/// Priority 0 of a host.
fn stop_of(index: usize) -> Vec<u8> {
    let stop = vrrp::packet::Advertisement {
        version: Version::V2,
        virtual_router_id: 51,
        priority: 0,
        interval: SECOND,
        addresses: vec![VIRTUAL],
        authentication: Authentication::None,
    };
    let group = Delivery::Multicast.destination(address(index));
    stop.encode(address(index), group).expect("encodable")
}

/// Every sequence of `length` faults, each followed by one of the pauses.
fn every_sequence(length: usize, pauses: &[u64]) -> usize {
    let each = FAULTS.len() * pauses.len();
    let count = each.pow(length as u32);
    for number in 0..count {
        let mut world = World::at_rest();
        let mut rest = number;
        for _ in 0..length {
            let choice = rest % each;
            rest /= each;
            world.strike(FAULTS[choice % FAULTS.len()]);
            world.run(pauses[choice / FAULTS.len()]);
        }
        world.heal();
        world.story.push(format!("{:>6} healed", world.now));
        world.run(SETTLE_MS);
        world.check_settled();
    }
    count
}

#[test]
fn two_faults_at_any_distance_end_with_one_master() {
    let count = every_sequence(2, &[50, 150, 350, 950, 1_450, 2_150, 3_250, 5_150, 9_050]);
    assert_eq!(count, 8_100);
}

#[test]
fn three_faults_in_any_order_end_with_one_master() {
    assert_eq!(every_sequence(3, &[250, 2_750]), 8_000);
}

/// P5 and P7 for each single fault that strikes a pair at rest: two intervals and the skew of priority
/// 200, 0.21875 s, where the host falls silent.
#[test]
fn each_fault_moves_the_address_within_its_bound_or_not_at_all() {
    for (fault, within) in [
        (Fault::Kill(0), Some(50)),
        (Fault::HandOver, Some(50)),
        (Fault::Power(0), Some(2_250)),
        (Fault::Freeze(0), Some(2_250)),
        (Fault::Kill(1), None),
        (Fault::Power(1), None),
        (Fault::Freeze(1), None),
        (Fault::Link, None),
        (Fault::Multicast, None),
    ] {
        let mut world = World::at_rest();
        world.strike(fault);
        let struck = world.now;
        world.run(within.map_or(12_000, |bound| bound + STEP_MS));
        let backup_took_over = world.hosts[1].is_master();
        assert_eq!(backup_took_over, within.is_some(), "{fault:?}\n{world}");
        world.run(4_000);
        world.heal();
        world.run(SETTLE_MS);
        world.check_settled();
        let left = world.holders[0];
        assert_eq!(left, usize::from(within.is_some()), "{fault:?}\n{world}");
        assert!(world.moved_at <= struck + 4_000, "it came back\n{world}");
    }
}
