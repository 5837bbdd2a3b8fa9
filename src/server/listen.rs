//! Listening for clients.
//!
//! Sockets are bound at start, so that a port in use is an error at once, but listen only when the
//! node may answer: until then a client is refused and tries again, instead of being told by a
//! half-filled node that its session does not exist.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::sync::watch;
use tracing::{info, warn};

use super::ServeError;
use super::door::Accepted;
use super::shared::Shared;
use super::terms::Terms;
use super::udp;
use super::virtual_connections::Registration;
use super::workers::Workers;
use crate::config::Config;
use crate::connection::{Client, Endpoint, Facts};

/// What memcached answers at the connection limit.
const TOO_MANY: &[u8] = b"ERROR Too many open connections\r\n";
/// How long to wait before accepting again after the system refused.
const PAUSE: Duration = Duration::from_millis(10);

/// The TCP ports in the hands of who decides when to listen: that has to be before a virtual address
/// is added, and the thread that accepts may be slow to hear of it.
pub(super) struct Listeners {
    sockets: Vec<Socket>,
    backlog: i32,
}

impl Listeners {
    /// From now on connections wait to be accepted. What fails here fails in [`Ports::open`] too,
    /// which tells it.
    pub fn listen(&self) {
        for socket in &self.sockets {
            let _told_later = socket.listen(self.backlog);
        }
    }
}

/// Bound sockets that do not listen yet.
pub(super) struct Ports {
    tcp: Vec<(Socket, SocketAddr)>,
    unix: Option<std::os::unix::net::UnixListener>,
    udp: Vec<std::net::UdpSocket>,
    backlog: i32,
}

impl Ports {
    /// Binds what the configuration names.
    pub fn bind(config: &Config) -> Result<Ports, ServeError> {
        let mut tcp = Vec::new();
        for address in &config.listen {
            match bind_tcp(*address) {
                Ok(socket) => tcp.push((socket, *address)),
                // A kernel without IPv6 must not keep the IPv4 port from opening.
                Err(error)
                    if address.ip().is_unspecified()
                        && address.is_ipv6()
                        && error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {}
                Err(error) => return Err(ServeError::listen(*address, &error)),
            }
        }
        let unix = match &config.unix_socket {
            Some(socket) => Some(bind_unix(&socket.path, socket.mode).map_err(|error| {
                ServeError::Runtime(format!(
                    "cannot listen on {}: {error}",
                    socket.path.display()
                ))
            })?),
            None => None,
        };
        Ok(Ports {
            tcp,
            unix,
            udp: udp::bind(config)?,
            backlog: i32::try_from(config.backlog).unwrap_or(i32::MAX),
        })
    }

    /// The same sockets once more.
    pub fn listeners(&self) -> io::Result<Listeners> {
        let sockets = self.tcp.iter().map(|(socket, _)| socket.try_clone());
        Ok(Listeners {
            sockets: sockets.collect::<io::Result<_>>()?,
            backlog: self.backlog,
        })
    }

    /// The first TCP port, 0 without one.
    pub fn first_port(&self) -> u16 {
        let address = self
            .tcp
            .first()
            .and_then(|(socket, _)| socket.local_addr().ok());
        address
            .and_then(|address| address.as_socket())
            .map_or(0, |address| address.port())
    }

    /// Listens from now on, and hands connections to the workers.
    pub fn open(self, acceptor: &Arc<Acceptor>) -> io::Result<()> {
        for (socket, address) in self.tcp {
            socket.listen(self.backlog)?;
            acceptor.shared.accept_queues.watch(&socket)?;
            let listener = tokio::net::TcpListener::from_std(socket.into())?;
            info!(
                "listening for clients on {}",
                listener.local_addr().unwrap_or(address)
            );
            let place = Endpoint::Tcp(listener.local_addr().unwrap_or(address));
            tokio::spawn(acceptor.clone().accept_tcp(listener, place));
        }
        if let Some(listener) = self.unix {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::UnixListener::from_std(listener)?;
            let path = listener
                .local_addr()?
                .as_pathname()
                .map(|path| path.display().to_string());
            let place = Endpoint::Unix(path.unwrap_or_default().into());
            tokio::spawn(acceptor.clone().accept_unix(listener, place));
        }
        for socket in &self.udp {
            info!("listening for clients on {} (UDP)", socket.local_addr()?);
        }
        // Everything else is open by now: what comes is clients.
        let reserved = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        acceptor
            .shared
            .facts
            .reserved_fds
            .store(reserved as u64, Ordering::Relaxed);
        if !self.udp.is_empty() {
            udp::start(self.udp, acceptor.shared.clone(), acceptor.terms)?;
        }
        Ok(())
    }
}

/// Whether a process serves clients on one of the configured ports.
pub(super) fn is_served(config: &Config) -> bool {
    config.listen.iter().any(|address| {
        bind_tcp(*address).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
    })
}

fn bind_tcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn bind_unix(path: &std::path::Path, mode: u32) -> io::Result<std::os::unix::net::UnixListener> {
    use std::os::unix::fs::FileTypeExt;
    // As memcached: a socket left by an earlier run is replaced, any other file is not.
    if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    // Nobody may slip in before the mode is set.
    let umask = rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o777));
    let listener = std::os::unix::net::UnixListener::bind(path);
    rustix::process::umask(umask);
    let listener = listener?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

/// Accepts connections and hands them on, within the connection limit.
pub(super) struct Acceptor {
    shared: Arc<Shared>,
    workers: Mutex<Workers>,
    terms: Terms,
    connections_max: u64,
    fast: bool,
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
            opened: watch::channel(false).0,
        })
    }

    async fn accept_tcp(self: Arc<Acceptor>, listener: tokio::net::TcpListener, place: Endpoint) {
        let _listed = self.list(&listener, place.clone(), None);
        loop {
            self.wait_for_room().await;
            match listener.accept().await {
                Ok((stream, from)) => {
                    if let Err(error) = self.take_tcp(stream, from, &place) {
                        warn!("a client connection could not be taken: {error}");
                    }
                }
                Err(error) => self.pause(&error).await,
            }
        }
    }

    async fn accept_unix(self: Arc<Acceptor>, listener: tokio::net::UnixListener, place: Endpoint) {
        let _listed = self.list(&listener, place.clone(), None);
        loop {
            self.wait_for_room().await;
            match listener.accept().await {
                Ok((stream, _)) => {
                    if let Ok(stream) = stream.into_std() {
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
            Facts::add(&self.shared.facts.rejected_connections, 1);
            use std::io::Write;
            let _unheard = (&stream).write(TOO_MANY);
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

    /// Without `maxconns_fast` connections beyond the limit wait in the kernel's queue.
    async fn wait_for_room(&self) {
        if self.fast || !self.is_full() {
            return;
        }
        let facts = &self.shared.facts;
        let since = self.shared.clock.now();
        Facts::add(&facts.listen_disabled_num, 1);
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
            warn!("cannot accept a connection: {error}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn unmapped(address: IpAddr) -> IpAddr {
    address.to_canonical()
}
