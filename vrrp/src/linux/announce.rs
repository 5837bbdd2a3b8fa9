//! Telling the neighbours where an address now is: gratuitous ARP (RFC 5227 §1.2 calls it an
//! announcement) and unsolicited neighbour advertisements (RFC 4861 §7.2.6).
//!
//! The frames leave over an AF_PACKET socket of protocol 0, which never receives anything. They
//! carry the interface's own Ethernet address, as keepalived does without `use_vmac`.

use super::error::Error;
use super::interface::Interface;
use pnet_packet::arp::{ArpHardwareTypes, ArpOperations, MutableArpPacket};
use pnet_packet::ethernet::{EtherType, EtherTypes, MutableEthernetPacket};
use pnet_packet::icmpv6::ndp::{
    MutableNdpOptionPacket, MutableNeighborAdvertPacket, NdpOptionTypes, NeighborAdvertFlags,
};
use pnet_packet::icmpv6::{self, Icmpv6Packet, Icmpv6Types};
use pnet_packet::ip::IpNextHeaderProtocols;
use pnet_packet::ipv6::MutableIpv6Packet;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ETHERNET_BYTES: usize = 14;
const ARP_BYTES: usize = 28;
const IPV6_BYTES: usize = 40;
const NEIGHBOUR_ADVERTISEMENT_BYTES: usize = 24;
const LINK_LAYER_OPTION_BYTES: usize = 8;
const ICMPV6_BYTES: usize = NEIGHBOUR_ADVERTISEMENT_BYTES + LINK_LAYER_OPTION_BYTES;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// The Ethernet group of [`ALL_NODES`]. RFC 2464 §7.
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const BROADCAST_MAC: [u8; 6] = [0xff; 6];

/// Sends announcements on one interface.
#[derive(Debug)]
pub struct Announcer {
    socket: Socket,
    interface: String,
    index: u32,
    mac: [u8; 6],
}

impl Announcer {
    /// Opens a packet socket for `interface`, which must be Ethernet. Needs CAP_NET_RAW.
    pub fn open(interface: &Interface) -> Result<Announcer, Error> {
        let name = interface.name.clone();
        let attempted = || format!("open a packet socket on interface \"{name}\"");
        let not_ethernet = || io::Error::other("it is not an Ethernet interface");
        let mac = interface
            .mac
            .ok_or_else(|| Error::new(attempted(), not_ethernet()))?;
        let socket = Socket::new(Domain::PACKET, Type::RAW, None).map_err(Error::at(attempted))?;
        socket.set_nonblocking(true).map_err(Error::at(attempted))?;
        Ok(Announcer {
            socket,
            index: interface.index,
            mac,
            interface: name,
        })
    }

    /// Tells every neighbour that `address` is here, once.
    pub fn announce(&self, address: IpAddr) -> Result<(), Error> {
        let sent = match address {
            IpAddr::V4(address) => self.send(&gratuitous_arp(self.mac, address), EtherTypes::Arp),
            IpAddr::V6(address) => self.send(
                &neighbour_advertisement(self.mac, address),
                EtherTypes::Ipv6,
            ),
        };
        let attempted = || format!("announce {address} on interface \"{}\"", self.interface);
        sent.map_err(Error::at(attempted))
    }

    fn send(&self, frame: &[u8], ether_type: EtherType) -> io::Result<()> {
        let to = link_layer_address(self.index, ether_type)?;
        self.socket.send_to(frame, &to).map(drop)
    }
}

/// The frame of a gratuitous ARP: a broadcast request of `address` for itself.
///
/// The target hardware address is the broadcast address, as keepalived sends it.
pub fn gratuitous_arp(mac: [u8; 6], address: Ipv4Addr) -> [u8; ETHERNET_BYTES + ARP_BYTES] {
    let mut frame = [0; ETHERNET_BYTES + ARP_BYTES];
    emit_ethernet(&mut frame, BROADCAST_MAC, mac, EtherTypes::Arp);
    let arp = &mut frame[ETHERNET_BYTES..];
    let mut arp = MutableArpPacket::new(arp).expect("the frame has room for it");
    arp.set_hardware_type(ArpHardwareTypes::Ethernet);
    arp.set_protocol_type(EtherTypes::Ipv4);
    arp.set_hw_addr_len(6);
    arp.set_proto_addr_len(4);
    arp.set_operation(ArpOperations::Request);
    arp.set_sender_hw_addr(mac.into());
    arp.set_sender_proto_addr(address);
    arp.set_target_hw_addr(BROADCAST_MAC.into());
    arp.set_target_proto_addr(address);
    frame
}

