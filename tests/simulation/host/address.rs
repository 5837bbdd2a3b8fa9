//! What the address thread, the kernel and the guard do with the virtual address.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use vrrp::packet::{Advertisement, Authentication, GROUP_IPV4, Version};

use super::super::lan::{HOST_IPS, VIRTUAL_IP};
use super::super::world::{Event, MS, World};
use super::process::{INTERVAL, VIRTUAL_ROUTER_ID};

/// What the address thread was told.
pub(super) enum Order {
    Put(Duration),
    Remove,
    Advertise(Vec<u8>),
    Announce,
}

impl World {
    pub(super) fn order(&mut self, host: usize, order: Order) {
        let wait = self.network.between(10_000, 300_000);
        let process = self.hosts[host].process.as_mut().expect("it acts");
        process.orders.push_back(order);
        let boot = process.boot;
        self.after(wait, Event::Orders { host, boot });
    }

    /// The address thread does what it was told.
    pub fn perform_orders(&mut self, host: usize, boot: u64) {
        if self.hosts[host].boot() != boot || self.hosts[host].frozen {
            return;
        }
        while let Some(order) = self.hosts[host]
            .process
            .as_mut()
            .and_then(|p| p.orders.pop_front())
        {
            match order {
                Order::Put(lifetime) => {
                    // The kernel removes an address up to 0.3 s late.
                    let late = self.network.below(300) * MS;
                    let until = self.now + lifetime.as_nanos() as u64 + late;
                    self.hosts[host].address_until = Some(until);
                    self.at(until, Event::AddressExpires { host });
                }
                Order::Remove => self.hosts[host].address_until = None,
                Order::Advertise(message) => self.send_advertisement(host, &message),
                Order::Announce => self.send_announcement(host),
            }
        }
    }

    pub fn address_expires(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        if host.address_until.is_some_and(|until| until <= self.now) {
            host.address_until = None;
            self.note(
                index,
                "the kernel removes the address: its lifetime is over",
            );
            self.coverage.reach("state: the address expired by itself");
            self.address_gone(index);
        }
    }

    /// The monitor of the process sees that the address is gone.
    pub fn address_gone(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        if host.frozen {
            host.waiting.address_gone = true;
        } else if host.process.is_some() {
            let now = self.local(index);
            self.node(index).handle_address_gone(now);
            self.turn(index);
        }
    }

    /// The server's process died and its guard noticed.
    pub fn guard_acts(&mut self, host: usize, master: bool, boots: u64) {
        // A new server ends a leftover guard.
        if !self.hosts[host].powered || self.boots_of(host) != boots {
            return;
        }
        self.hosts[host].address_until = None;
        if master {
            self.note(host, "the guard removes the address");
            self.coverage.reach("state: the guard removed the address");
            let message = farewell(host);
            self.send_advertisement(host, &message);
        }
    }

    fn boots_of(&self, host: usize) -> u64 {
        self.hosts[host]
            .process
            .as_ref()
            .map_or(0, |process| process.boot)
    }
}

/// What the guard sends for a master that died.
fn farewell(index: usize) -> Vec<u8> {
    let farewell = Advertisement {
        version: Version::V2,
        virtual_router_id: VIRTUAL_ROUTER_ID,
        priority: 0,
        interval: INTERVAL,
        addresses: vec![IpAddr::V4(Ipv4Addr::from(VIRTUAL_IP))],
        authentication: Authentication::None,
    };
    let source = IpAddr::V4(Ipv4Addr::from(HOST_IPS[index]));
    farewell
        .encode(source, IpAddr::V4(GROUP_IPV4))
        .expect("the configuration is sound")
}
