//! From the configuration to the parts of a running server.

use std::sync::Arc;
use std::thread;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tracing::info;
use vrrp::packet::{Authentication, Delivery, Expected, Receiver, Version};
use vrrp::router::{self, Router, master_down_interval};

use super::ServeError;
use super::address::{AddressThread, Network};
use super::clock::Clock;
use super::guard::GuardProcess;
use super::hook::Hook;
use super::link::{self, Message, Parts};
use super::listen::Listeners;
use super::shared::Shared;
use super::tls::Handshakes;
use crate::config::{self, Acknowledge, Config, Guard, Protocol as Dialect, VrrpVersion};
use crate::connection;
use crate::failover::{JOIN_HOLD_EXTRA, JOIN_HOLD_WITHOUT_VRRP, Rules};
use crate::node::{Holder, Node};
use crate::replication::{Options as PeerOptions, Peer, Settings};
use crate::store::{Options as StoreOptions, Store};

/// Everything that is made before the first thread starts.
pub(super) struct Setup {
    pub shared: Arc<Shared>,
    network: Option<Network>,
    /// The replication port.
    listener: Option<std::net::TcpListener>,
    node_id: u64,
}

impl Setup {
    /// Makes the store and opens the network. What is missing is an error here.
    pub fn prepare(config: &Config, tcp_port: u16) -> Result<Setup, ServeError> {
        let network = config.vrrp.as_ref().map(open_network).transpose()?;
        let replication = config.replication.as_ref();
        let listener = replication.map(listen).transpose()?.flatten();
        let clock = Clock::start();
        let store = Arc::new(Store::new(&StoreOptions {
            memory: config.memory as usize,
            item_size_max: config.item_size_max,
            threads: config.threads,
            hash_seed: rand::random(),
            zero_unix_ms: clock.zero_unix_ms(),
            evict: config.evict,
            replicated: config.replication.is_some(),
        }));
        let facts = connection::Facts::new(settings(config, tcp_port));
        let addresses = config.vrrp.iter().flat_map(|vrrp| &vrrp.virtual_addresses);
        let addresses = addresses.map(|address| address.address).collect();
        let shared = Arc::new(Shared::new(clock, store, facts, addresses, config.threads));
        let configured = config
            .replication
            .as_ref()
            .and_then(|replication| replication.node_id);
        Ok(Setup {
            shared,
            network,
            listener,
            node_id: configured.unwrap_or_else(rand::random),
        })
    }

    /// Starts the thread that needs capabilities. What it reports waits for the node.
    pub fn start_network(self, config: &Config) -> Result<Connected, ServeError> {
        let (sender, inbox) = unbounded_channel();
        let node = self.node(config)?;
        let address = self
            .network
            .map(|network| network.start(sender.clone(), self.shared.clone()))
            .transpose()?;
        Ok(Connected {
            shared: self.shared,
            node,
            sender,
            inbox,
            address,
            listener: self.listener,
        })
    }

    fn node(&self, config: &Config) -> Result<Node, ServeError> {
        let now = self.shared.clock.now();
        let store = self.shared.store.clone();
        let settings = self.told_settings(config);
        let peer = config.replication.as_ref().map(|replication| {
            if !proves_itself(replication) {
                info!(
                    "replication: no secret_file: only {} may connect, by its address",
                    replication.peer.host
                );
            }
            let options = PeerOptions {
                node_id: self.node_id,
                boot_id: rand::random(),
                acknowledge_peer: replication.acknowledge == Acknowledge::Peer,
                acknowledge_timeout: replication.acknowledge_timeout,
                secret: replication
                    .secret
                    .as_ref()
                    .map(|secret| secret.bytes().to_vec()),
                settings: settings.clone(),
            };
            Peer::new(options, &store)
        });
        let holder = Holder::new(now, self.rules(config), self.router(config)?);
        let mut node = Node::new(now, store, peer, holder, settings);
        if let Some(network) = &self.network {
            node.set_interface_up(now, network.is_usable());
        }
        Ok(node)
    }

