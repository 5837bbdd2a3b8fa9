//! The Internet checksum (RFC 1071) over a message, with and without the pseudo-header.

use super::PROTOCOL;
use std::net::IpAddr;

/// The checksum of `message` alone. Zero says that a checksum inside `message` is right.
pub(super) fn message_only(message: &[u8]) -> u16 {
    finish(sum(message))
}

/// The checksum of `message` and the pseudo-header of RFC 8200 §8.1 (RFC 793 for IPv4).
///
/// Both have the same sum: addresses, length, and protocol, each in whole 16-bit words.
pub(super) fn with_pseudo_header(source: IpAddr, destination: IpAddr, message: &[u8]) -> u16 {
    let length = message.len() as u64;
    finish(
        sum_address(source)
            + sum_address(destination)
            + u64::from(PROTOCOL)
            + length
            + sum(message),
    )
}

fn sum_address(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => sum(&address.octets()),
        IpAddr::V6(address) => sum(&address.octets()),
    }
}

/// The sum of the 16-bit words; an odd last byte counts as the high half of a word.
fn sum(bytes: &[u8]) -> u64 {
    let (words, odd) = bytes.as_chunks::<2>();
    let whole: u64 = words
        .iter()
        .map(|word| u64::from(u16::from_be_bytes(*word)))
        .sum();
    whole + odd.first().map_or(0, |last| u64::from(*last) << 8)
}

fn finish(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_wrap_around_and_an_odd_byte_counts_as_a_high_half() {
        // The example of RFC 1071 §3: the sum is 0xddf2.
        assert_eq!(
            message_only(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            0x220d
        );
        assert_eq!(message_only(&[0x00, 0x01, 0xf2]), 0x0dfe);
        assert_eq!(message_only(&[]), 0xffff);
    }
}
