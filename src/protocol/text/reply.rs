//! Answers of the classic text protocol.

use crate::command::{ItemView, Outcome};
use crate::protocol::RequestError;

/// Room for everything of a `VALUE` line and its block except key and value.
const VALUE_FRAME_SIZE: usize = 6 + 1 + 10 + 1 + 20 + 1 + 20 + 2 + 2;

/// `VALUE KEY FLAGS LENGTH[ CAS]`, the value, and their line ends.
#[inline]
pub(in crate::protocol) fn value(with_cas: bool, item: &ItemView<'_>, out: &mut Vec<u8>) {
    out.reserve(VALUE_FRAME_SIZE + item.key.len() + item.value.len());
    out.extend_from_slice(b"VALUE ");
    out.extend_from_slice(item.key);
    if item.flags == 0 {
        out.extend_from_slice(b" 0 ");
    } else {
        out.push(b' ');
        number(u64::from(item.flags), out);
        out.push(b' ');
    }
    number(item.value.len() as u64, out);
    if with_cas {
        out.push(b' ');
        number(item.cas, out);
    }
    out.extend_from_slice(b"\r\n");
    item.value.append_to(out);
    out.extend_from_slice(b"\r\n");
}

/// What the store did, as one line.
#[inline]
pub(in crate::protocol) fn outcome(outcome: &Outcome, out: &mut Vec<u8>) {
    let words: &[u8] = match outcome {
        Outcome::Stored { .. } => b"STORED\r\n",
        Outcome::NotStored => b"NOT_STORED\r\n",
        Outcome::Exists => b"EXISTS\r\n",
        Outcome::NotFound => b"NOT_FOUND\r\n",
        Outcome::Deleted => b"DELETED\r\n",
        Outcome::Touched => b"TOUCHED\r\n",
        Outcome::Ok => b"OK\r\n",
        Outcome::Number { value, .. } => {
            number(*value, out);
            b"\r\n"
        }
        Outcome::NonNumeric => return line(RequestError::NonNumeric.line(), out),
        Outcome::TooLarge => return line(RequestError::TooLarge.line(), out),
        Outcome::OutOfMemory => return line(RequestError::OutOfMemory.line(), out),
    };
    out.extend_from_slice(words);
}

/// One statistic: `STAT NAME VALUE`.
pub(in crate::protocol) fn stat(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"STAT ");
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Some text and a line end.
pub(in crate::protocol) fn line(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A number in decimal.
#[inline]
pub(in crate::protocol) fn number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
