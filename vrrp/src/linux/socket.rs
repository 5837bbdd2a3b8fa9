//! Advertisements out and in: raw sockets of protocol 112.
//!
//! Two descriptors, since a socket that is bound to the source address does not hear the group:
//! one sends from exactly the given address, the other hears exactly the group or that address.

use super::error::Error;
use super::hop_limit;
use super::interface::Interface;
use crate::packet::{Datagram, Delivery, GROUP_IPV4, GROUP_IPV6, HOP_LIMIT, PROTOCOL};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, SockFilter, Socket, Type};
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, BorrowedFd};

/// Internetwork control, the class that keepalived uses too: queues send it first.
const TRAFFIC_CLASS: u32 = 0xc0;
/// Some hundred advertisements: what arrives while a process is stopped for a minute or two.
const RECEIVE_BUFFER_BYTES: usize = 256 * 1024;
/// The BPF instruction "return a constant", the number of bytes to keep.
const BPF_RETURN: u16 = 0x06;
/// The offset of the checksum in a VRRP message.
const CHECKSUM_OFFSET: libc::c_int = 6;

/// Sends and receives advertisements on one interface. Non-blocking.
///
/// When the interface is deleted or loses the source address, sending fails; open a new one then.
#[derive(Debug)]
pub struct VrrpSocket {
    sender: Socket,
    receiver: Socket,
    to: SockAddr,
    /// What the receiver is bound to: the destination of everything it hears.
    hears: IpAddr,
}

impl VrrpSocket {
    /// Opens both sockets on `interface`, to send from `source`. Needs CAP_NET_RAW.
    pub fn open(
        interface: &Interface,
        source: IpAddr,
        delivery: Delivery,
    ) -> Result<VrrpSocket, Error> {
        let hears = match delivery {
            Delivery::Multicast => delivery.destination(source),
            Delivery::Unicast { .. } => source,
        };
        let on = || format!("{source} on interface \"{}\"", interface.name);
        Ok(VrrpSocket {
            sender: open_sender(interface, source).map_err(Error::at(|| {
                format!("open a raw VRRP socket to send from {}", on())
            }))?,
            receiver: open_receiver(interface, hears).map_err(Error::at(|| {
                format!("open a raw VRRP socket to hear as {}", on())
            }))?,
            to: socket_address(delivery.destination(source), interface.index),
            hears,
        })
    }

    /// Sends one encoded advertisement.
    ///
    /// The version 3 checksum over IPv6 is computed again by the kernel, to the same value.
    pub fn send(&self, message: &[u8]) -> Result<(), Error> {
        let attempted = || "send an advertisement".into();
        self.sender
            .send_to(message, &self.to)
            .map(drop)
            .map_err(Error::at(attempted))
    }

    /// The next datagram, or `None` when there is none now.
    ///
    /// `buffer` should hold [`crate::packet::DATAGRAM_BYTES_MAX`] bytes; what does not fit is cut
    /// off, and a [`crate::packet::Receiver`] then rejects it.
    pub fn receive<'a>(&self, buffer: &'a mut [u8]) -> Result<Option<Datagram<'a>>, Error> {
        let received = match self.hears {
            IpAddr::V4(_) => receive_ipv4(&self.receiver, buffer),
            IpAddr::V6(destination) => receive_ipv6(&self.receiver, destination, buffer),
        };
        match received {
            Ok(datagram) => Ok(Some(datagram)),
            Err(error) if is_nothing_now(&error) => Ok(None),
            Err(error) => Err(Error::new("receive advertisements", error)),
        }
    }
}

/// Readable when an advertisement has arrived.
impl AsFd for VrrpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }
}

fn receive_ipv4<'a>(mut socket: &Socket, buffer: &'a mut [u8]) -> io::Result<Datagram<'a>> {
    let length = socket.read(buffer)?;
    Ok(Datagram::Ipv4(&buffer[..length]))
}

