//! The IPv4 header that a raw socket delivers before the message.

use std::net::Ipv4Addr;

const HEADER_BYTES_MIN: usize = 20;
const TOTAL_LENGTH: usize = 2;
const FLAGS_AND_OFFSET: usize = 6;
const TTL: usize = 8;
const PROTOCOL: usize = 9;
const SOURCE: usize = 12;
const DESTINATION: usize = 16;
/// "More fragments" and the fragment offset. The kernel reassembles before it delivers.
const FRAGMENT_MASK: u16 = 0x3fff;

/// A packet whose header is sound: what the ladder looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    pub(super) ttl: u8,
    pub(super) protocol: u8,
    pub(super) payload: &'a [u8],
}

/// `None` where the header is not IPv4, is cut short, lies about a length, or is of a fragment.
///
/// The header checksum is not verified again: the kernel drops a packet whose is wrong.
/// Bytes behind the total length (padding of short Ethernet frames) are left out.
pub(super) fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    let header: &[u8; HEADER_BYTES_MIN] = bytes.first_chunk()?;
    let header_bytes = usize::from(header[0] & 0x0f) * 4;
    let total_bytes = usize::from(word(header, TOTAL_LENGTH));
    if header[0] >> 4 != 4
        || header_bytes < HEADER_BYTES_MIN
        || word(header, FLAGS_AND_OFFSET) & FRAGMENT_MASK != 0
    {
        return None;
    }
    Some(Packet {
        source: address(header, SOURCE),
        destination: address(header, DESTINATION),
        ttl: header[TTL],
        protocol: header[PROTOCOL],
        payload: bytes.get(header_bytes..total_bytes)?,
    })
}

fn word(header: &[u8; HEADER_BYTES_MIN], at: usize) -> u16 {
    u16::from_be_bytes([header[at], header[at + 1]])
}

fn address(header: &[u8; HEADER_BYTES_MIN], at: usize) -> Ipv4Addr {
    Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10.77.0.1 to 224.0.0.18, TTL 255, protocol 112, two bytes of payload.
    const PACKET: [u8; 22] = [
        0x45, 0xc0, 0x00, 0x16, 0x00, 0x01, 0x00, 0x00, 0xff, 0x70, 0x00, 0x00, 10, 77, 0, 1, 224,
        0, 0, 18, 0xaa, 0xbb,
    ];

    fn changed(at: usize, to: u8) -> [u8; 22] {
        let mut packet = PACKET;
        packet[at] = to;
        packet
    }

    #[test]
    fn fields_are_read_and_padding_is_left_out() {
        let mut padded = PACKET.to_vec();
        padded.extend([0; 24]);
        let packet = parse(&padded).expect("sound");
        assert_eq!(packet.source, Ipv4Addr::new(10, 77, 0, 1));
        assert_eq!(packet.destination, Ipv4Addr::new(224, 0, 0, 18));
        assert_eq!((packet.ttl, packet.protocol), (255, 112));
        assert_eq!(packet.payload, [0xaa, 0xbb]);
    }

    #[test]
    fn options_belong_to_the_header() {
        assert_eq!(
            parse(&changed(0, 0x46)),
            None,
            "the options would end behind the packet"
        );
        let mut packet = changed(0, 0x46).to_vec();
        packet[3] = 26;
        packet.extend([1, 2, 3, 4]);
        assert_eq!(parse(&packet).expect("sound").payload, [3, 4]);
    }

    #[test]
    fn a_broken_header_is_none() {
        assert_eq!(parse(&PACKET[..19]), None, "cut short");
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&changed(0, 0x65)), None, "version 6");
        assert_eq!(parse(&changed(0, 0x44)), None, "header of 16 bytes");
        assert_eq!(
            parse(&changed(3, 23)),
            None,
            "total length beyond the packet"
        );
        assert_eq!(
            parse(&changed(3, 19)),
            None,
            "total length inside the header"
        );
        assert_eq!(parse(&changed(6, 0x20)), None, "more fragments follow");
        assert_eq!(parse(&changed(7, 1)), None, "a later fragment");
        assert!(
            parse(&changed(6, 0x40)).is_some(),
            "don't fragment is no fragment"
        );
    }
}
