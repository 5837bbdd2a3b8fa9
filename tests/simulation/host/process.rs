//! A server process, made as `server/setup.rs` makes one.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use twincached::command::Hold;
use twincached::connection::{Facts, Settings as FactSettings};
use twincached::failover::{JOIN_HOLD_EXTRA, Rules};
use twincached::node::{Holder, Node, Status};
use twincached::replication::{Options as PeerOptions, Peer, SessionId, Settings};
use twincached::store::{Options as StoreOptions, Store};
use vrrp::packet::{Authentication, Delivery, Expected, Receiver, Version};
use vrrp::router::{Config, Role, Router, master_down_interval};
use vrrp::time::Instant;

use super::super::clients::ServerConnection;
use super::super::lan::{HOST_IPS, VIRTUAL_IP};
use super::super::world::{MS, World};
use super::ACKNOWLEDGE_TIMEOUT_MS;
use super::address::Order;

/// Unix time at the zero of the world's clock.
pub const ZERO_UNIX_MS: u64 = 1_700_000_000_000;
pub(super) const INTERVAL: Duration = Duration::from_secs(1);
pub(super) const VIRTUAL_ROUTER_ID: u8 = 51;

/// A server process.
pub struct Process {
    /// Counts processes in this world.
    pub boot: u64,
    /// The process that the link was last connected to.
    pub peer_boot: Option<u64>,
    pub store: Arc<Store>,
    pub node: Node,
    pub facts: Facts,
    /// It has been in sync since its start. The node itself also counts as complete beside a
    /// neighbour that never answers on the link (keepalived): that one has no data to wait for.
    pub has_synced: bool,
    pub(super) started_at: u64,
    pub lease_until: Instant,
    pub hold: Hold,
    pub(super) closing_virtual: bool,
    pub(super) closing_all: bool,
    /// Was told to hold all requests, and has not said yet that it does.
    pub(super) quieting: bool,
    /// Waits for connections to close.
    pub(super) closing: bool,
    pub ports_open: bool,
    pub role: Role,
    pub(super) guard_alive: bool,
    pub(super) guard_master: bool,
    /// The connection of each session, and whether it is to be closed.
    pub sessions: BTreeMap<SessionId, (u64, bool)>,
    pub next_session: SessionId,
    pub connections: BTreeMap<u64, ServerConnection>,
    pub(super) orders: VecDeque<Order>,
    pub(super) workers_at: Instant,
    pub workers_hung: bool,
    /// Since when the workers have shown no sign of life.
    pub hung_since: Option<u64>,
    pub(super) timer_at: u64,
    pub(super) left: bool,
    pub status: Status,
    /// Turns in a row that left a timeout which had passed.
    pub(super) spins: u32,
}

impl World {
    pub(super) fn process(&mut self, index: usize) -> Process {
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
                secret: self.options.secret.then(|| b"of both".to_vec()),
                settings: settings.clone(),
            },
            &store,
        );
        let rules = Rules {
            version: Version::V2,
            priority,
            interval: INTERVAL,
            join_hold: master_down_interval(Version::V2, priority, INTERVAL) + JOIN_HOLD_EXTRA,
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
            peer_boot: None,
            status: node.status(now),
            store,
            node,
            facts,
            has_synced: false,
            started_at: self.now,
            lease_until: Instant::ZERO,
            hold: Hold::Nothing,
            closing_virtual: false,
            closing_all: false,
            quieting: false,
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
            hung_since: None,
            timer_at: 0,
            left: false,
            spins: 0,
        }
    }
}

impl Process {
    pub(super) fn are_connections_closed(&self) -> bool {
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