fn receive_ipv6<'a>(
    socket: &Socket,
    destination: Ipv6Addr,
    buffer: &'a mut [u8],
) -> io::Result<Datagram<'a>> {
    let received = hop_limit::receive(socket.as_fd(), buffer)?;
    Ok(Datagram::Ipv6 {
        source: received.source,
        destination,
        hop_limit: received.hop_limit,
        message: &buffer[..received.length],
    })
}

/// An interrupted call counts as nothing: the descriptor stays readable.
fn is_nothing_now(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn open_raw(interface: &Interface, address: IpAddr) -> io::Result<Socket> {
    let protocol = Some(Protocol::from(i32::from(PROTOCOL)));
    let socket = Socket::new(
        Domain::for_address(SocketAddr::new(address, 0)),
        Type::RAW,
        protocol,
    )?;
    socket.set_nonblocking(true)?;
    socket.bind_device(Some(interface.name.as_bytes()))?;
    if address.is_ipv6() {
        hop_limit::set_checksum_offset(socket.as_fd(), CHECKSUM_OFFSET)?;
    }
    Ok(socket)
}

fn open_sender(interface: &Interface, source: IpAddr) -> io::Result<Socket> {
    let socket = open_raw(interface, source)?;
    // Being bound it would hear unicast advertisements too, and nobody reads them here.
    socket.attach_filter(&[SockFilter::new(BPF_RETURN, 0, 0, 0)])?;
    let hops = u32::from(HOP_LIMIT);
    match source {
        IpAddr::V4(source) => {
            socket.set_tos_v4(TRAFFIC_CLASS)?;
            socket.set_ttl_v4(hops)?;
            socket.set_multicast_ttl_v4(hops)?;
            socket.set_multicast_loop_v4(false)?;
            set_multicast_interface(&socket, source, interface.index)?;
        }
        IpAddr::V6(_) => {
            socket.set_tclass_v6(TRAFFIC_CLASS)?;
            socket.set_unicast_hops_v6(hops)?;
            socket.set_multicast_hops_v6(hops)?;
            socket.set_multicast_loop_v6(false)?;
            socket.set_multicast_if_v6(interface.index)?;
        }
    }
    socket.bind(&socket_address(source, interface.index))?;
    Ok(socket)
}

/// By index, since two interfaces may have one address.
fn set_multicast_interface(socket: &Socket, source: Ipv4Addr, index: u32) -> io::Result<()> {
    let any_group = Ipv4Addr::UNSPECIFIED;
    rustix::net::sockopt::set_ip_multicast_if_with_ifindex(socket, &any_group, &source, index)
        .map_err(io::Error::from)
}

fn open_receiver(interface: &Interface, hears: IpAddr) -> io::Result<Socket> {
    let socket = open_raw(interface, hears)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    // MULTICAST_ALL would deliver groups that other programs have joined.
    match hears {
        IpAddr::V4(_) => socket.set_multicast_all_v4(false)?,
        IpAddr::V6(_) => {
            socket.set_multicast_all_v6(false)?;
            socket.set_recv_hoplimit_v6(true)?;
        }
    }
    if hears == IpAddr::V4(GROUP_IPV4) {
        let on = InterfaceIndexOrAddress::Index(interface.index);
        socket.join_multicast_v4_n(&GROUP_IPV4, &on)?;
    } else if hears == IpAddr::V6(GROUP_IPV6) {
        socket.join_multicast_v6(&GROUP_IPV6, interface.index)?;
    }
    socket.bind(&socket_address(hears, interface.index))?;
    Ok(socket)
}

/// A raw socket has no port. The scope makes a link-local address or group unique.
fn socket_address(address: IpAddr, index: u32) -> SockAddr {
    match address {
        IpAddr::V6(address) if address.is_unicast_link_local() || address.is_multicast() => {
            SockAddr::from(SocketAddrV6::new(address, 0, 0, index))
        }
        IpAddr::V6(_) | IpAddr::V4(_) => SockAddr::from(SocketAddr::new(address, 0)),
    }
}
