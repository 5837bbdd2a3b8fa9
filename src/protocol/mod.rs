//! The memcached protocols: bytes to [`Command`], [`Outcome`] to bytes.
//!
//! One [`Decoder`] per connection turns input into [`Step`]s, one at a time: decode, drop what was
//! consumed, act, decode again. Each request carries its [`Reply`], which knows the dialect and the
//! noreply rules, and appends the answer to the connection's output. Classic text and meta commands
//! are in `text` and `meta`, the binary protocol is in `binary`; all three end in one [`Command`].
//!
//! This module knows no store, no socket and no clock, and it owns no buffer of input: a request
//! borrows from the caller's bytes. Bytes from a client never panic here; they become a request, a
//! refusal with memcached's words, or a refusal that closes the connection. How the bytes are cut
//! into reads makes no difference to the steps, except for how a skipped stretch is divided.

pub mod binary;
mod error;
pub mod meta;
mod reply;
mod text;

#[cfg(test)]
mod tests;

pub use error::RequestError;
pub use reply::{Form, Reply};

use crate::command::{Command, Exptime};

/// Bytes of a base64 key after decoding: the encoded key is at most 250 bytes long.
const DECODED_KEY_LENGTH_MAX: usize = 192;

/// What an item costs besides key, value and client flags in memcached's count: a 48-byte header,
/// the 8-byte cas unique, the key's terminator and the value's line end.
const ITEM_OVERHEAD: usize = 48 + 8 + 1 + 2;

/// Bytes that memcached counts for client flags other than 0.
const CLIENT_FLAGS_SIZE: usize = 4;

/// The bounds a decoder enforces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Largest item in bytes, as memcached's `-I` counts it: value, key and a header.
    pub item_size_max: usize,
}

impl Limits {
    /// Whether an item may be stored, as memcached's `item_size_ok` decides it. With the default
    /// of 1 MiB and flags 0 the largest value is 1,048,517 bytes less the length of its key.
    pub const fn admit(&self, key_length: usize, flags: u32, value_length: usize) -> bool {
        let flags_size = if flags == 0 { 0 } else { CLIENT_FLAGS_SIZE };
        value_length.saturating_add(key_length + flags_size + ITEM_OVERHEAD) <= self.item_size_max
    }
}

/// Which protocol a connection speaks. Its first byte decides: 0x80 is binary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Classic text and meta commands, mixed as the client likes.
    Text,
    /// The binary protocol.
    Binary,
}

/// One decoded request and the way to answer it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request<'a> {
    /// What to do.
    pub command: Command<'a>,
    /// How to say what was done.
    pub reply: Reply<'a>,
}

/// What the decoder found at the start of the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step<'a> {
    /// More bytes are needed.
    Incomplete {
        /// Length of input in bytes, counted from its present start, below which another call
        /// cannot succeed. 0 when it is not known.
        need: usize,
    },
    /// Bytes that only had to be swallowed: the rest of something refused before.
    Skipped {
        /// Bytes to drop from the start of the input, at least 1.
        consumed: usize,
    },
    /// A request.
    Request {
        /// Bytes to drop from the start of the input once the request is done, at least 1.
        consumed: usize,
        /// The request.
        request: Request<'a>,
    },
    /// A bad request. Nothing is executed; what belongs to it and has not arrived yet is swallowed
    /// by following calls.
    Refused {
        /// Bytes to drop from the start of the input, at least 1.
        consumed: usize,
        /// How to answer `error`.
        reply: Reply<'a>,
        /// What was wrong.
        error: RequestError,
        /// The key of a set too large to store: its old value must go, so that no reader takes it
        /// for the new one.
        forget: Option<&'a [u8]>,
        /// Whether the connection is beyond recovery: flush the answer and close.
        close: bool,
    },
}

/// Decodes the requests of one connection.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    state: State,
    dialect: Option<Dialect>,
    /// Bytes at the start of the input that were already searched for a line end in vain.
    scanned: u32,
    /// Where a base64 key is decoded. Only clients that send one pay for it.
    decoded_key: DecodedKey,
}

/// Room for a base64 key after decoding.
type DecodedKey = Option<Box<[u8; DECODED_KEY_LENGTH_MAX]>>;

/// What the next byte of the input belongs to.
///
/// ```text
///          long line of keys              line end
///   Ready ------------------> Keys ----------------------> Ready
///     |                         | key too long
///     | refused value           +-----------> DropLine --> Ready
///     +------------------> Skip -------------------------> Ready
///     | beyond recovery
///     +------------------> Closed
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// A request starts here.
    Ready,
    /// Keys of a retrieval line whose first part was handed out already.
    Keys {
        with_cas: bool,
        touch: Option<Exptime>,
    },
    /// The rest of a line that was refused already.
    DropLine,
    /// So many bytes that only have to be dropped; at least 1.
    Skip(u64),
    /// The connection is to be closed; whatever else arrives is dropped.
    Closed,
}

impl Decoder {
    /// A decoder for a new connection.
    pub const fn new(limits: Limits) -> Decoder {
        let state = State::Ready;
        Decoder {
            limits,
            state,
            dialect: None,
            scanned: 0,
            decoded_key: None,
        }
    }

    /// A decoder that takes whatever comes for this protocol: what a client of the other one sends
    /// is garbage, as with memcached's `-B`.
    pub const fn speaking(limits: Limits, dialect: Dialect) -> Decoder {
        let mut decoder = Decoder::new(limits);
        decoder.dialect = Some(dialect);
        decoder
    }

    /// The protocol of the connection, known as soon as its first byte was seen.
    pub const fn dialect(&self) -> Option<Dialect> {
        self.dialect
    }

    /// Decode the next request at the start of `input`.
    ///
    /// The caller drops `consumed` bytes afterwards. After [`Step::Incomplete`] it calls again with
    /// the same bytes and more behind them.
    #[inline]
    pub fn decode<'a>(&'a mut self, input: &'a [u8]) -> Step<'a> {
        let Some(first) = input.first() else {
            return Step::Incomplete { need: 1 };
        };
        if self.state != State::Ready {
            return self.resume(input);
        }
        self.request(*first, input)
    }

    #[inline]
    fn request<'a>(&'a mut self, first: u8, input: &'a [u8]) -> Step<'a> {
        let dialect = *self.dialect.get_or_insert(match first {
            binary::MAGIC_REQUEST => Dialect::Binary,
            _ => Dialect::Text,
        });
        match dialect {
            Dialect::Text => text::decode(self, input),
            Dialect::Binary => binary::decode(self, input),
        }
    }

    /// Go on with something that an earlier call began.
    fn resume<'a>(&'a mut self, input: &'a [u8]) -> Step<'a> {
        match self.state {
            State::Ready => self.request(input[0], input),
            State::Keys { with_cas, touch } => text::keys::more_keys(self, input, with_cas, touch),
            State::DropLine => {
                let line_end = memchr::memchr(b'\n', input);
                if line_end.is_some() {
                    self.state = State::Ready;
                }
                Step::Skipped {
                    consumed: line_end.map_or(input.len(), |end| end + 1),
                }
            }
            State::Skip(left) => {
                let consumed = usize::try_from(left).map_or(input.len(), |n| n.min(input.len()));
                self.skip(left - consumed as u64);
                Step::Skipped { consumed }
            }
            State::Closed => Step::Skipped {
                consumed: input.len(),
            },
        }
    }

    /// Swallow so many bytes behind what this step consumes.
    fn skip(&mut self, bytes: u64) {
        self.state = if bytes == 0 {
            State::Ready
        } else {
            State::Skip(bytes)
        };
    }
}
