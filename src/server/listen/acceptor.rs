//! Taking connections, within their limit, and handing them to the workers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::sync::watch;
use tracing::warn;

use crate::config::Config;
use crate::connection::{Client, Endpoint, Facts};
use crate::seldom::Seldom;
use crate::server::door::Accepted;
use crate::server::shared::Shared;
use crate::server::terms::Terms;
use crate::server::virtual_connections::Registration;
use crate::server::workers::Workers;

/// What memcached answers at the connection limit.
const TOO_MANY: &[u8] = b"ERROR Too many open connections\r\n";
/// How long to wait before accepting again after the system refused.
const PAUSE: Duration = Duration::from_millis(10);
/// How often it is looked for what is not told yet.
const REST_INTERVAL: Duration = Duration::from_secs(1);

/// Accepts connections and hands them on, within the connection limit.
pub(in crate::server) struct Acceptor {
    pub(super) shared: Arc<Shared>,
    workers: Mutex<Workers>,
    pub(super) terms: Terms,
    connections_max: u64,
    fast: bool,
    /// Of the connection limit and of failures to accept.
    full: Seldom,
    failing: Seldom,
    exhausted: AtomicBool,
    /// Set once the ports are open.
    pub opened: watch::Sender<bool>,
}

impl Acceptor {
    pub fn new(
        shared: Arc<Shared>,
        workers: Workers,
        terms: Terms,
        config: &Config,
    ) -> Arc<Acceptor> {
        Arc::new(Acceptor {
            shared,
            workers: Mutex::new(workers),
            terms,
            connections_max: config.connections_max as u64,
            fast: config.connections_max_fast,
            full: Seldom::default(),
            failing: Seldom::default(),
            exhausted: AtomicBool::new(false),
            opened: watch::channel(false).0,
        })
    }

    pub(super) async fn accept_tcp(
        self: Arc<Acceptor>,
        listener: tokio::net::TcpListener,
        place: Endpoint,
    ) {
        let _listed = self.list(&listener, place.clone(), None);
        loop {
            self.wait_for_room().await;
            match self.next(listener.accept()).await {
                Ok((stream, from)) => {
                    if let Err(error) = self.take_tcp(stream, from, &place) {
                        self.tell_failure("a client connection could not be taken", &error);
                    }
                }
                Err(error) => self.pause(&error).await,
            }
        }
    }

    pub(super) async fn accept_unix(
        self: Arc<Acceptor>,
        listener: tokio::net::UnixListener,
        place: Endpoint,
    ) {
        let _listed = self.list(&listener, place.clone(), None);
        loop {
            self.wait_for_room().await;
            match self.next(listener.accept()).await {
                Ok((stream, _)) => {
                    if let Ok(stream) = stream.into_std() {
                        if self.is_full() {
                            self.turn_away(&stream);
                            continue;
                        }
                        self.count();
                        let who = self.list(&stream, place.clone(), Some(place.clone()));
                        self.workers.lock().assign(Accepted::Unix(stream, who));
                    }
                }
                Err(error) => self.pause(&error).await,
            }
        }
    }

    fn take_tcp(
        &self,
        stream: tokio::net::TcpStream,
        from: SocketAddr,
        place: &Endpoint,
    ) -> io::Result<()> {
        let stream = stream.into_std()?;
        if self.is_full() {
            self.turn_away(&stream);
            return Ok(());
        }
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_keepalive(true)?;
        let local = stream.local_addr()?.ip();
        let registration = if self.shared.virtual_addresses.contains(&unmapped(local)) {
            // Listed first: whoever ends the lease between the two lines resets what is listed.
            let registration = Registration::new(self.shared.clone(), &stream);
            let now = self.shared.clock.now();
            if !self.shared.lease_holds(now) || self.shared.closing.applies(true) {
                SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
                drop(registration);
                self.shared.connection_ended();
                return Ok(());
            }
            Some(registration)
        } else {
            None
        };
        self.count();
        let who = self.list(&stream, Endpoint::Tcp(from), Some(place.clone()));
        self.workers
            .lock()
            .assign(Accepted::Tcp(stream, who, registration));
        Ok(())
    }

