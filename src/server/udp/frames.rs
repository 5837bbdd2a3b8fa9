//! memcached's frames around an answer.

/// Length of the frame header.
pub(super) const HEADER_LENGTH: usize = 8;
/// Payload of one datagram of an answer, as memcached cuts it.
const PAYLOAD_LENGTH_MAX: usize = 1400 - HEADER_LENGTH;

/// The answer in memcached's frames; none for an empty one.
pub(super) fn frames(request_id: [u8; 2], answer: &[u8]) -> impl Iterator<Item = Vec<u8>> {
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
