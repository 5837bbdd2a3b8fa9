//! The replication link: TCP connections as two processes and two kernels see them.
//!
//! Bytes arrive in order, cut anywhere, late, or only after a cut heals. A process that dies lets
//! its kernel send what was written and an end; a host that vanishes says nothing. Bytes for an end
//! that no longer exists are answered with a reset, if the path back stands.

use std::collections::{BTreeMap, VecDeque};

use twincached::replication::SessionId;

use super::world::{Event, MS, SECOND, World};

/// What a kernel takes from a process before it says "later".
const WINDOW_BYTES: usize = 192 * 1024;
/// How long a connection attempt may take.
const DIAL_MAX: u64 = SECOND;
/// How long TCP takes to send again after a cut has healed.
const RETRANSMIT_MAX: u64 = 200 * MS;

/// The state of the path between the hosts, and the connections over it.
pub struct Link {
    pub connections: BTreeMap<u64, Tcp>,
    next: u64,
    /// Segments from this host to the other do not arrive.
    pub cut: [bool; 2],
    /// Nanoseconds that a segment takes, at least and at most.
    pub delay: (u64, u64),
    /// Bytes of a segment, at most.
    pub segment_bytes: u64,
}

/// One connection. Pipe 0 carries bytes of end 0.
pub struct Tcp {
    /// The host of each end. End 0 dialled.
    hosts: [usize; 2],
    /// The process at each end.
    pub boots: [u64; 2],
    /// The session that the process knows the connection by, once it does.
    sessions: [Option<SessionId>; 2],
    /// The kernel of this end still knows the connection.
    open: [bool; 2],
    /// The process at this end knows that it has ended.
    told: [bool; 2],
    pipes: [Pipe; 2],
}

#[derive(Default)]
struct Pipe {
    /// Written and not arrived.
    sent: VecDeque<u8>,
    /// Arrived and not read.
    received: Vec<u8>,
    /// The writer has closed: the end arrives after the bytes.
    finished: bool,
    /// The end has arrived.
    ended: bool,
    /// A segment is on its way.
    moving: bool,
    /// The writer would have written more.
    blocked: bool,
}

impl Link {
    pub fn new() -> Link {
        Link {
            connections: BTreeMap::new(),
            next: 1,
            cut: [false; 2],
            delay: (50_000, 300_000),
            segment_bytes: 16 * 1024,
        }
    }

    /// Both directions work.
    pub fn is_open(&self) -> bool {
        !self.cut[0] && !self.cut[1]
    }

    /// Whether this boot is connected, as far as its kernel knows, to that boot and no other.
    pub fn connects_only(&self, boot: u64, to: u64) -> bool {
        let mut ours = self.connections.values().filter_map(|tcp| {
            let end = tcp.boots.iter().position(|at| *at == boot)?;
            tcp.open[end].then(|| tcp.boots[1 - end])
        });
        ours.next() == Some(to) && ours.all(|other| other == to)
    }
}

impl World {
    /// A process dials the other host.
    pub fn dial(&mut self, from: usize) {
        self.link_dials += 1;
        let boot = self.hosts[from].boot();
        let delay = self.link_delay();
        let started = self.now;
        self.after(
            delay,
            Event::Syn {
                from,
                boot,
                started,
            },
        );
    }

    pub fn syn_arrives(&mut self, from: usize, boot: u64, started: u64) {
        let to = 1 - from;
        let reachable = self.link.is_open() && self.hosts[to].powered;
        if !reachable {
            let event = Event::Dialled {
                host: from,
                boot,
                connection: None,
                refused: false,
            };
            self.at(started + DIAL_MAX, event);
            return;
        }
        let delay = self.link_delay();
        let Some(process) = &self.hosts[to].process else {
            let event = Event::Dialled {
                host: from,
                boot,
                connection: None,
                refused: true,
            };
            self.after(delay, event);
            return;
        };
        let boots = [boot, process.boot];
        let number = self.link.next;
        self.link.next += 1;
        let tcp = Tcp {
            hosts: [from, to],
            boots,
            sessions: [None, None],
            open: [true, true],
            told: [false, false],
            pipes: Default::default(),
        };
        self.link.connections.insert(number, tcp);
        self.after(
            delay,
            Event::Dialled {
                host: from,
                boot,
                connection: Some(number),
                refused: false,
            },
        );
        if self.hosts[to].frozen {
            self.hosts[to].waiting.accepts.push(number);
        } else {
            self.accept(to, number);
        }
    }