    /// Shows a connection, or a listening socket, in `stats conns`.
    fn list(
        &self,
        socket: &impl AsRawFd,
        address: Endpoint,
        listener: Option<Endpoint>,
    ) -> Arc<Client> {
        let now = self.shared.clock.now();
        let id = socket.as_raw_fd().unsigned_abs();
        self.shared.facts.clients.add(now, id, address, listener)
    }

    fn count(&self) {
        Facts::add(&self.shared.facts.curr_connections, 1);
        Facts::add(&self.shared.facts.total_connections, 1);
    }

    fn is_full(&self) -> bool {
        Facts::of(&self.shared.facts.curr_connections) >= self.connections_max
    }

    fn turn_away(&self, mut stream: impl io::Write) {
        Facts::add(&self.shared.facts.rejected_connections, 1);
        let _unheard = stream.write(TOO_MANY);
        self.tell_full("are turned away");
    }

    fn tell_full(&self, what: &str) {
        if let Some(count) = self.full.happened(self.shared.clock.now()) {
            warn!(
                "all {} connections are in use: clients {what}, {count} since this was last said; \
                 -c allows more",
                self.connections_max
            );
        }
    }

    /// Tells how many met the limit, also if no other client comes. Runs until the process ends.
    pub async fn tell_rest(self: Arc<Acceptor>) {
        let mut looked = tokio::time::interval(REST_INTERVAL);
        loop {
            looked.tick().await;
            if let Some(count) = self.full.rest(self.shared.clock.now()) {
                warn!(
                    "all {} connections were in use: {count} more clients were turned away or had \
                     to wait; -c allows more",
                    self.connections_max
                );
            }
        }
    }

    fn tell_failure(&self, what: &str, error: &io::Error) {
        if let Some(count) = self.failing.happened(self.shared.clock.now()) {
            warn!("{what} ({count} times since this was last said): {error}");
        }
    }

    /// Without `maxconns_fast` connections beyond the limit wait in the kernel's queue.
    async fn wait_for_room(&self) {
        if self.fast || !self.is_full() {
            return;
        }
        let facts = &self.shared.facts;
        let since = self.shared.clock.now();
        Facts::add(&facts.listen_disabled_num, 1);
        self.tell_full("have to wait");
        facts.is_not_accepting.store(true, Ordering::Relaxed);
        while self.is_full() {
            tokio::time::sleep(PAUSE).await;
        }
        facts.is_not_accepting.store(false, Ordering::Relaxed);
        let waited = self.shared.clock.now().since(since);
        Facts::add(&facts.time_in_listen_disabled_us, waited.as_micros() as u64);
    }

    async fn pause(&self, error: &io::Error) {
        if !matches!(error.kind(), io::ErrorKind::ConnectionAborted) {
            self.tell_failure("cannot accept a connection", error);
            let facts = &self.shared.facts;
            // As in memcached: counted when it begins, not at each attempt.
            if !self.exhausted.swap(true, Ordering::Relaxed) {
                Facts::add(&facts.listen_disabled_num, 1);
                facts.is_not_accepting.store(true, Ordering::Relaxed);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The next connection. A pause has ended when one is accepted, or when none waits.
    async fn next<T>(&self, accept: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let mut accept = pin!(accept);
        if self.exhausted.load(Ordering::Relaxed) {
            let soon = tokio::time::timeout(PAUSE, accept.as_mut()).await;
            if !matches!(soon, Ok(Err(_))) {
                self.exhausted.store(false, Ordering::Relaxed);
                let facts = &self.shared.facts;
                facts.is_not_accepting.store(false, Ordering::Relaxed);
            }
            if let Ok(accepted) = soon {
                return accepted;
            }
        }
        accept.await
    }
}

fn unmapped(address: IpAddr) -> IpAddr {
    address.to_canonical()
}
