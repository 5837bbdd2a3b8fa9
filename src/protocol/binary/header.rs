//! Header and extras of a request, all in network byte order.
//!
//! ```text
//!   0      1       2          4        5       6          8          12       16        24
//!   +------+-------+----------+--------+-------+----------+----------+--------+---------+
//!   | 0x80 | opcode| key      | extras | data  | vbucket  | body     | opaque | cas     |
//!   |      |       | length   | length | type  |          | length   |        |         |
//!   +------+-------+----------+--------+-------+----------+----------+--------+---------+
//! ```
//!
//! The body is extras, key and value. Data type and vbucket are ignored, as memcached does.

use nom::number::complete::{be_u8, be_u16, be_u32, be_u64};
use nom::{IResult, Parser};

use crate::command::Exptime;

/// Bytes of a header.
pub(super) const HEADER_LENGTH: usize = 24;

/// The exptime of incr and decr that means: create nothing.
const CREATE_NOTHING: u32 = 0xffff_ffff;

/// The fields of a header that matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) opcode: u8,
    pub(super) key_length: usize,
    pub(super) extras_length: usize,
    pub(super) body_length: u32,
    pub(super) opaque: u32,
    cas: u64,
}

/// Extras of set, add and replace.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoreExtras {
    pub(super) flags: u32,
    pub(super) exptime: Exptime,
}

/// Extras of incr and decr.
#[derive(Clone, Copy, Debug)]
pub(super) struct IncrementExtras {
    pub(super) delta: u64,
    /// The number an absent key is created with, and its exptime.
    pub(super) initial: Option<(u64, Exptime)>,
}

impl Header {
    /// The header at the start of `input`, or `None` if it has not arrived.
    #[inline]
    pub(super) fn parse(input: &[u8]) -> Option<Header> {
        let mut fields = (
            be_u8, be_u8, be_u16, be_u8, be_u8, be_u16, be_u32, be_u32, be_u64,
        );
        let parsed: IResult<&[u8], _> = fields.parse(input);
        let (_, (_, opcode, key, extras, _, _, body_length, opaque, cas)) = parsed.ok()?;
        let (key_length, extras_length) = (usize::from(key), usize::from(extras));
        Some(Header {
            opcode,
            key_length,
            extras_length,
            body_length,
            opaque,
            cas,
        })
    }

    /// What of the body is neither extras nor key. `None` if they do not even fit in it.
    pub(super) fn value_length(&self) -> Option<usize> {
        (self.body_length as usize).checked_sub(self.extras_length + self.key_length)
    }

    /// The cas unique the item must have; 0 on the wire means any.
    pub(super) fn compare(&self) -> Option<u64> {
        (self.cas != 0).then_some(self.cas)
    }
}

impl StoreExtras {
    /// Append and prepend have no extras.
    pub(super) const NONE: StoreExtras = StoreExtras {
        flags: 0,
        exptime: Exptime::NEVER,
    };
}

/// Extras of set, add and replace: flags, exptime.
pub(super) fn store(extras: &[u8]) -> Option<StoreExtras> {
    let parsed: IResult<&[u8], _> = (be_u32, be_u32).parse(extras);
    let (_, (flags, exptime)) = parsed.ok()?;
    Some(StoreExtras {
        flags,
        exptime: Exptime(i64::from(exptime)),
    })
}

/// Extras of incr and decr: delta, initial number, exptime.
pub(super) fn increment(extras: &[u8]) -> Option<IncrementExtras> {
    let parsed: IResult<&[u8], _> = (be_u64, be_u64, be_u32).parse(extras);
    let (_, (delta, initial, exptime)) = parsed.ok()?;
    let creates = exptime != CREATE_NOTHING;
    let initial = creates.then_some((initial, Exptime(i64::from(exptime))));
    Some(IncrementExtras { delta, initial })
}

/// Extras of touch, get and touch, and flush: an exptime.
pub(super) fn exptime(extras: &[u8]) -> Option<Exptime> {
    let parsed: IResult<&[u8], u32> = be_u32(extras);
    Some(Exptime(i64::from(parsed.ok()?.1)))
}