    /// What the hello tells of the configuration.
    fn told_settings(&self, config: &Config) -> Settings {
        let mut settings = Settings {
            memory: config.memory,
            item_size_max: config.item_size_max as u64,
            primary_address: self.network.as_ref().map(|network| network.source),
            ..Settings::default()
        };
        if let Some(vrrp) = &config.vrrp {
            settings.priority = vrrp.priority;
            settings.virtual_router_id = vrrp.virtual_router_id;
            settings.advertisement_interval_ms = vrrp.advertisement_interval.as_millis() as u32;
            settings.vrrp_version = match vrrp.version {
                VrrpVersion::Two => 2,
                VrrpVersion::Three => 3,
            };
            settings.virtual_addresses = vrrp
                .virtual_addresses
                .iter()
                .map(ToString::to_string)
                .collect();
            settings.virtual_addresses.sort();
        }
        settings
    }

    fn rules(&self, config: &Config) -> Rules {
        let has_peer = config.replication.is_some();
        match &config.vrrp {
            Some(vrrp) => {
                let interval = vrrp.advertisement_interval;
                let version = version_of(vrrp.version);
                let default =
                    master_down_interval(version, vrrp.priority, interval) + JOIN_HOLD_EXTRA;
                Rules {
                    version,
                    priority: vrrp.priority,
                    interval,
                    join_hold: vrrp.join_hold.unwrap_or(default),
                    has_peer,
                    node_id: self.node_id,
                }
            }
            None => Rules {
                version: Version::V2,
                priority: 0,
                interval: std::time::Duration::from_secs(1),
                join_hold: JOIN_HOLD_WITHOUT_VRRP,
                has_peer,
                node_id: self.node_id,
            },
        }
    }

    fn router(
        &self,
        config: &Config,
    ) -> Result<Option<(Router, Receiver, std::net::IpAddr)>, ServeError> {
        let (Some(vrrp), Some(network)) = (&config.vrrp, &self.network) else {
            return Ok(None);
        };
        let version = version_of(vrrp.version);
        let authentication = vrrp
            .password
            .map_or(Authentication::None, Authentication::Password);
        let addresses: Vec<_> = vrrp.virtual_addresses.iter().map(|v| v.address).collect();
        let delivery = match vrrp.unicast_peer {
            Some(peer) => Delivery::Unicast { peer },
            None => Delivery::Multicast,
        };
        let router = Router::new(router::Config {
            version,
            virtual_router_id: vrrp.virtual_router_id,
            priority: vrrp.priority,
            interval: vrrp.advertisement_interval,
            primary_address: network.source,
            preempt: false,
            addresses: addresses.clone(),
            authentication,
        });
        let router = router.map_err(|error| ServeError::Runtime(format!("vrrp: {error}")))?;
        let receiver = Receiver::new(Expected {
            version,
            virtual_router_id: vrrp.virtual_router_id,
            authentication,
            interval: vrrp.advertisement_interval,
            own_address: network.source,
            delivery,
            addresses,
        });
        Ok(Some((
            router,
            receiver,
            delivery.destination(network.source),
        )))
    }
}

/// Everything of the node, and a network thread at work.
pub(super) struct Connected {
    shared: Arc<Shared>,
    node: Node,
    sender: UnboundedSender<Message>,
    inbox: UnboundedReceiver<Message>,
    address: Option<AddressThread>,
    /// The replication port.
    listener: Option<std::net::TcpListener>,
}

impl Connected {
    /// Starts the node thread. Returns the way to it.
    pub fn start_node(
        self,
        config: &Config,
        listeners: Listeners,
        open_ports: watch::Sender<bool>,
        exit: UnboundedSender<()>,
    ) -> Result<UnboundedSender<Message>, ServeError> {
        let listener = self.listener;
        let replication = config.replication.as_ref();
        let hook = config.vrrp.as_ref().and_then(|vrrp| vrrp.on_change.clone());
        let parts = PartsWithoutListener {
            shared: self.shared,
            node: self.node,
            inbox: self.inbox,
            address: self.address,
            hook: hook.map(Hook::new),
            any_address: replication.is_some_and(proves_itself),
            tls: replication
                .and_then(|replication| replication.tls.as_ref())
                .map(Handshakes::start)
                .transpose()?,
            peer: replication.map(|replication| replication.peer.clone()),
            listeners,
            open_ports,
            exit,
        };
        thread::Builder::new()
            .name("node".to_owned())
            .spawn(move || parts.run(listener))
            .map_err(|error| ServeError::Runtime(format!("cannot start a thread: {error}")))?;
        Ok(self.sender)
    }
}

