//! What happens to a pair, and how it is healed.

use super::*;

/// What happens to a pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
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

pub const FAULTS: [Fault; 10] = [
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

impl World {
    pub fn strike(&mut self, fault: Fault) {
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
    pub fn kill(&mut self, now: Instant, index: usize) {
        if self.hosts[index].holder.is_none() {
            return;
        }
        let (was_master, was_linked) = (self.hosts[index].is_master(), self.hosts[index].linked);
        self.hosts[index] = Host {
            restart_at: Some(self.now + 1_000),
            ..Host::new(index)
        };
        if was_master {
            self.multicast(index, advertisement(index, 0));
        }
        let peer = &mut self.hosts[1 - index];
        if was_linked && peer.linked && peer.runs() && !self.link_cut {
            (peer.linked, peer.met) = (false, None);
            let holder = peer.holder.as_mut().expect("it runs");
            holder.handle_link_lost(now);
            holder.handle_peer_died(now);
        }
    }

    pub fn hand_over(&mut self, now: Instant) {
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
    pub fn heal(&mut self) {
        (self.link_cut, self.multicast_cut) = (false, false);
        for host in &mut self.hosts {
            host.frozen = false;
            if !host.powered {
                host.boot(self.now);
            }
        }
    }
}
