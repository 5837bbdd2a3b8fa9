//! The replication link: TCP connections as two processes and two kernels see them.
//!
//! Bytes arrive in order, cut anywhere, late, or only after a cut heals. A process that dies lets
//! its kernel send what was written and an end; a host that vanishes says nothing. Bytes for an end
//! that no longer exists are answered with a reset, if the path back stands.
//!
//! How connections come about is here, what the processes do with them in `sessions.rs`, what the
//! kernels and the network do in `segments.rs`, and how connections break in `breaks.rs`.

mod breaks;
mod segments;
mod sessions;

use std::collections::{BTreeMap, VecDeque};

use twincached::replication::SessionId;

use super::world::{Event, SECOND, World};

/// How long a connection attempt may take.
const DIAL_MAX: u64 = SECOND;

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
    /// What a kernel takes from a process before it says "later".
    pub window_bytes: usize,
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
            window_bytes: 192 * 1024,
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

    pub(super) fn link_delay(&mut self) -> u64 {
        let (least, most) = self.link.delay;
        self.network.between(least, most)
    }
}
