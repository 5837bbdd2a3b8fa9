//! How connections end: closed by a process, reset, or lost with a host.

use super::super::world::World;

impl World {
    /// This end's kernel forgets the connection and says so. `reset`: bytes not arrived are lost.
    pub fn close_end(&mut self, number: u64, end: usize, reset: bool) {
        let Some(tcp) = self.link.connections.get_mut(&number) else {
            return;
        };
        tcp.open[end] = false;
        let pipe = &mut tcp.pipes[end];
        if reset {
            pipe.sent.clear();
        }
        pipe.finished = true;
        tcp.pipes[1 - end].received.clear();
        self.move_segment(number, end);
    }

    /// A reset reaches this end: what was not read is lost with it.
    pub(super) fn reset_arrives(&mut self, number: u64, end: usize) {
        let Some(tcp) = self.link.connections.get_mut(&number) else {
            return;
        };
        let host = tcp.hosts[end];
        tcp.open[end] = false;
        tcp.pipes[end].finished = true;
        tcp.pipes[end].sent.clear();
        tcp.pipes[1 - end].ended = true;
        if self.hosts[host].is_running() {
            self.read_link(host, number);
            self.turn(host);
        }
    }

    /// Every connection breaks; what was under way arrives up to an arbitrary byte.
    pub fn reset_link(&mut self) {
        let numbers: Vec<u64> = self.link.connections.keys().copied().collect();
        for number in numbers {
            let Some(tcp) = self.link.connections.get_mut(&number) else {
                continue;
            };
            let hosts = tcp.hosts;
            for pipe in &mut tcp.pipes {
                let keep = self.network.below(pipe.sent.len() as u64 + 1) as usize;
                pipe.received.extend(pipe.sent.drain(..keep));
                pipe.sent.clear();
                pipe.finished = true;
                pipe.ended = true;
            }
            tcp.open = [false; 2];
            for host in hosts {
                if self.hosts[host].is_running() {
                    self.read_link(host, number);
                    self.turn(host);
                }
            }
        }
    }

    /// One host learns that the connections are gone, the other one does not: a reset got lost.
    pub fn lose_connection_of(&mut self, host: usize) {
        let boot = self.hosts[host].boot();
        let numbers: Vec<u64> = self.link.connections.keys().copied().collect();
        for number in numbers {
            let Some(tcp) = self.link.connections.get_mut(&number) else {
                continue;
            };
            let end = usize::from(tcp.boots[0] != boot);
            tcp.open[end] = false;
            for pipe in &mut tcp.pipes {
                pipe.sent.clear();
            }
            tcp.pipes[1 - end].ended = true;
            self.read_link(host, number);
            if let Some(tcp) = self.link.connections.get_mut(&number) {
                // That it closes its end is lost as well.
                tcp.pipes[end].finished = false;
            }
            self.turn(host);
        }
    }

    /// The ends of a process that has died, or whose host has (`silent`: it tells nobody).
    pub fn close_link_of(&mut self, boot: u64, silent: bool) {
        let ends: Vec<(u64, usize)> = self
            .link
            .connections
            .iter()
            .filter_map(|(number, tcp)| {
                tcp.boots
                    .iter()
                    .position(|at| *at == boot)
                    .map(|end| (*number, end))
            })
            .collect();
        for (number, end) in ends {
            let tcp = self.link.connections.get_mut(&number).expect("just listed");
            let unread = !tcp.pipes[1 - end].received.is_empty();
            let pipe = &mut tcp.pipes[end];
            if silent || unread {
                let keep = self.network.below(pipe.sent.len() as u64 + 1) as usize;
                pipe.sent.truncate(keep);
            }
            if silent {
                tcp.open[end] = false;
            } else {
                self.close_end(number, end, false);
            }
        }
    }
}
