//! Clients over UDP (`-U`), in memcached's frames: 8 bytes of request id, sequence number, number
//! of datagrams and a reserved field, then text or binary.
//!
//! A request is one datagram, and a connection of its own for as long as it takes. Its answer is as
//! many datagrams as it needs, numbered as one answer also if the datagram holds several requests:
//! memcached numbers the answer to each from 0, so that a client takes the first for all. They are
//! sent from the address that the request came to: from the virtual address if the client asked
//! there, and then only while the lease holds. Nothing here is kept for a client, and what may wait
//! for the peer at a time is bounded; beyond that a request is dropped, as any datagram may be.

use std::cell::Cell;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use vrrp::time::Instant;

use super::ServeError;
use super::process;
use super::sections;
use super::shared::Shared;
use super::terms::Terms;
use crate::config::Config;
use crate::connection::{Connection, Context, Facts};

/// Length of the frame header.
const HEADER_LENGTH: usize = 8;
/// Payload of one datagram of an answer, as memcached cuts it.
const PAYLOAD_LENGTH_MAX: usize = 1400 - HEADER_LENGTH;
/// Longest answer.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Requests of one socket that wait for the peer at a time.
const WAITING_MAX: usize = 1024;
/// How long one may wait.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Largest datagram, or what the kernel hands over in one piece.
const BUFFER_BYTES: usize = 64 * 1024;

const MULTI_PACKET: &[u8] = b"SERVER_ERROR multi-packet request not supported\r\n";
const TOO_LARGE: &[u8] = b"SERVER_ERROR response too large for UDP\r\n";

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

/// One socket and what its requests are served with.
struct Port {
    socket: UdpSocket,
    state: UdpSocketState,
    shared: Arc<Shared>,
    terms: Terms,
    /// Requests that wait for the peer.
    waiting: Cell<usize>,
}

/// One request and where its answer goes.
struct Exchange {
    connection: Connection,
    answer: Vec<u8>,
    request_id: [u8; 2],
    client: SocketAddr,
    /// The address the client asked.
    asked: Option<IpAddr>,
    via_virtual: bool,
}

impl Port {
    async fn take(self: &Rc<Port>, datagram: &[u8], client: SocketAddr, asked: Option<IpAddr>) {
        let Some((header, payload)) = datagram.split_at_checked(HEADER_LENGTH) else {
            return;
        };
        let facts = &self.shared.facts;
        Facts::add(&facts.bytes_read, datagram.len() as u64);
        let virtual_addresses = &self.shared.virtual_addresses;
        let mut exchange = Exchange {
            connection: Connection::speaking(self.terms.limits, self.terms.dialect),
            answer: Vec::new(),
            request_id: [header[0], header[1]],
            client,
            asked,
            via_virtual: asked.is_some_and(|ip| virtual_addresses.contains(&ip.to_canonical())),
        };
        if header[4..6] != [0, 1] {
            exchange.answer = MULTI_PACKET.to_vec();
            return self.send(&exchange).await;
        }
        let served = self.act(&mut exchange, |connection, now, context, out| {
            connection.handle_bytes(now, payload, context, out);
        });
        if !served || !self.go_on(&mut exchange) {
            return;
        }
        if !exchange.waits() {
            return self.send(&exchange).await;
        }
        if self.waiting.get() < WAITING_MAX {
            self.waiting.set(self.waiting.get() + 1);
            tokio::task::spawn_local(self.clone().finish(exchange));
        }
    }

    /// Answers once the peer has what was changed.
    async fn finish(self: Rc<Port>, mut exchange: Exchange) {
        let served = tokio::time::timeout(WAIT_MAX, self.wait(&mut exchange)).await;
        self.waiting.set(self.waiting.get() - 1);
        if matches!(served, Ok(true)) {
            self.send(&exchange).await;
        }
    }

    async fn wait(&self, exchange: &mut Exchange) -> bool {
        while exchange.waits() {
            let woken = self.shared.datagrams_wake.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            // Positions may have moved before the notification was enabled.
            if !self.resume(exchange) || !self.go_on(exchange) {
                return false;
            }
            if exchange.waits() {
                woken.await;
            }
        }
        true
    }

