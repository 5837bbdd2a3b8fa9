//! Responses: the request's header with a status in place of the vbucket.

use super::header::HEADER_LENGTH;
use super::opcode::{Opcode, Operation};
use super::{Form, MAGIC_RESPONSE};
use crate::command::{ItemView, Outcome, Value};
use crate::protocol::RequestError;
use crate::protocol::error::Status;

impl Form<'_> {
    /// An item: its flags as extras, its key if the opcode has it, its value unless touched only.
    #[inline]
    pub(in crate::protocol) fn hit(&self, item: &ItemView<'_>, out: &mut Vec<u8>) {
        let key = if self.shows_key() { item.key } else { &[] };
        let value = if self.operation() == Some(Operation::Touch) {
            Value::default()
        } else {
            item.value
        };
        out.reserve(HEADER_LENGTH + 4 + key.len() + value.len());
        let body = Body {
            extras: &item.flags.to_be_bytes(),
            key,
            value,
        };
        self.response(Status::Success, item.cas, body, out);
    }

    /// The key is absent. An opcode that shows the key shows it instead of a sentence.
    #[inline]
    pub(in crate::protocol) fn miss(&self, quiet: bool, key: &[u8], out: &mut Vec<u8>) {
        if quiet {
            return;
        }
        if self.shows_key() {
            let body = Body {
                extras: &[],
                key,
                value: Value::default(),
            };
            self.response(Status::NotFound, 0, body, out);
        } else {
            self.failure(Status::NotFound, out);
        }
    }

    /// What the store did. Failures are always told.
    #[inline]
    pub(in crate::protocol) fn outcome(&self, quiet: bool, outcome: &Outcome, out: &mut Vec<u8>) {
        match outcome {
            Outcome::Stored { cas } => self.success(quiet, *cas, b"", out),
            Outcome::Deleted | Outcome::Ok => self.success(quiet, 0, b"", out),
            Outcome::Number { value, cas, .. } => {
                self.success(quiet, *cas, &value.to_be_bytes(), out);
            }
            Outcome::Touched => {
                let body = Body {
                    extras: &[0; 4],
                    key: &[],
                    value: Value::default(),
                };
                self.response(Status::Success, 0, body, out);
            }
            Outcome::NotStored => self.failure(self.not_stored(), out),
            Outcome::Exists => self.failure(Status::Exists, out),
            Outcome::NotFound => self.failure(Status::NotFound, out),
            Outcome::NonNumeric => self.failure(Status::NonNumeric, out),
            Outcome::TooLarge => self.failure(Status::TooLarge, out),
            Outcome::OutOfMemory => self.failure(Status::OutOfMemory, out),
        }
    }

    /// A success with a plain body, unless quiet.
    pub(in crate::protocol) fn success(
        &self,
        quiet: bool,
        cas: u64,
        value: &[u8],
        out: &mut Vec<u8>,
    ) {
        if !quiet {
            self.response(
                Status::Success,
                cas,
                Body {
                    extras: &[],
                    key: &[],
                    value: Value::whole(value),
                },
                out,
            );
        }
    }

    /// A refusal. Quiet opcodes have it too.
    pub(in crate::protocol) fn error(&self, error: RequestError, out: &mut Vec<u8>) {
        self.failure(error.status(), out);
    }

    /// One statistic, or the end of them: neither name nor value.
    pub(in crate::protocol) fn stat(&self, name: &str, value: &[u8], out: &mut Vec<u8>) {
        let body = Body {
            extras: &[],
            key: name.as_bytes(),
            value: Value::whole(value),
        };
        self.response(Status::Success, 0, body, out);
    }

    /// A condition that did not hold: of add that the key is absent, of replace that it is there.
    fn not_stored(&self) -> Status {
        match self.operation() {
            Some(Operation::Add) => Status::Exists,
            Some(Operation::Replace) => Status::NotFound,
            _ => Status::NotStored,
        }
    }

    /// A status and memcached's sentence for it.
    fn failure(&self, status: Status, out: &mut Vec<u8>) {
        let body = Body {
            extras: &[],
            key: &[],
            value: Value::whole(status.body().as_bytes()),
        };
        self.response(status, 0, body, out);
    }

    fn operation(&self) -> Option<Operation> {
        self.opcode.map(|opcode| opcode.operation)
    }

    fn shows_key(&self) -> bool {
        self.opcode.is_some_and(|Opcode { with_key, .. }| with_key)
    }

    #[inline]
    fn response(&self, status: Status, cas: u64, body: Body<'_>, out: &mut Vec<u8>) {
        let body_length = body.extras.len() + body.key.len() + body.value.len();
        let mut header = [0; HEADER_LENGTH];
        header[0] = MAGIC_RESPONSE;
        header[1] = self.byte;
        header[2..4].copy_from_slice(&(body.key.len() as u16).to_be_bytes());
        header[4] = body.extras.len() as u8;
        header[6..8].copy_from_slice(&(status as u16).to_be_bytes());
        header[8..12].copy_from_slice(&(body_length as u32).to_be_bytes());
        header[12..16].copy_from_slice(&self.opaque.to_be_bytes());
        header[16..24].copy_from_slice(&cas.to_be_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(body.extras);
        out.extend_from_slice(body.key);
        body.value.append_to(out);
    }
}

/// The parts of a response's body.
struct Body<'a> {
    extras: &'a [u8],
    key: &'a [u8],
    value: Value<'a>,
}
