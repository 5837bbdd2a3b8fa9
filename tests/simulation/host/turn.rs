//! A turn of the node thread: what is due, then every output. As `server/link.rs` does it.

use std::time::Duration;

use twincached::command::Hold;
use twincached::node::Action;
use vrrp::time::Instant;

use super::super::world::{Event, MS, World};
use super::address::Order;
use super::{ALIVE_INTERVAL, Process};

impl World {
    pub fn workers_alive(&mut self, host: usize, boot: u64) {
        if self.hosts[host].boot() != boot {
            return;
        }
        if !self.hosts[host].frozen {
            self.show_life(host);
            let now = self.local(host);
            let process = self.hosts[host]
                .process
                .as_mut()
                .expect("its boot is known");
            process.status = process.node.status(now);
            let link = process.status.replication.as_ref();
            process.has_synced |= link.is_some_and(|link| link.have_all);
            for shard in 0..process.store.shards() {
                process.store.reap(now, shard, 16);
            }
            if process.store.has_dirty() {
                self.turn(host);
            }
        }
        self.after(ALIVE_INTERVAL, Event::WorkersAlive { host, boot });
    }

    pub(super) fn show_life(&mut self, host: usize) {
        let now = self.local(host);
        let process = self.hosts[host]
            .process
            .as_mut()
            .expect("the caller knows that it runs");
        if !process.workers_hung {
            process.workers_at = now;
        }
    }

    pub fn timer(&mut self, host: usize, boot: u64) {
        let host_state = &self.hosts[host];
        let due = |process: &Process| process.boot == boot && process.timer_at <= self.now;
        if !host_state.frozen && host_state.process.as_ref().is_some_and(due) {
            self.turn(host);
        }
    }

    /// A turn of the node thread: what is due, then every output. As `Link::turn` of the server.
    pub fn turn(&mut self, host: usize) {
        if !self.hosts[host].is_running() {
            return;
        }
        let now = self.local(host);
        let process = self.hosts[host].process.as_mut().expect("it runs");
        if process.node.poll_timeout(now) <= now {
            process.node.set_workers_at(process.workers_at);
            process.node.handle_timeout(now);
        }
        if std::mem::take(&mut process.quieting) {
            process.node.requests_held(now);
        }
        if process.closing && process.are_connections_closed() {
            process.closing = false;
            process.node.connections_closed(now);
        }
        for _ in 0..8 {
            self.carry_out(host);
            self.write_link(host);
            self.carry_out(host);
            let process = self.hosts[host].process.as_ref().expect("it runs");
            if !process.node.has_work_for_link() {
                break;
            }
        }
        self.trace.take_log(self.now, ["a", "b"][host]);
        self.set_timer(host);
        if self.hosts[host]
            .process
            .as_ref()
            .is_some_and(|process| process.left)
        {
            self.exit(host);
        }
    }

    fn set_timer(&mut self, host: usize) {
        let now = self.local(host);
        let process = self.hosts[host].process.as_mut().expect("it runs");
        let mut at = process.node.poll_timeout(now);
        if process.closing || process.quieting {
            at = at.min(now + Duration::from_millis(1));
        }
        process.spins = if at <= now { process.spins + 1 } else { 0 };
        let (spins, boot, before) = (process.spins, process.boot, process.timer_at);
        if spins == 200 {
            self.checks.report(format!(
                "host {host} has had a due timeout for 200 turns: it spins"
            ));
        }
        let process = self.hosts[host].process.as_ref().expect("it runs");
        // The server's timer never fires early and has a resolution of a millisecond.
        let at = self.hosts[host]
            .global_of(process, at)
            .max(self.now + MS / 10);
        if at != before {
            self.hosts[host].process.as_mut().expect("it runs").timer_at = at;
            self.at(at, Event::Timer { host, boot });
        }
    }

    fn carry_out(&mut self, host: usize) {
        while let Some(action) = self.hosts[host]
            .process
            .as_mut()
            .and_then(|process| process.node.poll_action())
        {
            self.perform(host, action);
        }
    }

    fn perform(&mut self, host: usize, action: Action) {
        let now = self.local(host);
        let process = self.hosts[host].process.as_mut().expect("it acts");
        match action {
            Action::Dial => self.dial(host),
            Action::CloseSession(id) => {
                if let Some((_, closing)) = process.sessions.get_mut(&id) {
                    *closing = true;
                }
            }
            Action::Wake => self.resume_connections(host, false),
            Action::OpenPorts => process.ports_open = true,
            Action::PutAddresses { until } => {
                process.lease_until = until;
                process.guard_master = true;
                self.order(host, Order::Put(until.since(now)));
            }
            Action::ResetConnections => {
                process.lease_until = Instant::ZERO;
                self.reset_connections(host);
            }
            Action::RemoveAddresses => {
                process.guard_master = false;
                self.order(host, Order::Remove);
            }
            Action::Advertise(message) => self.order(host, Order::Advertise(message)),
            Action::Announce => self.order(host, Order::Announce),
            Action::Changed { role, .. } => process.role = role,
            Action::Hold(hold) => {
                process.hold = hold;
                process.quieting = hold == Hold::Everything;
                if hold == Hold::Nothing {
                    process.closing_virtual = false;
                    process.closing_all = false;
                }
                self.resume_connections(host, true);
            }
            Action::CloseConnections => {
                process.closing_virtual = true;
                process.closing_all = process.node.is_exiting();
                process.closing = true;
                self.resume_connections(host, true);
            }
            Action::Exit => process.left = true,
        }
    }
}