    pub fn dialled(&mut self, host: usize, boot: u64, connection: Option<u64>, refused: bool) {
        if self.hosts[host].boot() != boot {
            // The process is gone: its kernel answers with a reset.
            if let Some(number) = connection {
                self.close_end(number, 0, true);
            }
            return;
        }
        if self.hosts[host].frozen {
            self.hosts[host].waiting.dialled = Some((connection, refused));
            return;
        }
        match connection {
            Some(number) => self.open_session(host, number, 0),
            None => {
                let now = self.local(host);
                self.node(host).dial_failed(now, refused);
            }
        }
        self.turn(host);
    }

    pub fn accept(&mut self, host: usize, number: u64) {
        self.open_session(host, number, 1);
        self.turn(host);
    }

    fn open_session(&mut self, host: usize, number: u64, end: usize) {
        self.model.meet();
        let now = self.local(host);
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&self.network.next().to_le_bytes());
        let process = self.hosts[host]
            .process
            .as_mut()
            .expect("the caller checked");
        let id = process.next_session;
        process.next_session += 1;
        process.sessions.insert(id, (number, false));
        process.node.link_connected(now, id, end == 0, nonce);
        if let Some(tcp) = self.link.connections.get_mut(&number) {
            tcp.sessions[end] = Some(id);
        }
        self.read_link(host, number);
    }

    /// Gives the link what the node has for every session that can take it.
    pub fn write_link(&mut self, host: usize) {
        let Some(process) = &self.hosts[host].process else {
            return;
        };
        let ids: Vec<SessionId> = process.sessions.keys().copied().collect();
        for id in ids {
            self.write_session(host, id);
        }
    }

    fn write_session(&mut self, host: usize, id: SessionId) {
        let now = self.local(host);
        for _ in 0..64 {
            let process = self.hosts[host]
                .process
                .as_mut()
                .expect("the caller checked");
            let (number, closing) = process.sessions[&id];
            let (boot, mut out) = (process.boot, Vec::new());
            let tcp = self.link.connections.get_mut(&number);
            let end = tcp
                .as_ref()
                .map_or(0, |tcp| usize::from(tcp.boots[0] != boot));
            if let Some(tcp) = tcp.filter(|tcp| tcp.open[end]) {
                if tcp.pipes[end].sent.len() >= WINDOW_BYTES {
                    tcp.pipes[end].blocked = true;
                    return;
                }
                process.node.poll_link_transmit(now, id, &mut out);
                tcp.pipes[end].sent.extend(&out);
            } else {
                // Reset: the process has not read it yet.
                process.node.poll_link_transmit(now, id, &mut out);
                out.clear();
            }
            if out.is_empty() {
                if closing {
                    self.drop_session(host, id);
                }
                return;
            }
            self.link_bytes += out.len() as u64;
            self.move_segment(number, end);
        }
    }

    /// The process closes its end.
    fn drop_session(&mut self, host: usize, id: SessionId) {
        let now = self.local(host);
        let process = self.hosts[host]
            .process
            .as_mut()
            .expect("the caller checked");
        let Some((number, _)) = process.sessions.remove(&id) else {
            return;
        };
        let boot = process.boot;
        process.node.link_closed(now, id);
        let end = self
            .link
            .connections
            .get(&number)
            .map(|tcp| usize::from(tcp.boots[0] != boot));
        if let Some(end) = end {
            self.close_end(number, end, false);
        }
    }

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

    fn move_segment(&mut self, number: u64, pipe: usize) {
        let delay = self.link_delay();
        let Some(tcp) = self.link.connections.get_mut(&number) else {
            return;
        };
        let from = tcp.hosts[pipe];
        let pipe_of = &mut tcp.pipes[pipe];
        let idle = pipe_of.sent.is_empty() && (!pipe_of.finished || pipe_of.ended);
        if pipe_of.moving || idle || self.link.cut[from] {
            return;
        }
        pipe_of.moving = true;
        self.after(
            delay,
            Event::Segment {
                connection: number,
                pipe,
            },
        );
    }

    pub fn segment_arrives(&mut self, number: u64, pipe: usize) {
        let size = self.network.between(1, self.link.segment_bytes) as usize;
        let Some(tcp) = self.link.connections.get_mut(&number) else {
            return;
        };
        let (from, to) = (tcp.hosts[pipe], tcp.hosts[1 - pipe]);
        let state = &mut tcp.pipes[pipe];
        state.moving = false;
        if self.link.cut[from] {
            return;
        }
        let count = size.min(state.sent.len());
        if !tcp.open[1 - pipe] {
            // Nobody is there. The host, if it runs, answers with a reset.
            state.sent.clear();
            state.ended = true;
            if self.hosts[to].powered && !self.link.cut[to] {
                self.reset_arrives(number, pipe);
            }
            return;
        }
        if state.received.len() < WINDOW_BYTES {
            state.received.extend(state.sent.drain(..count));
            state.ended |= state.finished && state.sent.is_empty();
        }
        let blocked = state.blocked && state.sent.len() < WINDOW_BYTES;
        if blocked {
            state.blocked = false;
        }
        if state.received.len() < WINDOW_BYTES {
            self.move_segment(number, pipe);
        }
        if self.hosts[to].is_running() {
            self.read_link(to, number);
            self.turn(to);
        }
        if blocked && self.hosts[from].is_running() {
            self.turn(from);
        }
    }

    /// A reset reaches this end: what was not read is lost with it.
    fn reset_arrives(&mut self, number: u64, end: usize) {
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

    /// The process reads what has arrived on a connection.
    pub fn read_link(&mut self, host: usize, number: u64) {
        let now = self.local(host);
        let Some(process) = self.hosts[host].process.as_mut() else {
            return;
        };
        let Some(tcp) = self.link.connections.get_mut(&number) else {
            return;
        };
        let Some(end) = tcp.boots.iter().position(|boot| *boot == process.boot) else {
            return;
        };
        let Some(id) = tcp.sessions[end] else { return };
        let pipe = &mut tcp.pipes[1 - end];
        let (bytes, ended) = (std::mem::take(&mut pipe.received), pipe.ended);
        if !bytes.is_empty() && process.sessions.contains_key(&id) {
            process.node.handle_link_bytes(now, id, &bytes);
        }
        if ended {
            self.drop_session(host, id);
            self.forget_connection(number, end);
        } else {
            self.move_segment(number, 1 - end);
        }
    }

    /// The process at this end knows that the connection has ended. Once all who live know, it goes.
    fn forget_connection(&mut self, number: u64, end: usize) {
        let Some(tcp) = self.link.connections.get_mut(&number) else {
            return;
        };
        tcp.told[end] = true;
        let (boots, told) = (tcp.boots, tcp.told);
        let lives = |boot: u64| self.hosts.iter().any(|host| host.boot() == boot);
        if (0..2).all(|end| told[end] || !lives(boots[end])) {
            self.link.connections.remove(&number);
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

    /// The path may stand again: what waited is sent again.
    pub fn link_healed(&mut self) {
        let numbers: Vec<u64> = self.link.connections.keys().copied().collect();
        for number in numbers {
            for pipe in 0..2 {
                let wait = self.network.below(RETRANSMIT_MAX);
                self.after(
                    wait,
                    Event::Retransmit {
                        connection: number,
                        pipe,
                    },
                );
            }
        }
    }

    pub fn retransmit(&mut self, number: u64, pipe: usize) {
        self.move_segment(number, pipe);
    }

    fn link_delay(&mut self) -> u64 {
        let (least, most) = self.link.delay;
        self.network.between(least, most)
    }
}
