//! A host: its kernel's view of the virtual address, and the server process on it.
//!
//! The process is the product's `Store`, `Node` and `Connection`s. Everything that `server/` does
//! around them is done here in the same order, with the world's time: the node thread's turn, the
//! address thread's orders, the guard, the lease check before each execution.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use twincached::connection::{Facts, Settings as FactSettings};
use twincached::failover::{JOIN_HOLD_EXTRA, Rules, master_down_interval};
use twincached::node::{Action, Holder, Node, Status};
use twincached::replication::{Options as PeerOptions, Peer, SessionId, Settings};
use twincached::store::{Options as StoreOptions, Store};
use vrrp::packet::{
    Advertisement, Authentication, Datagram, Delivery, Expected, GROUP_IPV4, Receiver, Version,
};
use vrrp::router::{Config, Role, Router};
use vrrp::time::Instant;

use super::clients::ServerConnection;
use super::lan::{HOST_IPS, VIRTUAL_IP};
use super::world::{Event, MS, SECOND, World};

/// Unix time at the zero of the world's clock.
const ZERO_UNIX_MS: u64 = 1_700_000_000_000;
const INTERVAL: Duration = Duration::from_secs(1);
const VIRTUAL_ROUTER_ID: u8 = 51;
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

/// What the address thread was told.
enum Order {
    Put(Duration),
    Remove,
    Advertise(Vec<u8>),
    Announce,
}

/// A server process.
pub struct Process {
    /// Counts processes in this world.
    pub boot: u64,
    pub store: Arc<Store>,
    pub node: Node,
    pub facts: Facts,
    started_at: u64,
    pub lease_until: Instant,
    pub leaving: bool,
    closing_virtual: bool,
    closing_all: bool,
    /// Waits for connections to close.
    closing: bool,
    pub ports_open: bool,
    pub role: Role,
    guard_alive: bool,
    guard_master: bool,
    /// The connection of each session, and whether it is to be closed.
    pub sessions: BTreeMap<SessionId, (u64, bool)>,
    pub next_session: SessionId,
    pub connections: BTreeMap<u64, ServerConnection>,
    orders: VecDeque<Order>,
    workers_at: Instant,
    pub workers_hung: bool,
    timer_at: u64,
    left: bool,
    pub status: Status,
    /// Turns in a row that left a timeout which had passed.
    spins: u32,
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

    fn local_of(&self, process: &Process, now: u64) -> Instant {
        let elapsed = (now - process.started_at) as i128;
        let local = SECOND as i128 + elapsed + elapsed * i128::from(self.drift_ppm) / 1_000_000;
        Instant::from_nanos(local as u64)
    }

