//! Clients over UDP (`-U`), in memcached's frames: 8 bytes of request id, sequence number, number
//! of datagrams and a reserved field, then text or binary.
//!
//! A request is one datagram, and a connection of its own for as long as it takes. Its answer is as
//! many datagrams as it needs, numbered as one answer also if the datagram holds several requests:
//! memcached numbers the answer to each from 0, so that a client takes the first for all. They are
//! sent from the address that the request came to: from the virtual address if the client asked
//! there, and then only while the lease holds. Nothing here is kept for a client, and what may wait
//! for the peer at a time is bounded; beyond that a request is dropped, as any datagram may be.

mod exchange;
mod frames;
mod port;

use std::cell::Cell;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use quinn_udp::{RecvMeta, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use self::port::Port;
use super::ServeError;
use super::shared::Shared;
use super::terms::Terms;
use crate::config::Config;

/// Largest datagram, or what the kernel hands over in one piece.
const BUFFER_BYTES: usize = 64 * 1024;

/// The sockets that the configuration asks for, on the addresses of the TCP ports.
pub(super) fn bind(config: &Config) -> Result<Vec<std::net::UdpSocket>, ServeError> {
    let Some(port) = config.udp_port else {
        return Ok(Vec::new());
    };
    let mut addresses: Vec<IpAddr> = config.listen.iter().map(SocketAddr::ip).collect();
    if addresses.is_empty() {
        addresses = vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    }
    addresses.sort();
    addresses.dedup();
    let mut sockets = Vec::new();
    for ip in addresses {
        let address = SocketAddr::new(ip, port);
        match bind_one(address) {
            Ok(socket) => sockets.push(socket),
            // As with TCP: a kernel without IPv6 serves IPv4.
            Err(error)
                if ip.is_unspecified()
                    && ip.is_ipv6()
                    && error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {}
            Err(error) => return Err(ServeError::listen(address, &error)),
        }
    }
    Ok(sockets)
}

fn bind_one(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Answers what comes to these sockets, in a thread of its own, until the process ends.
pub(super) fn start(
    sockets: Vec<std::net::UdpSocket>,
    shared: Arc<Shared>,
    terms: Terms,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let serve_all = move || {
        let local = LocalSet::new();
        for socket in sockets {
            let served = serve(socket, shared.clone(), terms);
            local.spawn_local(async move {
                if let Err(error) = served.await {
                    tracing::error!("cannot serve UDP: {error}");
                }
            });
        }
        runtime.block_on(local);
    };
    thread::Builder::new()
        .name("udp".to_owned())
        .spawn(serve_all)?;
    Ok(())
}

async fn serve(socket: std::net::UdpSocket, shared: Arc<Shared>, terms: Terms) -> io::Result<()> {
    let state = UdpSocketState::new((&socket).into())?;
    let mut buffer = vec![0; BUFFER_BYTES];
    // What came before the node was ready to answer has been given up by its sender.
    while receive(&state, &socket, &mut buffer).is_ok() {}
    let socket = UdpSocket::from_std(socket)?;
    let waiting = Cell::new(0);
    let port = Rc::new(Port {
        socket,
        state,
        shared,
        terms,
        waiting,
    });
    loop {
        let received = port.socket.async_io(Interest::READABLE, || {
            receive(&port.state, &port.socket, &mut buffer)
        });
        let meta = match received.await {
            Ok(meta) => meta,
            Err(error) => {
                // An earlier answer could not be delivered, or there is no memory now.
                tracing::debug!("udp: {error}");
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            }
        };
        for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
            port.take(datagram, meta.addr, meta.dst_ip).await;
        }
    }
}

fn receive<'a>(
    state: &UdpSocketState,
    socket: impl Into<quinn_udp::UdpSockRef<'a>>,
    buffer: &mut [u8],
) -> io::Result<RecvMeta> {
    let mut metas = [RecvMeta::default()];
    state.recv(socket.into(), &mut [IoSliceMut::new(buffer)], &mut metas)?;
    Ok(metas[0])
}
