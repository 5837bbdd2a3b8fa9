//! The frames of the link: length, checksum, type, body. Records of changes are in `record.rs`.
//!
//! ```text
//!  0       4          8      9
//!  | length | CRC-32C  | type | body ...
//! ```
//!
//! The length counts type and body, the checksum covers them. Integers are little-endian. A frame
//! larger than [`PART_BYTES`] travels as several `Part` frames, so that a heartbeat never waits for
//! a large value. Decoding never panics and never allocates more than has arrived.

#[cfg(test)]
mod tests;

use super::envelope::{CHANGES, PREFIX, begin, end};
use super::hello::{Greeting, Heartbeat, Hello};
use super::record::{Changes, decode_changes};
use super::wire::{Reader, Write};
use crate::command::Version;

/// Oldest protocol version this program speaks.
pub const VERSION_OLDEST: u32 = 1;
/// Newest protocol version this program speaks.
pub const VERSION_NEWEST: u32 = 1;
/// A frame body above this travels in parts.
pub(super) const PART_BYTES: usize = 128 * 1024;
/// Longest frame on the wire. A hello with 4,096 shards on both sides stays below it too.
const LENGTH_MAX: usize = 2 * PART_BYTES;

/// A frame, borrowing from the bytes it was read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame<'a> {
    /// Opens the connection.
    Greeting(Greeting),
    /// Proves the shared secret: an HMAC over both greetings.
    Proof([u8; 32]),
    /// Introduces the node.
    Hello(Hello),
    /// Changes of one shard.
    Changes(Changes<'a>),
    /// Positions up to which the sender has applied the receiver's shards.
    Acknowledge {
        /// The receiver's flush watermark as the sender knows it.
        watermark: Version,
        /// Shard and position, 12 bytes each.
        positions: Positions<'a>,
    },
    /// A sign of life.
    Heartbeat(Heartbeat),
    /// The receiver has everything that replies of the sender vouch for.
    InSync,
    /// A touched value is not here: send it whole.
    Want(&'a [u8]),
    /// Keys read on the sender, least recent first: a length byte before each.
    Hints(&'a [u8]),
    /// A flush was issued: the watermark of the sender.
    Flush(Version),
    /// A flush was accepted that is due in this many milliseconds; it replaces an earlier one.
    FlushLater(u64),
    /// The sender is leaving and the receiver has everything: take over now.
    Handover,
    /// The sender forgot tombstones up to this version: what follows lists its keys.
    CompareBegin(Version),
    /// Every key was listed.
    CompareEnd,
    /// The receiver has compared: what was deleted here is gone there.
    Compared,
    /// The sender closes the connection, and why.
    Goodbye(String),
    /// A piece of a large frame.
    Part {
        /// No more pieces follow.
        last: bool,
        /// The piece.
        bytes: &'a [u8],
    },
}

const GREETING: u8 = 1;
const PROOF: u8 = 2;
const HELLO: u8 = 3;
const ACKNOWLEDGE: u8 = 5;
const HEARTBEAT: u8 = 6;
const IN_SYNC: u8 = 7;
const WANT: u8 = 8;
const HINTS: u8 = 9;
const FLUSH: u8 = 10;
const FLUSH_LATER: u8 = 11;
const HANDOVER: u8 = 12;
const COMPARE_BEGIN: u8 = 13;
const COMPARE_END: u8 = 14;
const GOODBYE: u8 = 15;
const PART: u8 = 16;
const COMPARED: u8 = 17;

/// What is wrong with bytes from the link. The connection cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameError {
    /// The length is 0 or above the limit.
    Length(u32),
    /// The checksum does not match.
    Checksum,
    /// The type is unknown to this protocol version.
    Type(u8),
    /// The body ends early or holds nonsense.
    Body(u8),
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FrameError::Length(length) => write!(f, "a frame of {length} bytes"),
            FrameError::Checksum => write!(f, "a frame with a wrong checksum"),
            FrameError::Type(kind) => write!(f, "a frame of unknown type {kind}"),
            FrameError::Body(kind) => write!(f, "a malformed frame of type {kind}"),
        }
    }
}
/// Shard and position, packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Positions<'a>(&'a [u8]);

impl Positions<'_> {
    /// The pairs.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u64)> {
        self.0.as_chunks::<12>().0.iter().map(|pair| {
            let mut reader = Reader(pair);
            let shard = reader.u32().expect("12 bytes hold a shard");
            (shard, reader.u64().expect("12 bytes hold a position"))
        })
    }
}