    fn global_of(&self, process: &Process, at: Instant) -> u64 {
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

    fn process(&mut self, index: usize) -> Process {
        let boot = self.boots;
        let wall_ms = ZERO_UNIX_MS + self.now / MS;
        let zero_unix_ms = wall_ms.saturating_add_signed(self.hosts[index].skew_ms) - 1000;
        let memory = self.options.memory[index];
        let seed = self.network.next();
        let store = Arc::new(Store::new(&StoreOptions {
            memory,
            item_size_max: 1 << 20,
            threads: 1,
            hash_seed: [seed, 2, 3, 4],
            zero_unix_ms,
            evict: true,
            replicated: true,
        }));
        let priority = self.options.priority[index];
        let node_id = index as u64 + 1;
        let settings = Settings {
            memory: memory as u64,
            item_size_max: 1 << 20,
            priority,
            virtual_router_id: VIRTUAL_ROUTER_ID,
            advertisement_interval_ms: 1000,
            vrrp_version: 2,
            virtual_addresses: vec!["10.0.0.100/32".to_owned()],
            primary_address: Some(IpAddr::V4(Ipv4Addr::from(HOST_IPS[index]))),
        };
        let peer = Peer::new(
            PeerOptions {
                node_id,
                boot_id: boot << 8 | node_id,
                acknowledge_peer: self.options.acknowledge_peer,
                acknowledge_timeout: Duration::from_millis(ACKNOWLEDGE_TIMEOUT_MS),
                secret: None,
                settings: settings.clone(),
            },
            &store,
        );
        let rules = Rules {
            priority,
            interval: INTERVAL,
            join_hold: master_down_interval(priority, INTERVAL) + JOIN_HOLD_EXTRA,
            has_peer: true,
            node_id,
        };
        let now = Instant::from_millis(1000);
        let holder = Holder::new(now, rules, Some(router(index, priority)));
        let node = Node::new(now, store.clone(), Some(peer), holder, settings);
        let facts = Facts {
            settings: FactSettings {
                flush_enabled: true,
                cas_enabled: true,
                ..FactSettings::default()
            },
            ..Facts::default()
        };
        Process {
            boot,
            status: node.status(now),
            store,
            node,
            facts,
            started_at: self.now,
            lease_until: Instant::ZERO,
            leaving: false,
            closing_virtual: false,
            closing_all: false,
            closing: false,
            ports_open: false,
            role: Role::Initialize,
            guard_alive: true,
            guard_master: false,
            sessions: BTreeMap::new(),
            next_session: 1,
            connections: BTreeMap::new(),
            orders: VecDeque::new(),
            workers_at: now,
            workers_hung: false,
            timer_at: 0,
            left: false,
            spins: 0,
        }
    }

    pub fn hand_datagram(&mut self, host: usize, bytes: &[u8]) {
        let now = self.local(host);
        self.node(host).handle_datagram(now, Datagram::Ipv4(bytes));
    }

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
            for shard in 0..process.store.shards() {
                process.store.reap(now, shard, 16);
            }
            if process.store.has_dirty() {
                self.turn(host);
            }
        }
        self.after(ALIVE_INTERVAL, Event::WorkersAlive { host, boot });
    }

    fn show_life(&mut self, host: usize) {
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
        if process.closing {
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
                self.reset_connections(host, true);
            }
            Action::RemoveAddresses => {
                process.guard_master = false;
                self.order(host, Order::Remove);
            }
            Action::Advertise(message) => self.order(host, Order::Advertise(message)),
            Action::Announce => self.order(host, Order::Announce),
            Action::Changed { role, .. } => process.role = role,
            Action::HoldMutations(hold) => {
                process.leaving = hold;
                if !hold {
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

    fn order(&mut self, host: usize, order: Order) {
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

    fn exit(&mut self, host: usize) {
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

impl Process {
    fn are_connections_closed(&self) -> bool {
        let exiting = self.node.is_exiting();
        !self
            .connections
            .values()
            .any(|connection| connection.via_virtual || exiting)
    }

    /// Whether a connection is to end once its answers are out.
    pub fn closes(&self, via_virtual: bool) -> bool {
        self.closing_all || via_virtual && self.closing_virtual
    }
}

fn router(index: usize, priority: u8) -> (Router, Receiver, IpAddr) {
    let source = IpAddr::V4(Ipv4Addr::from(HOST_IPS[index]));
    let addresses = vec![IpAddr::V4(Ipv4Addr::from(VIRTUAL_IP))];
    let router = Router::new(Config {
        version: Version::V2,
        virtual_router_id: VIRTUAL_ROUTER_ID,
        priority,
        interval: INTERVAL,
        primary_address: source,
        preempt: false,
        addresses: addresses.clone(),
        authentication: Authentication::None,
    });
    let receiver = Receiver::new(Expected {
        version: Version::V2,
        virtual_router_id: VIRTUAL_ROUTER_ID,
        authentication: Authentication::None,
        interval: INTERVAL,
        own_address: source,
        delivery: Delivery::Multicast,
        addresses,
    });
    let destination = Delivery::Multicast.destination(source);
    (
        router.expect("the configuration is sound"),
        receiver,
        destination,
    )
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