/// What goes into the node thread; its listener needs that thread's runtime.
struct PartsWithoutListener {
    shared: Arc<Shared>,
    node: Node,
    inbox: UnboundedReceiver<Message>,
    address: Option<AddressThread>,
    hook: Option<Hook>,
    any_address: bool,
    tls: Option<Handshakes>,
    peer: Option<config::HostPort>,
    listeners: Listeners,
    open_ports: watch::Sender<bool>,
    exit: UnboundedSender<()>,
}

impl PartsWithoutListener {
    fn run(self, listener: Option<std::net::TcpListener>) {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime needs a few descriptors");
        runtime.block_on(async move {
            let listener = listener.map(|listener| {
                tokio::net::TcpListener::from_std(listener).expect("the runtime runs")
            });
            link::run(Parts {
                shared: self.shared,
                node: self.node,
                inbox: self.inbox,
                listener,
                peer: self.peer,
                any_address: self.any_address,
                tls: self.tls,
                address: self.address,
                hook: self.hook,
                listeners: self.listeners,
                open_ports: self.open_ports,
                exit: self.exit,
            })
            .await;
        });
    }
}

/// The guard is started before any socket is opened.
fn open_network(vrrp: &config::Vrrp) -> Result<Network, ServeError> {
    let guard = GuardProcess::start(&Guard::from(vrrp))
        .map_err(|error| ServeError::Runtime(format!("cannot start the guard process: {error}")))?;
    Network::open(
        &vrrp.interface,
        &vrrp.virtual_addresses,
        vrrp.unicast_peer,
        guard,
    )
}

/// Whether the peer proves who it is otherwise than by its address.
fn proves_itself(replication: &config::Replication) -> bool {
    replication.secret.is_some() || replication.tls.is_some()
}

/// The replication port. With repcached's shared port the other instance may have it.
fn listen(replication: &config::Replication) -> Result<Option<std::net::TcpListener>, ServeError> {
    let address = replication.listen;
    let bind = || {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(16)?;
        Ok(socket.into())
    };
    match bind() {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if replication.shared_port && is_in_use(&error) => {
            info!("replication: {address} is in use: the other instance listens, this one dials");
            Ok(None)
        }
        Err(error) => Err(ServeError::listen(address, &error)),
    }
}

fn is_in_use(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::AddrInUse
}

const fn version_of(version: VrrpVersion) -> Version {
    match version {
        VrrpVersion::Two => Version::V2,
        VrrpVersion::Three => Version::V3,
    }
}

/// `-l` as `stats settings` shows it: nothing where every address is listened on.
fn interfaces(config: &Config) -> String {
    if config.listen == Config::default().listen {
        return String::new();
    }
    let mut addresses: Vec<String> = Vec::new();
    for address in config.listen.iter().map(|listen| listen.ip().to_string()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses.join(",")
}

/// What `stats settings` shows.
fn settings(config: &Config, tcp_port: u16) -> connection::Settings {
    connection::Settings {
        threads: config.threads,
        connections_max: config.connections_max,
        item_size_max: config.item_size_max,
        tcp_port,
        udp_port: config.udp_port.unwrap_or(0),
        interfaces: interfaces(config),
        socket_path: config
            .unix_socket
            .as_ref()
            .map(|socket| socket.path.display().to_string())
            .unwrap_or_default(),
        socket_mode: config
            .unix_socket
            .as_ref()
            .map_or(0o700, |socket| socket.mode),
        verbosity: config.verbosity,
        evict: config.evict,
        cas_enabled: config.cas,
        flush_enabled: config.flush_enabled,
        dump_enabled: config.dump_enabled,
        watch_enabled: config.watch_enabled,
        shutdown_enabled: config.shutdown_enabled,
        backlog: config.backlog,
        requests_per_event: config.requests_per_event,
        idle_timeout_s: config.idle_timeout.map_or(0, |timeout| timeout.as_secs()),
        connections_max_fast: config.connections_max_fast,
        protocol: match config.protocol {
            Dialect::Auto => "auto-negotiate",
            Dialect::Text => "ascii",
            Dialect::Binary => "binary",
        },
        authentication: config.auth_file.is_some(),
        stats_prefix_delimiter: config.stats_prefix_delimiter,
    }
}