impl Frame<'_> {
    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = begin(out, self.kind());
        match self {
            Frame::Greeting(greeting) => greeting.encode(out),
            Frame::Proof(proof) => out.extend_from_slice(proof),
            Frame::Hello(hello) => hello.encode(out),
            Frame::Changes(changes) => {
                out.put_u32(changes.shard);
                out.put_u64(changes.position);
                out.put_u64(changes.sent_at_ns);
                out.extend_from_slice(changes.records);
            }
            Frame::Acknowledge {
                watermark,
                positions,
            } => {
                out.put_u64(*watermark);
                out.extend_from_slice(positions.0);
            }
            Frame::Heartbeat(heartbeat) => heartbeat.encode(out),
            Frame::Want(bytes) | Frame::Hints(bytes) => out.extend_from_slice(bytes),
            Frame::Flush(value) | Frame::FlushLater(value) | Frame::CompareBegin(value) => {
                out.put_u64(*value);
            }
            Frame::Goodbye(reason) => out.extend_from_slice(reason.as_bytes()),
            Frame::Part { last, bytes } => {
                out.put_u8(u8::from(*last));
                out.extend_from_slice(bytes);
            }
            Frame::InSync | Frame::Handover | Frame::CompareEnd | Frame::Compared => {}
        }
        end(out, start);
    }

    const fn kind(&self) -> u8 {
        match self {
            Frame::Greeting(_) => GREETING,
            Frame::Proof(_) => PROOF,
            Frame::Hello(_) => HELLO,
            Frame::Changes(_) => CHANGES,
            Frame::Acknowledge { .. } => ACKNOWLEDGE,
            Frame::Heartbeat(_) => HEARTBEAT,
            Frame::InSync => IN_SYNC,
            Frame::Want(_) => WANT,
            Frame::Hints(_) => HINTS,
            Frame::Flush(_) => FLUSH,
            Frame::FlushLater(_) => FLUSH_LATER,
            Frame::Handover => HANDOVER,
            Frame::CompareBegin(_) => COMPARE_BEGIN,
            Frame::CompareEnd => COMPARE_END,
            Frame::Compared => COMPARED,
            Frame::Goodbye(_) => GOODBYE,
            Frame::Part { .. } => PART,
        }
    }
}

/// Appends an `Acknowledge` frame.
pub(super) fn put_acknowledge(
    out: &mut Vec<u8>,
    watermark: Version,
    positions: impl Iterator<Item = (u32, u64)>,
) {
    let start = begin(out, ACKNOWLEDGE);
    out.put_u64(watermark);
    for (shard, position) in positions {
        out.put_u32(shard);
        out.put_u64(position);
    }
    end(out, start);
}

/// The first frame of `bytes` and its length, or `None` while it is incomplete.
pub fn decode(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
    let mut reader = Reader(bytes);
    let (Some(length), Some(checksum)) = (reader.u32(), reader.u32()) else {
        return Ok(None);
    };
    if length == 0 || length as usize > LENGTH_MAX {
        return Err(FrameError::Length(length));
    }
    let Some(content) = reader.take(length as usize) else {
        return Ok(None);
    };
    if crc32c::crc32c(content) != checksum {
        return Err(FrameError::Checksum);
    }
    Ok(Some((decode_content(content)?, PREFIX + length as usize)))
}

/// Moves bytes to the end of a frame that has begun to arrive, until it is whole. Returns the rest.
pub(super) fn complete<'a>(partial: &mut Vec<u8>, mut bytes: &'a [u8]) -> &'a [u8] {
    while !partial.is_empty() && !bytes.is_empty() {
        let count = missing(partial).min(bytes.len());
        if count == 0 {
            break;
        }
        partial.extend_from_slice(&bytes[..count]);
        bytes = &bytes[count..];
    }
    bytes
}

/// How many bytes a frame lacks, as far as its first ones tell. A length that is refused belongs
/// to a frame that ends with its prefix.
fn missing(partial: &[u8]) -> usize {
    let length = Reader(partial).u32().unwrap_or(0) as usize;
    let length = if length > LENGTH_MAX { 0 } else { length };
    (PREFIX + length).saturating_sub(partial.len())
}

/// A frame that came in parts, put together; its prefix was checked part by part.
pub(super) fn decode_assembled(bytes: &[u8]) -> Result<Frame<'_>, FrameError> {
    decode_content(bytes.get(PREFIX..).unwrap_or_default())
}

fn decode_content(content: &[u8]) -> Result<Frame<'_>, FrameError> {
    let (&kind, body) = content.split_first().ok_or(FrameError::Length(0))?;
    let mut reader = Reader(body);
    let frame = match kind {
        GREETING => Greeting::decode(reader).map(Frame::Greeting),
        PROOF => body.first_chunk().map(|proof| Frame::Proof(*proof)),
        HELLO => Hello::decode(reader).map(Frame::Hello),
        CHANGES => decode_changes(reader).map(Frame::Changes),
        ACKNOWLEDGE => reader
            .u64()
            .filter(|_| reader.0.len() % 12 == 0)
            .map(|watermark| Frame::Acknowledge {
                watermark,
                positions: Positions(reader.0),
            }),
        HEARTBEAT => Heartbeat::decode(reader).map(Frame::Heartbeat),
        IN_SYNC => Some(Frame::InSync),
        WANT => (1..=250).contains(&body.len()).then_some(Frame::Want(body)),
        HINTS => Some(Frame::Hints(body)),
        FLUSH => reader.version().map(Frame::Flush),
        FLUSH_LATER => reader.u64().map(Frame::FlushLater),
        HANDOVER => Some(Frame::Handover),
        COMPARE_BEGIN => reader.version().map(Frame::CompareBegin),
        COMPARE_END => Some(Frame::CompareEnd),
        COMPARED => Some(Frame::Compared),
        GOODBYE => Some(Frame::Goodbye(String::from_utf8_lossy(body).into_owned())),
        PART => reader.bool().map(|last| Frame::Part {
            last,
            bytes: reader.0,
        }),
        unknown => return Err(FrameError::Type(unknown)),
    };
    frame.ok_or(FrameError::Body(kind))
}
