//! The only place with sockets, threads, clocks and randomness.
//!
//! | thread | what it does |
//! |---|---|
//! | main | accepts clients, admin port, signals, the background pass for expired items |
//! | worker-N | serves clients |
//! | udp | serves datagrams, where `-U` asks for it |
//! | node | drives [`crate::node::Node`]: replication, policy, VRRP |
//! | address | raw socket, gratuitous ARP, addresses over netlink |
//! | log | writes log lines, so that nobody else waits for whoever reads them |
//! | tls | handshakes of the replication link, if it is encrypted |
//! | (guard) | a child process that removes the address should this one die |

mod accept_queues;
mod address;
mod admin;
pub mod ask;
pub mod check;
mod client;
mod client_stream;
mod clock;
pub mod daemon;
pub mod demo;
mod door;
pub mod guard;
mod hook;
mod inbox;
pub mod leftover;
mod limits;
mod link;
mod link_stream;
mod listen;
pub mod log;
mod metrics;
pub mod panics;
mod passwords;
mod pid_file;
mod pinned;
mod privileges;
mod process;
mod rounds;
mod sections;
mod setup;
mod shared;
mod signals;
mod supervisor;
mod terms;
mod tls;
mod turns;
mod udp;
mod virtual_connections;
mod workers;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Interval;
use tracing::{info, warn};

use self::daemon::Launcher;
use self::inbox::Message;
use self::listen::{Acceptor, Ports};
use self::pid_file::PidFile;
use self::shared::Shared;
use self::signals::{Asked, Signals};
use self::terms::Terms;
use self::workers::Workers;
use crate::config::{Config, Protocol};
use crate::connection::Passwords;
use crate::protocol::{Dialect, Limits};

/// Expired items are looked for this often, in one shard after the other.
const REAP_INTERVAL: Duration = Duration::from_millis(50);
/// Hash buckets looked at in one step.
const REAP_BUCKETS: usize = 512;
/// How soon a client's `shutdown` is noticed.
const SHUTDOWN_INTERVAL: Duration = Duration::from_millis(50);
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
fn serve(mut config: Config, launcher: &Launcher) -> Result<(), ServeError> {
    config
        .warnings
        .iter()
        .for_each(|warning| warn!("{warning}"));
    if config.verbosity > 0 {
        config.notes.iter().for_each(|note| info!("{note}"));
    }
    limits::raise(&mut config)?;
    let config = &config;
    let user = privileges::user(config)?;
    let passwords = passwords::read(config)?;
    // Checked before the guard and the address are touched: a second server on the same ports
    // must not disturb the first one.
    let ports = Ports::bind(config)?;
    privileges::assume(user.as_ref(), config)?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| ServeError::Runtime(error.to_string()))?;
    runtime.block_on(run(config, ports, passwords, launcher))
}

async fn run(
    config: &Config,
    ports: Ports,
    passwords: Option<Passwords>,
    launcher: &Launcher,
) -> Result<(), ServeError> {
    let signals = Signals::listen()?;
    let setup = setup::Setup::prepare(config, ports.first_port())?;
    let admin = match config.admin {
        Some(address) => {
            let listener = tokio::net::TcpListener::bind(address).await;
            Some(listener.map_err(|error| ServeError::listen(address, &error))?)
        }
        None => None,
    };
    // Threads have the capabilities of the one that starts them: one of them keeps its two.
    privileges::settle(config)?;
    let shared = setup.shared.clone();
    let connected = setup.start_network(config)?;
    privileges::drop_all()?;
    log::write().map_err(|error| ServeError::Runtime(format!("cannot start a thread: {error}")))?;
    *shared.passwords.write() = passwords.map(Arc::new);
    let limits = Limits {
        item_size_max: config.item_size_max,
    };
    let dialect = match config.protocol {
        Protocol::Auto => None,
        Protocol::Text => Some(Dialect::Text),
        Protocol::Binary => Some(Dialect::Binary),
    };
    let terms = Terms {
        limits,
        dialect,
        idle_timeout: config.idle_timeout,
    };
    let workers = Workers::start(&shared, terms)
        .map_err(|error| ServeError::Runtime(format!("cannot start the workers: {error}")))?;
    let listeners = ports.listeners();
    let listeners =
        listeners.map_err(|error| ServeError::Runtime(format!("cannot listen: {error}")))?;
    let acceptor = Acceptor::new(shared.clone(), workers, terms, config);
    let (exit, exited) = unbounded_channel();
    let inbox = connected.start_node(config, listeners, acceptor.opened.clone(), exit)?;
    if let Some(listener) = admin {
        tokio::spawn(admin::serve(listener, shared.clone(), inbox.clone()));
    }
    tokio::spawn(acceptor.clone().tell_rest());
    let (failing, failed) = unbounded_channel();
    tokio::spawn(open_when_told(ports, acceptor, failing));
    tokio::spawn(reap(shared.clone()));
    let _pid_file = write_pid_file(config, launcher);
    launcher.succeed();
    supervisor::ready();
    tokio::spawn(supervisor::report(shared.clone()));
    wait_for_the_end(config, &shared, &inbox, signals, exited, failed).await
}

