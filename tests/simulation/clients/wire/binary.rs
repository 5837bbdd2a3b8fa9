//! The binary protocol.

use super::super::super::model::{Life, Mode, Op, Shown};
use super::Raw;
use super::text::Shape;

const HEADER_BYTES: usize = 24;
const NOOP: u8 = 0x0a;
/// The exptime of incr and decr that means: create nothing.
const CREATE_NOTHING: u32 = u32::MAX;

/// A packet to be written.
struct Packet<'a> {
    opcode: u8,
    extras: Vec<u8>,
    key: &'a [u8],
    value: &'a [u8],
    opaque: u32,
    unique: u64,
}

impl Packet<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        let body = self.extras.len() + self.key.len() + self.value.len();
        out.extend([0x80, self.opcode]);
        out.extend((self.key.len() as u16).to_be_bytes());
        out.extend([self.extras.len() as u8, 0, 0, 0]);
        out.extend((body as u32).to_be_bytes());
        out.extend(self.opaque.to_be_bytes());
        out.extend(self.unique.to_be_bytes());
        out.extend(&self.extras);
        out.extend(self.key);
        out.extend(self.value);
    }
}

/// Writes a mutation. Returns the opcode's name.
pub fn mutation(
    out: &mut Vec<u8>,
    (shape, quiet): (Shape, bool),
    key: usize,
    op: &Op,
    opaque: u32,
) -> &'static str {
    let name = format!("key{key}");
    let mut packet = Packet {
        opcode: 0,
        extras: Vec::new(),
        key: name.as_bytes(),
        value: b"",
        opaque,
        unique: op.token().map_or(0, |token| token.unique),
    };
    let named = match op {
        Op::Store {
            mode,
            value,
            flags,
            life,
            ..
        } => {
            packet.value = value.bytes();
            let (loud, silent, name) = match mode {
                Mode::Set => (
                    0x01,
                    0x11,
                    if packet.unique == 0 {
                        "SET"
                    } else {
                        "SET (cas)"
                    },
                ),
                Mode::Add => (0x02, 0x12, "ADD"),
                Mode::Replace => (0x03, 0x13, "REPLACE"),
                Mode::Append => (0x0e, 0x19, "APPEND"),
                Mode::Prepend => (0x0f, 0x1a, "PREPEND"),
            };
            packet.opcode = if quiet { silent } else { loud };
            if !matches!(mode, Mode::Append | Mode::Prepend) {
                packet.extras.extend(flags.to_be_bytes());
                packet.extras.extend(exptime(*life));
            }
            name
        }
        Op::Count {
            down, by, initial, ..
        } => {
            let (loud, silent, name) = match down {
                false => (0x05, 0x15, "INCREMENT"),
                true => (0x06, 0x16, "DECREMENT"),
            };
            packet.opcode = if quiet { silent } else { loud };
            packet.extras.extend(by.to_be_bytes());
            packet
                .extras
                .extend(initial.map_or(0, |(number, _)| number).to_be_bytes());
            let life = initial.map_or(CREATE_NOTHING, |(_, life)| life as u32);
            packet.extras.extend(life.to_be_bytes());
            name
        }
        Op::Touch(life) => {
            packet.extras.extend(exptime(*life));
            let (opcode, name) = match shape {
                Shape::Plain => (0x1c, "TOUCH"),
                Shape::Showing => (0x1d, "GAT"),
                Shape::ShowingCas => (0x23, "GATK"),
            };
            packet.opcode = opcode;
            name
        }
        Op::Delete { .. } => {
            packet.opcode = if quiet { 0x14 } else { 0x04 };
            "DELETE"
        }
        Op::Vivify(_) | Op::Invalidate(_) | Op::DropValue | Op::Flush => {
            unreachable!("there is no such opcode")
        }
    };
    packet.write(out);
    named
}

/// A get, quiet or with its key.
pub fn get(out: &mut Vec<u8>, key: usize, shape: Shape, quiet: bool, opaque: u32) -> &'static str {
    let (opcode, named) = match (shape, quiet) {
        (Shape::Plain, false) => (0x00, "GET"),
        (Shape::Plain, true) => (0x09, "GETQ"),
        (_, false) => (0x0c, "GETK"),
        (_, true) => (0x0d, "GETKQ"),
    };
    let name = format!("key{key}");
    bare(out, opcode, name.as_bytes(), Vec::new(), opaque);
    named
}

pub fn flush(out: &mut Vec<u8>, delay: Life, opaque: u32) {
    let extras = if delay == 0 {
        Vec::new()
    } else {
        exptime(delay).to_vec()
    };
    bare(out, 0x08, b"", extras, opaque);
}

pub fn noop(out: &mut Vec<u8>, opaque: u32) {
    bare(out, NOOP, b"", Vec::new(), opaque);
}

fn bare(out: &mut Vec<u8>, opcode: u8, key: &[u8], extras: Vec<u8>, opaque: u32) {
    Packet {
        opcode,
        extras,
        key,
        value: b"",
        opaque,
        unique: 0,
    }
    .write(out);
}

/// A life on the wire. There are no negative ones: an absolute time long past is meant.
const fn exptime(life: Life) -> [u8; 4] {
    let seconds = if life < 0 { 1_600_000_000 } else { life as u32 };
    seconds.to_be_bytes()
}

/// The next answer.
pub fn take(input: &[u8]) -> Option<(Raw, usize)> {
    let header = input.get(..HEADER_BYTES)?;
    let number = |at: usize, bytes: usize| {
        header[at..at + bytes]
            .iter()
            .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    assert_eq!(header[0], 0x81, "a binary response");
    let (key, extras, body) = (
        number(2, 2) as usize,
        number(4, 1) as usize,
        number(8, 4) as usize,
    );
    let used = HEADER_BYTES + body;
    let body = input.get(HEADER_BYTES..used)?;
    let flags = body[..extras]
        .first_chunk()
        .map(|bytes| u32::from_be_bytes(*bytes));
    let opcode = header[1];
    let shows = !matches!(opcode, 0x1c) && number(6, 2) == 0;
    let shown = Shown {
        value: shows.then(|| body[extras + key..].to_vec()),
        flags,
        cas: Some(number(16, 8)),
        ..Shown::default()
    };
    let raw = Raw::Packet {
        opcode,
        status: number(6, 2) as u16,
        opaque: number(12, 4) as u32,
        shown,
    };
    Some((raw, used))
}
