//! What the threads of the server share.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use vrrp::time::Instant;

use super::accept_queues::AcceptQueues;
use super::ask::summary::time;
use super::clock::Clock;
use super::door::Door;
use super::rounds::Rounds;
use super::virtual_connections::VirtualConnections;
use crate::command::Hold;
use crate::connection::{Facts, Passwords};
use crate::node::Status;
use crate::store::Store;

/// Threads that have shown no sign of life for so long hang.
const SILENCE_MAX: Duration = Duration::from_secs(1);
/// The node thread and each worker show one at least this often.
pub const SIGN_INTERVAL: Duration = Duration::from_millis(250);

/// Shared by workers, the node thread and the main thread.
pub struct Shared {
    /// The one clock.
    pub clock: Clock,
    /// The items.
    pub store: Arc<Store>,
    /// Counts and settings for `stats`.
    pub facts: Facts,
    /// The virtual addresses of this pair.
    pub virtual_addresses: Vec<IpAddr>,
    /// Requests over a virtual address may be executed until then (nanoseconds of the clock).
    lease_until: AtomicU64,
    /// Client connections over a virtual address.
    pub virtual_connections: VirtualConnections,
    /// Connections that nobody has taken yet, over any address.
    pub accept_queues: AcceptQueues,
    /// What waits while the node hands over: a [`Hold`].
    hold: AtomicU8,
    /// Whether the workers heed it.
    pub rounds: Rounds,
    /// Connections end once their answers are out.
    pub closing: Closing,
    /// Who may connect, where not everybody may (`-Y`).
    pub passwords: RwLock<Option<Arc<Passwords>>>,
    /// A sign of life of each worker (nanoseconds of the clock).
    pub workers_at: Box<[AtomicU64]>,
    /// A sign of life of the node thread.
    node_at: AtomicU64,
    /// The way to each worker.
    pub doors: Box<[Door]>,
    /// Wakes datagrams that wait for the peer.
    pub datagrams_wake: Notify,
    /// Wakes the node thread: there are changes to send.
    pub link_wake: Notify,
    link_woken: AtomicBool,
    /// The state of the node as the node thread last published it.
    pub status: Mutex<Option<Status>>,
}

/// Which connections end once their answers are out.
#[derive(Default)]
pub struct Closing {
    virtual_ones: AtomicBool,
    all: AtomicBool,
}

impl Closing {
    /// Whether a connection is to end.
    pub fn applies(&self, via_virtual_address: bool) -> bool {
        self.all.load(Ordering::Acquire)
            || via_virtual_address && self.virtual_ones.load(Ordering::Acquire)
    }

    /// Ends those over a virtual address, and with `all` the others too.
    pub fn begin(&self, all: bool) {
        self.virtual_ones.store(true, Ordering::Release);
        self.all.store(all, Ordering::Release);
    }

    /// Whether the node thread waits for connections to end.
    fn has_begun(&self) -> bool {
        self.virtual_ones.load(Ordering::Acquire)
    }

    /// The node goes on.
    pub fn end(&self) {
        self.virtual_ones.store(false, Ordering::Release);
        self.all.store(false, Ordering::Release);
    }
}

impl AsRef<VirtualConnections> for Shared {
    fn as_ref(&self) -> &VirtualConnections {
        &self.virtual_connections
    }
}

impl Shared {
    /// For a server with this many workers.
    pub fn new(
        clock: Clock,
        store: Arc<Store>,
        facts: Facts,
        virtual_addresses: Vec<IpAddr>,
        workers: usize,
    ) -> Shared {
        let now = clock.now().as_nanos();
        Shared {
            clock,
            store,
            facts,
            virtual_addresses,
            lease_until: AtomicU64::new(0),
            virtual_connections: VirtualConnections::default(),
            accept_queues: AcceptQueues::default(),
            hold: AtomicU8::new(Hold::Nothing as u8),
            rounds: Rounds::new(workers),
            closing: Closing::default(),
            passwords: RwLock::new(None),
            workers_at: (0..workers).map(|_| AtomicU64::new(now)).collect(),
            node_at: AtomicU64::new(now),
            doors: (0..workers).map(|_| Door::default()).collect(),
            datagrams_wake: Notify::new(),
            link_wake: Notify::new(),
            link_woken: AtomicBool::new(false),
            status: Mutex::new(None),
        }
    }

    /// Unix time of now in microseconds, as this node reckons it.
    pub fn unix_us(&self) -> u64 {
        self.clock.zero_unix_ms() * 1000 + self.clock.now().as_nanos() / 1000
    }

    /// Whether a request that came over a virtual address may be executed.
    pub fn lease_holds(&self, now: Instant) -> bool {
        now.as_nanos() < self.lease_until.load(Ordering::Acquire)
    }

    /// Moves the end of the lease; [`Instant::ZERO`] ends it.
    pub fn set_lease(&self, until: Instant) {
        self.lease_until.store(until.as_nanos(), Ordering::Release);
    }

    /// What waits now.
    pub fn hold(&self) -> Hold {
        Hold::from_u8(self.hold.load(Ordering::Acquire))
    }

    /// Lets requests wait, or go on, and every connection look at once.
    pub fn set_hold(&self, hold: Hold) {
        self.hold.store(hold as u8, Ordering::Release);
        if hold == Hold::Nothing {
            self.closing.end();
        }
        self.rounds.ask();
        self.wake_all();
    }

    /// A connection has ended: the node thread may be waiting for the last one.
    pub fn connection_ended(&self) {
        if self.closing.has_begun() {
            self.wake_link();
        }
    }

    /// Changes were made: wakes the node thread, unless it is awake already.
    pub fn wake_link(&self) {
        if !self.link_woken.swap(true, Ordering::AcqRel) {
            self.link_wake.notify_one();
        }
    }

    /// The node thread is about to look for changes.
    pub fn link_is_looking(&self) {
        self.link_woken.store(false, Ordering::Release);
    }

    /// Positions of the peer have moved: wakes connections that wait for it.
    pub fn wake_waiting(&self) {
        self.doors.iter().for_each(Door::ring_waiting);
        self.datagrams_wake.notify_waiters();
    }

    /// Wakes every connection.
    pub fn wake_all(&self) {
        self.doors.iter().for_each(Door::ring_everyone);
        self.datagrams_wake.notify_waiters();
    }

    /// The node thread lives.
    pub fn node_lives(&self, now: Instant) {
        self.node_at.store(now.as_nanos(), Ordering::Release);
    }

    /// Who hangs, in words; `None` while every thread that clients depend on shows signs of life.
    pub fn hanging(&self, now: Instant) -> Option<String> {
        let node_at = Instant::from_nanos(self.node_at.load(Ordering::Acquire));
        let signs = [
            ("node thread", node_at),
            ("workers", self.slowest_worker_at()),
        ];
        let silences = signs.map(|(who, at)| (who, now.since(at)));
        let (who, silence) = silences
            .into_iter()
            .find(|(_, for_)| *for_ >= SILENCE_MAX)?;
        let silence = time(silence.as_millis() as u64);
        Some(format!("no sign of life of the {who} for {silence}"))
    }

    /// When the slowest worker last showed a sign of life.
    pub fn slowest_worker_at(&self) -> Instant {
        let times = self.workers_at.iter().map(|at| at.load(Ordering::Acquire));
        Instant::from_nanos(times.min().unwrap_or(0))
    }
}
