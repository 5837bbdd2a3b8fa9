//! How a process ends, stops and goes on.

use super::super::world::{Event, MS, World};
use super::Waiting;

impl World {
    /// kill -9. `guard_too`: nobody is left to remove the address.
    pub fn kill(&mut self, host: usize, guard_too: bool) {
        let Some(process) = self.hosts[host].process.take() else {
            return;
        };
        self.tell(&format!(
            "host {} is killed{}",
            ["a", "b"][host],
            if guard_too { " with its guard" } else { "" }
        ));
        self.hosts[host].frozen = false;
        self.hosts[host].waiting = Waiting::default();
        self.model.died(process.boot);
        self.close_link_of(process.boot, false);
        for number in process.connections.keys() {
            self.close_to_client(*number);
        }
        if process.guard_alive && !guard_too {
            let wait = self.network.between(MS, 20 * MS);
            let master = process.guard_master;
            self.after(
                wait,
                Event::GuardActs {
                    host,
                    master,
                    boots: 0,
                },
            );
        }
    }

    /// The host loses power.
    pub fn power_off(&mut self, index: usize) {
        self.tell(&format!("host {} loses power", ["a", "b"][index]));
        let host = &mut self.hosts[index];
        host.powered = false;
        host.address_until = None;
        host.frozen = false;
        host.waiting = Waiting::default();
        if let Some(process) = host.process.take() {
            self.model.died(process.boot);
            self.close_link_of(process.boot, true);
            process
                .connections
                .keys()
                .for_each(|number| self.connections.break_off(*number));
        }
    }

    pub(super) fn exit(&mut self, host: usize) {
        let boot = self.hosts[host].boot();
        self.perform_orders(host, boot);
        let process = self.hosts[host].process.take().expect("it leaves");
        self.tell(&format!("host {} has left", ["a", "b"][host]));
        self.model.died(process.boot);
        self.close_link_of(process.boot, false);
        for number in process.connections.keys() {
            self.close_to_client(*number);
        }
    }

    /// SIGSTOP, or everything on the host but the kernel hangs.
    pub fn freeze(&mut self, host: usize) {
        if self.hosts[host].process.is_some() && !self.hosts[host].frozen {
            self.tell(&format!("host {} freezes", ["a", "b"][host]));
            self.hosts[host].frozen = true;
            self.hosts[host].frozen_since = Some(self.now);
        }
    }

    /// The process goes on. Its threads do so in any order.
    pub fn wake(&mut self, host: usize) {
        if !self.hosts[host].frozen {
            return;
        }
        self.tell(&format!("host {} wakes", ["a", "b"][host]));
        self.hosts[host].frozen = false;
        self.hosts[host].awake_since = self.now;
        self.model.wake(self.now);
        let waiting = std::mem::take(&mut self.hosts[host].waiting);
        let boot = self.hosts[host].boot();
        let workers_first = self.network.chance(50);
        if self.network.chance(50) {
            self.show_life(host);
        }
        if workers_first {
            self.workers_wake(host, &waiting);
        }
        if self.network.chance(30) {
            self.turn(host);
        }
        self.perform_orders(host, boot);
        for bytes in &waiting.datagrams {
            self.hand_datagram(host, bytes);
        }
        if waiting.address_gone {
            self.address_gone(host);
        }
        self.turn(host);
        if let Some((connection, refused)) = waiting.dialled {
            self.dialled(host, boot, connection, refused);
        }
        waiting
            .accepts
            .iter()
            .for_each(|number| self.accept(host, *number));
        let numbers: Vec<u64> = self.link.connections.keys().copied().collect();
        for number in numbers {
            self.read_link(host, number);
            self.turn(host);
        }
        if !workers_first {
            self.workers_wake(host, &waiting);
        }
    }

    fn workers_wake(&mut self, host: usize, waiting: &Waiting) {
        self.show_life(host);
        for (number, bytes, end) in &waiting.clients {
            self.serve_bytes(host, *number, bytes, *end);
        }
    }
}