/// As in memcached a server whose pid file cannot be written runs all the same.
fn write_pid_file(config: &Config, launcher: &Launcher) -> Option<PidFile> {
    let path = config.pid_file.as_ref()?;
    match PidFile::write(path) {
        Ok((file, running)) => {
            if let Some(pid) = running {
                launcher.warn(&format!(
                    "WARNING: The pid file contained the following (running) pid: {pid}"
                ));
            }
            Some(file)
        }
        Err(error) => {
            let path = path.display();
            launcher.warn(&format!("could not write the pid file {path}: {error}"));
            None
        }
    }
}

async fn open_when_told(
    ports: Ports,
    acceptor: Arc<Acceptor>,
    failing: UnboundedSender<ServeError>,
) {
    let mut opened = acceptor.opened.subscribe();
    if opened.wait_for(|open| *open).await.is_ok()
        && let Err(error) = ports.open(&acceptor)
    {
        let message = format!("cannot listen for clients: {error}");
        let _ending = failing.send(ServeError::Runtime(message));
    }
}

/// Takes the memory of expired items back, and gives the system what a lowered limit frees, a
/// bounded step at a time.
async fn reap(shared: Arc<Shared>) {
    let shards = shared.store.shards();
    let steps = (REAP_ROUND.as_millis() / REAP_INTERVAL.as_millis()) as usize;
    let per_step = shards.div_ceil(steps);
    let mut interval = tokio::time::interval(REAP_INTERVAL);
    let mut shard = 0;
    loop {
        interval.tick().await;
        while shared.store.give_back(shared.clock.now()) {
            tokio::task::yield_now().await;
        }
        let crawls = shared.facts.adjustable.lock().crawler;
        for _ in 0..if crawls { per_step } else { 0 } {
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

/// A client that may has said `shutdown`.
async fn told_to_shut_down(shared: &Shared, looked: &mut Interval) {
    while !shared.facts.shutdown.load(Ordering::Acquire) {
        looked.tick().await;
    }
}

/// SIGTERM, SIGINT and `shutdown` leave in order; a second one ends at once. So does a server that
/// cannot serve: its guard gives up the address that it may have claimed.
async fn wait_for_the_end(
    config: &Config,
    shared: &Shared,
    node: &UnboundedSender<Message>,
    mut signals: Signals,
    mut exited: UnboundedReceiver<()>,
    mut failed: UnboundedReceiver<ServeError>,
) -> Result<(), ServeError> {
    let mut looked = tokio::time::interval(SHUTDOWN_INTERVAL);
    let mut leaving = false;
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Leave => {}
                Asked::ReadAgain => {
                    passwords::read_again(config, shared);
                    continue;
                }
            },
            () = told_to_shut_down(shared, &mut looked), if !leaving => {
                info!("a client said shutdown");
            }
            Some(error) = failed.recv() => return Err(error),
            ended = exited.recv() => {
                return match ended {
                    Some(()) => Ok(()),
                    None => Err(ServeError::Runtime("the node thread has died".to_owned())),
                };
            }
        }
        if std::mem::replace(&mut leaving, true) {
            warn!("a second signal: ending at once");
            return Ok(());
        }
        supervisor::stopping();
        let _ended = node.send(Message::Leave);
    }
}
