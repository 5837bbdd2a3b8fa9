//! From the configuration to the parts of a running server.

mod connected;
mod machine;
mod shown;

use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc::unbounded_channel;
use tracing::info;

use self::connected::Connected;
use super::ServeError;
use super::address::Network;
use super::clock::Clock;
use super::guard::GuardProcess;
use super::shared::Shared;
use crate::config::{self, Config, Guard};
use crate::connection;
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
        let facts = connection::Facts::new(shown::settings(config, tcp_port));
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
