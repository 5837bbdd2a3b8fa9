//! The only place with sockets, threads, clocks and randomness.
//!
//! | thread | what it does |
//! |---|---|
//! | main | accepts clients, admin port, signals, the background pass for expired items |
//! | worker-N | serves clients |
//! | node | drives [`crate::node::Node`]: replication, policy, VRRP |
//! | address | raw socket, gratuitous ARP, addresses over netlink |
//! | (guard) | a child process that removes the address should this one die |

mod address;
mod admin;
pub mod ask;
mod client;
mod clock;
pub mod demo;
pub mod guard;
mod hook;
mod link;
mod listen;
pub mod log;
mod metrics;
mod process;
mod sections;
mod setup;
mod shared;
mod virtual_connections;
mod workers;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::{error, info, warn};

use self::link::Message;
use self::listen::{Acceptor, Ports};
use self::shared::Shared;
use self::workers::Workers;
use crate::config::Config;
use crate::protocol::Limits;

/// Expired items are looked for this often, in one shard after the other.
const REAP_INTERVAL: Duration = Duration::from_millis(50);
/// Hash buckets looked at in one step.
const REAP_BUCKETS: usize = 512;
/// Shards of a store are gone through in about this time.
const REAP_ROUND: Duration = Duration::from_secs(30);

/// Why the server does not run. The exit code is 1.
#[derive(Debug)]
pub enum ServeError {
    /// In words, with the remedy where there is one.
    Runtime(String),
}

impl ServeError {
    fn listen(address: SocketAddr, error: &io::Error) -> ServeError {
        ServeError::Runtime(match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "cannot listen on {address}: the port is in use by another process; \
                 stop it, or choose another address"
            ),
            io::ErrorKind::AddrNotAvailable => {
                format!("cannot listen on {address}: this host has no such address")
            }
            _ => format!("cannot listen on {address}: {error}"),
        })
    }

    fn network(error: vrrp::linux::Error) -> ServeError {
        ServeError::Runtime(error.to_string())
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServeError::Runtime(message) = self;
        f.write_str(message)
    }
}

/// Runs a server until it is told to end.
pub fn serve(config: &Config) -> Result<(), ServeError> {
    config
        .warnings
        .iter()
        .for_each(|warning| warn!("{warning}"));
    if config.verbosity > 0 {
        config.notes.iter().for_each(|note| info!("{note}"));
    }
    // Checked before the guard and the address are touched: a second server on the same ports
    // must not disturb the first one.
    let ports = Ports::bind(config)?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| ServeError::Runtime(error.to_string()))?;
    runtime.block_on(run(config, ports))
}

async fn run(config: &Config, ports: Ports) -> Result<(), ServeError> {
    let setup = setup::Setup::prepare(config, ports.first_port())?;
    let shared = setup.shared.clone();
    let limits = Limits {
        item_size_max: config.item_size_max,
    };
    let workers = Workers::start(&shared, config.threads, limits, config.idle_timeout)
        .map_err(|error| ServeError::Runtime(format!("cannot start the workers: {error}")))?;
    let acceptor = Acceptor::new(shared.clone(), workers, config);
    let (exit, exited) = unbounded_channel();
    let inbox = setup
        .start_node(config, acceptor.opened.clone(), exit)
        .await?;
    if let Some(address) = config.admin {
        let listener = tokio::net::TcpListener::bind(address).await;
        let listener = listener.map_err(|error| ServeError::listen(address, &error))?;
        tokio::spawn(admin::serve(listener, shared.clone(), inbox.clone()));
    }
    tokio::spawn(open_when_told(ports, acceptor));
    tokio::spawn(reap(shared));
    wait_for_the_end(&inbox, exited).await
}

async fn open_when_told(ports: Ports, acceptor: Arc<Acceptor>) {
    let mut opened = acceptor.opened.subscribe();
    if opened.wait_for(|open| *open).await.is_ok()
        && let Err(error) = ports.open(&acceptor)
    {
        error!("cannot listen for clients: {error}");
        std::process::exit(1);
    }
}

/// Takes the memory of expired items back, a bounded step at a time.
async fn reap(shared: Arc<Shared>) {
    let shards = shared.store.shards();
    let steps = (REAP_ROUND.as_millis() / REAP_INTERVAL.as_millis()) as usize;
    let per_step = shards.div_ceil(steps);
    let mut interval = tokio::time::interval(REAP_INTERVAL);
    let mut shard = 0;
    loop {
        interval.tick().await;
        for _ in 0..per_step {
            while !shared.store.reap(shared.clock.now(), shard, REAP_BUCKETS) {
                tokio::task::yield_now().await;
            }
            shard = (shard + 1) % shards;
        }
        if shared.store.has_dirty() {
            shared.wake_link();
        }
    }
}

/// SIGTERM and SIGINT leave in order; a second one ends at once.
async fn wait_for_the_end(
    node: &UnboundedSender<Message>,
    mut exited: UnboundedReceiver<()>,
) -> Result<(), ServeError> {
    let failed =
        |error: io::Error| ServeError::Runtime(format!("cannot wait for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let mut asked = false;
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {
                info!("SIGHUP: nothing to read again");
                continue;
            }
            ended = exited.recv() => {
                return match ended {
                    Some(()) => Ok(()),
                    None => Err(ServeError::Runtime("the node thread has died".to_owned())),
                };
            }
        }
        if std::mem::replace(&mut asked, true) {
            warn!("a second signal: ending at once");
            return Ok(());
        }
        let _ended = node.send(Message::Leave);
    }
}
