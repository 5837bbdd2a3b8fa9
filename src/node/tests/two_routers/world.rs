//! The hosts, the LAN and the link between them, in steps of virtual time.

use super::*;

pub struct World {
    pub now: u64,
    pub hosts: [Host; 2],
    pub link_cut: bool,
    pub multicast_cut: bool,
    pub linked_since: Option<u64>,
    pub apart_until: u64,
    pub double_since: Option<u64>,
    pub moved_at: u64,
    pub holders: Vec<usize>,
    pub story: Vec<String>,
}

impl World {
    /// A pair at rest: host 0 is master, both are complete.
    pub fn at_rest() -> World {
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

    pub fn run(&mut self, millis: u64) {
        let until = self.now + millis;
        while self.now < until {
            self.now += STEP_MS;
            self.step();
        }
    }

    pub fn step(&mut self) {
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
    pub fn move_link(&mut self, now: Instant) {
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
    pub fn wake(&mut self, now: Instant, index: usize) {
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

    pub fn perform(&mut self, index: usize) {
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
                Action::Advertise(message) => self.multicast(index, packet(index, &message)),
                Action::Changed { role, reason, .. } => {
                    let line = format!("{:>6} host {index}: {role}: {reason}", self.now);
                    self.story.push(line);
                }
                _ => {}
            }
        }
    }

    pub fn multicast(&mut self, from: usize, packet: Vec<u8>) {
        let other = &mut self.hosts[1 - from];
        if !self.multicast_cut && other.powered {
            other.put(Heard::Packet(packet));
        }
    }
}

impl std::fmt::Display for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "at {}: masters {:?}", self.now, self.holders)?;
        f.write_str(&self.story.join("\n"))
    }
}
