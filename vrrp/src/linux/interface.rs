//! What the kernel knows of a network interface.

use super::addresses::{self, Held};
use super::error::Error;
use super::netlink::Requests;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    LinkAttribute, LinkExtentMask, LinkFlags, LinkLayerType, LinkMessage,
};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest name, IFNAMSIZ without the zero byte.
const NAME_BYTES_MAX: usize = 15;

/// A network interface, as it was when it was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The kernel's number of it. An interface that is deleted and made again gets another one.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its Ethernet address; `None` where it is of another kind.
    pub mac: Option<[u8; 6]>,
    /// Whether it was switched on.
    pub up: bool,
    /// Whether it can carry packets: switched on, and with a carrier (IFF_RUNNING).
    pub running: bool,
    /// Its addresses, in the kernel's order: primary addresses first.
    pub addresses: Vec<Held>,
}

impl Interface {
    /// Looks up the interface called `name`. Needs no privilege.
    pub fn find(name: &str) -> Result<Interface, Error> {
        read(name).map_err(Error::at(|| {
            format!("find the network interface \"{name}\"")
        }))
    }

    /// The address to advertise `virtual_addresses` from, of their family; `None` where there is none.
    pub fn primary(&self, virtual_addresses: &[IpAddr]) -> Option<IpAddr> {
        match virtual_addresses.first() {
            Some(IpAddr::V6(_)) => self.primary_ipv6(virtual_addresses).map(IpAddr::V6),
            Some(IpAddr::V4(_)) | None => self.primary_ipv4(virtual_addresses).map(IpAddr::V4),
        }
    }

    /// The address to send from: the first that is not virtual.
    ///
    /// Virtual are those in `virtual_addresses` and those left behind by an earlier run (marked).
    pub fn primary_ipv4(&self, virtual_addresses: &[IpAddr]) -> Option<Ipv4Addr> {
        self.real(virtual_addresses)
            .find_map(|address| match address {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            })
    }

    /// The link-local IPv6 address to send from: the first that is not virtual and can be bound.
    pub fn primary_ipv6(&self, virtual_addresses: &[IpAddr]) -> Option<Ipv6Addr> {
        self.real(virtual_addresses)
            .find_map(|address| match address {
                IpAddr::V6(address) if address.is_unicast_link_local() => Some(address),
                IpAddr::V6(_) | IpAddr::V4(_) => None,
            })
    }

    fn real(&self, virtual_addresses: &[IpAddr]) -> impl Iterator<Item = IpAddr> {
        self.addresses
            .iter()
            .filter(|held| !held.marked && !held.tentative)
            .map(|held| held.address)
            .filter(|address| !virtual_addresses.contains(address))
    }
}

fn read(name: &str) -> io::Result<Interface> {
    let absent = || io::Error::from_raw_os_error(libc::ENODEV);
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(absent());
    }
    let mut requests = Requests::open()?;
    let mut question = LinkMessage::default();
    question.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]),
    ];
    let answer = requests.request(RouteNetlinkMessage::GetLink(question), 0)?;
    let link = answer.into_iter().find_map(|message| match message {
        RouteNetlinkMessage::NewLink(link) => Some(link),
        _ => None,
    });
    let link = link.ok_or_else(absent)?;
    let index = link.header.index;
    Ok(Interface {
        index,
        name: name.to_owned(),
        mac: mac(&link),
        up: link.header.flags.contains(LinkFlags::Up),
        running: link.header.flags.contains(LinkFlags::Running),
        addresses: addresses::list(&mut requests, index)?,
    })
}

fn mac(link: &LinkMessage) -> Option<[u8; 6]> {
    if link.header.link_layer_type != LinkLayerType::Ether {
        return None;
    }
    link.attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::Address(octets) => octets.as_slice().try_into().ok(),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(address: &str) -> Held {
        let address = address.parse().expect("an address");
        Held {
            address,
            prefix_len: 24,
            marked: false,
            valid: None,
            tentative: false,
        }
    }

    fn interface(addresses: Vec<Held>) -> Interface {
        Interface {
            index: 2,
            name: "eth0".into(),
            mac: None,
            up: true,
            running: true,
            addresses,
        }
    }

    #[test]
    fn virtual_marked_and_tentative_addresses_are_not_primary() {
        let interface = interface(vec![
            Held {
                marked: true,
                ..held("10.0.0.100")
            },
            held("10.0.0.101"),
            held("10.0.0.1"),
            held("fd00::1"),
            Held {
                tentative: true,
                ..held("fe80::1")
            },
            held("fe80::100"),
            held("fe80::2"),
        ]);
        let virtual_addresses = [IpAddr::from([10, 0, 0, 101]), held("fe80::100").address];
        assert_eq!(
            interface.primary_ipv4(&virtual_addresses),
            Some(Ipv4Addr::new(10, 0, 0, 1))
        );
        let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
        assert_eq!(interface.primary_ipv6(&virtual_addresses), Some(link_local));
        let own = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(interface.primary(&virtual_addresses), Some(own));
        let virtual_addresses = [held("fd00::100").address];
        let own = held("fe80::100").address;
        assert_eq!(interface.primary(&virtual_addresses), Some(own));
    }

    #[test]
    fn an_interface_without_a_real_address_has_no_primary_one() {
        let interface = interface(vec![held("10.0.0.100"), held("fd00::1")]);
        assert_eq!(
            interface.primary_ipv4(&[IpAddr::from([10, 0, 0, 100])]),
            None
        );
        assert_eq!(interface.primary_ipv6(&[]), None);
    }

    #[test]
    fn a_missing_interface_is_named_with_a_remedy() {
        for name in ["no-such-if", "", "a-name-that-is-too-long-for-the-kernel"] {
            let error = Interface::find(name).expect_err("there is none");
            assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
            let text = error.to_string();
            assert!(
                text.contains(&format!("the network interface \"{name}\"")),
                "{text}"
            );
            assert!(text.contains("`ip link`"), "{text}");
        }
    }

    #[test]
    fn the_loopback_interface_is_no_ethernet() {
        let loopback = Interface::find("lo").expect("every host has one");
        assert_eq!((loopback.index, loopback.mac), (1, None));
    }
}