    /// Takes the rest of a long answer. False if nothing may be answered any more.
    fn go_on(&self, exchange: &mut Exchange) -> bool {
        while exchange.can_go_on() && exchange.answer.len() <= ANSWER_BYTES_MAX {
            let length = exchange.answer.len();
            if !self.resume(exchange) {
                return false;
            }
            if exchange.answer.len() == length && !exchange.connection.has_work() {
                break;
            }
        }
        if exchange.answer.len() > ANSWER_BYTES_MAX {
            exchange.answer = TOO_LARGE.to_vec();
            exchange.connection = Connection::new(self.terms.limits);
        }
        true
    }

    fn resume(&self, exchange: &mut Exchange) -> bool {
        self.act(exchange, |connection, now, context, out| {
            connection.resume(now, context, out);
        })
    }

    /// False if the request may not be executed here any more.
    fn act(
        &self,
        exchange: &mut Exchange,
        act: impl FnOnce(&mut Connection, Instant, &Context<'_>, &mut Vec<u8>),
    ) -> bool {
        let shared = &self.shared;
        let now = shared.clock.now();
        let has_address = !exchange.via_virtual || shared.lease_holds(now);
        if !has_address || shared.closing.applies(exchange.via_virtual) {
            return false;
        }
        let section = |name: &str| sections::section(shared, name);
        let context = Context {
            store: &shared.store,
            facts: &shared.facts,
            process: process::figures,
            section: &section,
            leaving: shared.leaving.load(Ordering::Acquire),
            // The configuration has no passwords where it has a UDP port.
            passwords: None,
        };
        let mut out = Vec::new();
        act(&mut exchange.connection, now, &context, &mut out);
        exchange.answer.append(&mut out);
        if shared.store.has_dirty() {
            shared.wake_link();
        }
        true
    }

    async fn send(&self, exchange: &Exchange) {
        for datagram in exchange.datagrams() {
            let transmit = Transmit {
                destination: exchange.client,
                ecn: None,
                contents: &datagram,
                segment_size: None,
                src_ip: exchange.asked,
            };
            let sent = self.socket.async_io(Interest::WRITABLE, || {
                self.state.try_send((&self.socket).into(), &transmit)
            });
            if let Err(error) = sent.await {
                tracing::debug!("udp: {}: {error}", exchange.client);
                return;
            }
            let facts = &self.shared.facts;
            Facts::add(&facts.bytes_written, datagram.len() as u64);
        }
    }
}

impl Exchange {
    /// The answer is not whole yet: the peer does not have it, or a handover is under way.
    fn waits(&self) -> bool {
        self.connection.is_holding() || self.connection.is_blocked()
    }

    /// Nothing but its own output kept it from going on.
    fn can_go_on(&self) -> bool {
        let connection = &self.connection;
        connection.has_work() || connection.is_blocked() && !connection.is_holding()
    }

    fn datagrams(&self) -> impl Iterator<Item = Vec<u8>> {
        frames(self.request_id, &self.answer)
    }
}

/// The answer in memcached's frames; none for an empty one.
fn frames(request_id: [u8; 2], answer: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let count = answer.len().div_ceil(PAYLOAD_LENGTH_MAX) as u16;
    let pieces = answer.chunks(PAYLOAD_LENGTH_MAX).enumerate();
    pieces.map(move |(number, piece)| {
        let mut datagram = Vec::with_capacity(HEADER_LENGTH + piece.len());
        datagram.extend_from_slice(&request_id);
        datagram.extend_from_slice(&(number as u16).to_be_bytes());
        datagram.extend_from_slice(&count.to_be_bytes());
        datagram.extend_from_slice(&[0, 0]);
        datagram.extend_from_slice(piece);
        datagram
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_answer_is_one_datagram() {
        let datagrams: Vec<_> = frames([0x12, 0x34], b"END\r\n").collect();
        assert_eq!(datagrams, [b"\x12\x34\0\0\0\x01\0\0END\r\n".to_vec()]);
    }

    #[test]
    fn a_long_answer_is_cut_and_numbered() {
        let datagrams: Vec<_> = frames([0, 7], &[b'x'; 3000]).collect();
        let lengths: Vec<_> = datagrams.iter().map(Vec::len).collect();
        assert_eq!(lengths, [1400, 1400, 224]);
        assert_eq!(datagrams[2][..9], *b"\0\x07\0\x02\0\x03\0\0x");
    }

    #[test]
    fn silence_is_no_datagram() {
        assert_eq!(frames([0, 7], b"").count(), 0);
    }
}
