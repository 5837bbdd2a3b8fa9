//! Listening for clients.
//!
//! Sockets are bound at start, so that a port in use is an error at once, but listen only when the
//! node may answer: until then a client is refused and tries again, instead of being told by a
//! half-filled node that its session does not exist.

mod acceptor;
mod bind;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use socket2::Socket;
use tracing::info;

pub(super) use self::acceptor::Acceptor;
use self::bind::{bind_tcp, bind_unix};
use super::ServeError;
use super::udp;
use crate::config::Config;
use crate::connection::Endpoint;

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
            let path = path.unwrap_or_default();
            info!("listening for clients on {path}");
            let place = Endpoint::Unix(path.into());
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
