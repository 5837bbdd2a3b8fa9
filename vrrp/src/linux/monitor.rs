//! What happens to links and addresses: a subscription to the kernel's notifications.

use super::addresses::address_of;
use super::error::Error;
use super::netlink::messages;
use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_IPV4_IFADDR: u32 = 5;
const RTNLGRP_IPV6_IFADDR: u32 = 9;
const DATAGRAM_BYTES_MAX: usize = 64 * 1024;

/// Something changed on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkEvent {
    /// A link is new or changed; comes too where nothing of this changed.
    LinkChanged {
        /// The interface.
        index: u32,
        /// Its name.
        name: String,
        /// Whether it is switched on.
        up: bool,
        /// Whether it can carry packets.
        running: bool,
    },
    /// An interface was deleted. One made again under its name has another index.
    LinkGone {
        /// The interface.
        index: u32,
        /// Its name.
        name: String,
    },
    /// An address is new, or was renewed: each renewal of a lease shows here.
    AddressAdded {
        /// The interface.
        index: u32,
        /// The address.
        address: IpAddr,
    },
    /// An address was removed, or its lifetime has passed.
    AddressGone {
        /// The interface.
        index: u32,
        /// The address.
        address: IpAddr,
    },
    /// Notifications were lost, because they came faster than they were read, or because one
    /// could not be understood. Read the state itself again.
    Overrun,
}

/// A subscription. Non-blocking: wait for its descriptor to be readable, then call
/// [`Monitor::poll_event`] until there is none. Needs no privilege.
pub struct Monitor {
    socket: Socket,
    datagram: Vec<u8>,
    events: VecDeque<NetworkEvent>,
}

impl Monitor {
    /// Subscribes. What happened before does not show.
    pub fn open() -> Result<Monitor, Error> {
        let socket = subscribe().map_err(Error::at(|| "subscribe to network changes".into()))?;
        let datagram = Vec::with_capacity(DATAGRAM_BYTES_MAX);
        Ok(Monitor {
            socket,
            datagram,
            events: VecDeque::new(),
        })
    }

    /// The next event, or `None` when there is none now.
    pub fn poll_event(&mut self) -> Result<Option<NetworkEvent>, Error> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            self.datagram.clear();
            match self.socket.recv(&mut self.datagram, 0) {
                Ok(_) => self.read_datagram(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    return Ok(Some(NetworkEvent::Overrun));
                }
                Err(error) => return Err(Error::new("read network changes", error)),
            }
        }
    }

    fn read_datagram(&mut self) {
        for message in messages(&self.datagram) {
            match message.map(|message| message.payload) {
                Ok(NetlinkPayload::InnerMessage(message)) => self.events.extend(event(message)),
                Ok(_) => {}
                Err(_) => self.events.push_back(NetworkEvent::Overrun),
            }
        }
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn subscribe() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.set_non_blocking(true)?;
    for group in [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR] {
        socket.add_membership(group)?;
    }
    Ok(socket)
}

fn event(message: RouteNetlinkMessage) -> Option<NetworkEvent> {
    match message {
        RouteNetlinkMessage::NewLink(link) => Some(NetworkEvent::LinkChanged {
            index: link.header.index,
            name: name(&link)?,
            up: link.header.flags.contains(LinkFlags::Up),
            running: link.header.flags.contains(LinkFlags::Running),
        }),
        RouteNetlinkMessage::DelLink(link) => Some(NetworkEvent::LinkGone {
            index: link.header.index,
            name: name(&link)?,
        }),
        RouteNetlinkMessage::NewAddress(message) => Some(NetworkEvent::AddressAdded {
            index: message.header.index,
            address: address_of(&message)?,
        }),
        RouteNetlinkMessage::DelAddress(message) => Some(NetworkEvent::AddressGone {
            index: message.header.index,
            address: address_of(&message)?,
        }),
        _ => None,
    }
}

fn name(link: &LinkMessage) -> Option<String> {
    link.attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name.clone()),
            _ => None,
        })
}
