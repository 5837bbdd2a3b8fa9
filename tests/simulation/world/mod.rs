//! The world: one clock, one queue of events ordered by (time, counter), two hosts, the networks
//! between them, the clients, and everything that watches.

mod event;
mod options;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::checks::Checks;
use super::clients::{Client, ClientConnections, Register};
use super::coverage::Coverage;
use super::host::Host;
use super::lan::Lan;
use super::link::Link;
use super::model::Model;
use super::random::Random;
use super::trace::Trace;
use event::Entry;
pub use event::Event;
pub use options::Options;

/// A millisecond and a second in the nanoseconds of the world's clock.
pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1000 * MS;
/// How often the checks look.
const PROBE_INTERVAL: u64 = 10 * MS;

/// Everything.
pub struct World {
    pub options: Options,
    pub now: u64,
    number: u64,
    queue: BinaryHeap<Reverse<Entry>>,
    pub hosts: [Host; 2],
    pub boots: u64,
    pub lan: Lan,
    pub link: Link,
    /// Bytes given to the replication link by both hosts.
    pub link_bytes: u64,
    /// How often either host dialled the other.
    pub link_dials: u64,
    pub clients: Vec<Client>,
    pub connections: ClientConnections,
    pub model: Model,
    pub register: Register,
    /// At most one host failed: no acknowledged step may be missing in the register.
    pub register_is_whole: bool,
    pub checks: Checks,
    pub trace: Trace,
    pub coverage: Coverage,
    pub network: Random,
    pub workload: Random,
}

impl World {
    /// Two hosts that are on, with no process.
    pub fn new(options: Options) -> World {
        let host = |index: usize| Host::new(options.skew_ms[index], options.drift_ppm[index]);
        let skewed = options.skew_ms[0] != options.skew_ms[1] || options.drift_ppm != [0; 2];
        let mut world = World {
            now: 10 * SECOND,
            number: 0,
            queue: BinaryHeap::new(),
            hosts: [host(0), host(1)],
            boots: 0,
            lan: Lan::default(),
            link: Link::new(),
            link_bytes: 0,
            link_dials: 0,
            clients: Vec::new(),
            connections: ClientConnections::default(),
            model: Model::new(!options.ample, skewed),
            register: Register::default(),
            register_is_whole: false,
            coverage: Coverage::default(),
            checks: Checks::default(),
            trace: Trace::new(options.traced),
            network: Random::new(options.seed, 2),
            workload: Random::new(options.seed, 3),
            options,
        };
        world.after(PROBE_INTERVAL, Event::Probe);
        let options = format!("{:?}", world.options);
        world.tell(&options);
        world
    }

    pub fn at(&mut self, at: u64, event: Event) {
        self.number += 1;
        let entry = Entry {
            at: at.max(self.now),
            number: self.number,
            event,
        };
        self.queue.push(Reverse(entry));
    }

    pub fn after(&mut self, wait: u64, event: Event) {
        self.at(self.now + wait, event);
    }

    /// A line of the trace, of one host.
    pub fn note(&mut self, host: usize, text: &str) {
        self.trace.line(self.now, ["a", "b"][host], text);
    }

    /// A line of the trace, of the world.
    pub fn tell(&mut self, text: &str) {
        self.trace.line(self.now, "--", text);
    }

    /// Lets virtual milliseconds pass.
    pub fn run_ms(&mut self, milliseconds: u64) {
        self.run_until(self.now + milliseconds * MS);
    }

    pub fn run_until(&mut self, until: u64) {
        while self
            .queue
            .peek()
            .is_some_and(|Reverse(entry)| entry.at <= until)
        {
            self.step();
        }
        self.now = until;
    }

    /// Lets the next thing happen.
    pub fn step(&mut self) {
        let Some(Reverse(entry)) = self.queue.pop() else {
            return;
        };
        self.now = entry.at;
        self.trace.mix(&[entry.at, entry.number]);
        self.handle(entry.event);
    }

    /// Lets time pass until something holds. Returns how many milliseconds that took.
    pub fn run_until_holds(
        &mut self,
        most_ms: u64,
        what: &str,
        holds: impl Fn(&World) -> bool,
    ) -> u64 {
        let begun = self.now;
        while !holds(self) {
            if self.now - begun > most_ms * MS {
                self.fail(&format!("not within {most_ms} ms: {what}"));
            }
            self.run_ms(5);
        }
        (self.now - begun) / MS
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Timer { host, boot } => self.timer(host, boot),
            Event::WorkersAlive { host, boot } => self.workers_alive(host, boot),
            Event::Orders { host, boot } => self.perform_orders(host, boot),
            Event::AddressExpires { host } => self.address_expires(host),
            Event::GuardActs {
                host,
                master,
                boots,
            } => self.guard_acts(host, master, boots),
            Event::Datagram { to, bytes } => self.datagram_arrives(to, bytes),
            Event::Announced { from, client } => self.clients[client].resolved = Some(from),
            Event::Syn {
                from,
                boot,
                started,
            } => self.syn_arrives(from, boot, started),
            Event::Dialled {
                host,
                boot,
                connection,
                refused,
            } => {
                self.dialled(host, boot, connection, refused);
            }
            Event::Segment { connection, pipe } => self.segment_arrives(connection, pipe),
            Event::Retransmit { connection, pipe } => self.retransmit(connection, pipe),
            Event::ClientActs { client, turn } => self.client_acts(client, turn),
            Event::ClientSyn { client, turn } => self.client_syn(client, turn),
            Event::ToServer {
                connection,
                bytes,
                end,
            } => self.send_to_server(connection, bytes, end),
            Event::ToClient {
                connection,
                bytes,
                copies,
            } => {
                self.send_to_client(connection, &bytes, &copies);
            }
            Event::ClientClosed { connection } => self.client_closed(connection),
            Event::Impatient { client, turn } => self.impatient(client, turn),
            Event::FlushDue {
                flushing,
                boot,
                since,
                flushes,
            } => self.flush_due(&flushing, boot, since, flushes),
            Event::Fault(fault) => self.inflict(&fault),
            Event::Probe => {
                self.probe();
                self.after(PROBE_INTERVAL, Event::Probe);
            }
        }
    }

    /// Ends the test with the end of the trace.
    pub fn fail(&self, why: &str) -> ! {
        panic!(
            "at {}.{:06}: {why} (seed {})",
            self.now / SECOND,
            self.now % SECOND / 1000,
            self.options.seed
        );
    }
}

/// A test that fails shows how it came to that: the end of the trace, or with `TRACE=1` all of it.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines = self.trace.lines();
            let all = std::env::var_os("TRACE").is_some();
            let from = if all {
                0
            } else {
                lines.len().saturating_sub(100)
            };
            eprintln!("{}", lines[from..].join("\n"));
        }
    }
}