/// The frame of an unsolicited neighbour advertisement to all nodes, with the override flag.
///
/// The router flag is not set: this host forwards nothing.
pub fn neighbour_advertisement(
    mac: [u8; 6],
    address: Ipv6Addr,
) -> [u8; ETHERNET_BYTES + IPV6_BYTES + ICMPV6_BYTES] {
    let mut frame = [0; ETHERNET_BYTES + IPV6_BYTES + ICMPV6_BYTES];
    emit_ethernet(&mut frame, ALL_NODES_MAC, mac, EtherTypes::Ipv6);
    let (ipv6, icmpv6) = frame[ETHERNET_BYTES..].split_at_mut(IPV6_BYTES);
    emit_ipv6(ipv6, address);
    emit_neighbour_advertisement(icmpv6, mac, address);
    frame
}

fn emit_ethernet(frame: &mut [u8], to: [u8; 6], from: [u8; 6], ether_type: EtherType) {
    let mut ethernet = MutableEthernetPacket::new(frame).expect("the frame has room for it");
    ethernet.set_destination(to.into());
    ethernet.set_source(from.into());
    ethernet.set_ethertype(ether_type);
}

fn emit_ipv6(header: &mut [u8], source: Ipv6Addr) {
    let mut ipv6 = MutableIpv6Packet::new(header).expect("the frame has room for it");
    ipv6.set_version(6);
    ipv6.set_payload_length(ICMPV6_BYTES as u16);
    ipv6.set_next_header(IpNextHeaderProtocols::Icmpv6);
    ipv6.set_hop_limit(255);
    ipv6.set_source(source);
    ipv6.set_destination(ALL_NODES);
}

fn emit_neighbour_advertisement(message: &mut [u8], mac: [u8; 6], address: Ipv6Addr) {
    let option = &mut message[NEIGHBOUR_ADVERTISEMENT_BYTES..];
    let mut option = MutableNdpOptionPacket::new(option).expect("the frame has room for it");
    option.set_option_type(NdpOptionTypes::TargetLLAddr);
    option.set_length((LINK_LAYER_OPTION_BYTES / 8) as u8);
    option.set_data(&mac);
    let mut advert = MutableNeighborAdvertPacket::new(message).expect("the frame has room for it");
    advert.set_icmpv6_type(Icmpv6Types::NeighborAdvert);
    advert.set_flags(NeighborAdvertFlags::Override);
    advert.set_target_addr(address);
    let icmpv6 = Icmpv6Packet::new(message).expect("the frame has room for it");
    let checksum = icmpv6::checksum(&icmpv6, &address, &ALL_NODES);
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
}

/// The interface `index` as a destination of frames of `ether_type`.
fn link_layer_address(index: u32, ether_type: EtherType) -> io::Result<SockAddr> {
    let index = i32::try_from(index).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?;
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: ether_type.0.to_be(),
        sll_ifindex: index,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: the storage is zeroed, aligned and large enough for every kind of socket address;
    // the length is that of what is written.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            storage.cast::<libc::sockaddr_ll>().write(address);
            length.write(size_of::<libc::sockaddr_ll>() as libc::socklen_t);
            Ok(())
        })?
    };
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn gratuitous_arp_is_what_keepalived_sends() {
        let frame = gratuitous_arp(MAC, Ipv4Addr::new(10, 77, 0, 100));
        let captured = "ffffffffffff02000000000108060001080006040001\
                        0200000000010a4d0064ffffffffffff0a4d0064";
        assert_eq!(hex(&frame), captured);
    }

    #[test]
    fn a_neighbour_advertisement_is_what_keepalived_sends() {
        let frame = neighbour_advertisement(MAC, Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x100));
        let captured = "33330000000102000000000186dd6000000000203aff\
                        fe800000000000000000000000000100ff020000000000000000000000000001\
                        8800559d20000000fe8000000000000000000000000001000201020000000001";
        assert_eq!(hex(&frame), captured);
    }
}
