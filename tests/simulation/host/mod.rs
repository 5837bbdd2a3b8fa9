//! A host: its kernel's view of the virtual address, and the server process on it.
//!
//! The process is the product's `Store`, `Node` and `Connection`s. Everything that `server/` does
//! around them is done here in the same order, with the world's time: the node thread's turn
//! (`turn.rs`), the address thread's orders and the guard (`address.rs`), the lease check before each
//! execution (`clients/server.rs`). How a process is made is in `process.rs`, how it ends or stops in
//! `ends.rs`.

mod address;
mod ends;
mod process;
mod turn;

use twincached::node::Node;
use vrrp::packet::Datagram;
use vrrp::router::Role;
use vrrp::time::Instant;

use super::world::{Event, MS, SECOND, World};
pub use process::{Process, ZERO_UNIX_MS};

/// Workers show a sign of life this often.
const ALIVE_INTERVAL: u64 = 100 * MS;
/// What `acknowledge_timeout` is.
pub const ACKNOWLEDGE_TIMEOUT_MS: u64 = 250;

/// A host.
pub struct Host {
    pub powered: bool,
    /// Until when the kernel keeps the virtual address.
    pub address_until: Option<u64>,
    pub process: Option<Process>,
    /// The process is stopped; the kernel is not.
    pub frozen: bool,
    pub waiting: Waiting,
    pub awake_since: u64,
    pub frozen_since: Option<u64>,
    pub skew_ms: i64,
    drift_ppm: i64,
}

/// What waits in the kernel while the process is stopped.
#[derive(Default)]
pub struct Waiting {
    pub datagrams: Vec<Vec<u8>>,
    pub accepts: Vec<u64>,
    pub dialled: Option<(Option<u64>, bool)>,
    pub clients: Vec<(u64, Vec<u8>, bool)>,
    address_gone: bool,
}

impl Host {
    pub fn new(skew_ms: i64, drift_ppm: i64) -> Host {
        Host {
            powered: true,
            address_until: None,
            process: None,
            frozen: false,
            waiting: Waiting::default(),
            awake_since: 0,
            frozen_since: None,
            skew_ms,
            drift_ppm,
        }
    }

    /// The process runs and is not stopped.
    pub fn is_running(&self) -> bool {
        self.process.is_some() && !self.frozen
    }

    /// The boot of the process, 0 without one.
    pub fn boot(&self) -> u64 {
        self.process.as_ref().map_or(0, |process| process.boot)
    }

    /// The kernel answers for the virtual address.
    pub fn has_address(&self, now: u64) -> bool {
        self.powered && self.address_until.is_some_and(|until| now < until)
    }

    /// A request over the virtual address would be executed.
    pub fn serves(&self, now: u64) -> bool {
        let leased = |process: &Process| {
            process.ports_open && self.local_of(process, now) < process.lease_until
        };
        self.is_running() && self.has_address(now) && self.process.as_ref().is_some_and(leased)
    }

    /// VRRP Master, whether it runs or not.
    pub fn is_master(&self) -> bool {
        self.process
            .as_ref()
            .is_some_and(|process| process.role == Role::Master)
    }

    pub(super) fn local_of(&self, process: &Process, now: u64) -> Instant {
        let elapsed = (now - process.started_at) as i128;
        let local = SECOND as i128 + elapsed + elapsed * i128::from(self.drift_ppm) / 1_000_000;
        Instant::from_nanos(local as u64)
    }

    pub(super) fn global_of(&self, process: &Process, at: Instant) -> u64 {
        let elapsed = at.as_nanos().saturating_sub(SECOND) as i128;
        let elapsed = elapsed * 1_000_000 / (1_000_000 + i128::from(self.drift_ppm));
        process.started_at + elapsed as u64 + u64::from(self.drift_ppm != 0)
    }
}

impl World {
    /// What the process's clock shows.
    pub fn local(&self, host: usize) -> Instant {
        let host = &self.hosts[host];
        host.process
            .as_ref()
            .map_or(Instant::ZERO, |process| host.local_of(process, self.now))
    }

    pub fn node(&mut self, host: usize) -> &mut Node {
        &mut self.hosts[host]
            .process
            .as_mut()
            .expect("the caller knows that it runs")
            .node
    }

    /// Starts the server on a host.
    pub fn start(&mut self, index: usize) {
        if self.hosts[index].process.is_some() || !self.hosts[index].powered {
            return;
        }
        self.boots += 1;
        self.tell(&format!("host {} starts", ["a", "b"][index]));
        let process = self.process(index);
        let host = &mut self.hosts[index];
        // A leftover is removed before anything else.
        host.address_until = None;
        host.frozen = false;
        host.waiting = Waiting::default();
        self.model.boot(process.boot);
        host.process = Some(process);
        let boot = self.boots;
        let now = self.local(index);
        self.node(index).start(now);
        self.after(ALIVE_INTERVAL, Event::WorkersAlive { host: index, boot });
        self.turn(index);
    }

    pub fn hand_datagram(&mut self, host: usize, bytes: &[u8]) {
        let now = self.local(host);
        self.node(host).handle_datagram(now, Datagram::Ipv4(bytes));
    }
}
