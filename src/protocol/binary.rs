//! The binary protocol: a header of 24 bytes, extras, key and value.
//!
//! Opcodes 0x00 to 0x24 are memcached's, except those it does not have itself or only with SASL
//! (0x1b verbosity, 0x20 to 0x22): they and everything above are answered with "Unknown command"
//! and skipped by the length of their body. Lengths that contradict each other or the opcode are
//! answered with "Invalid arguments" and close the connection, since what follows cannot be
//! trusted.

mod header;
mod opcode;
mod reply;

use super::text::change::store_of;
use super::{Decoder, Reply, Request, RequestError, State, Step};
use crate::command::{
    Arithmetic, Command, Delete, Exptime, KEY_LENGTH_MAX, Read, Store, StoreMode,
};
use header::{HEADER_LENGTH, Header, IncrementExtras, StoreExtras};
use opcode::{Opcode, Operation};

/// First byte of a request.
pub(super) const MAGIC_REQUEST: u8 = 0x80;

/// First byte of a response.
const MAGIC_RESPONSE: u8 = 0x81;

/// What the answer to a binary request repeats of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form<'a> {
    /// The opcode's byte, also where it is unknown.
    byte: u8,
    /// What the opcode asks for; `None` where it is unknown.
    opcode: Option<Opcode>,
    opaque: u32,
    key: &'a [u8],
}

/// Decode the packet at the start of `input`.
pub(super) fn decode<'a>(decoder: &mut Decoder, input: &'a [u8]) -> Step<'a> {
    if input.first() != Some(&MAGIC_REQUEST) {
        // memcached closes without a word.
        return closed(
            decoder,
            input,
            Reply {
                quiet: true,
                ..Reply::TEXT
            },
        );
    }
    let Some(header) = Header::parse(input) else {
        return Step::Incomplete {
            need: HEADER_LENGTH,
        };
    };
    let opcode = Opcode::of(header.opcode);
    let reply = |key| Reply {
        form: super::Form::Binary(Form {
            byte: header.opcode,
            opcode,
            opaque: header.opaque,
            key,
        }),
        quiet: opcode.is_some_and(|opcode| opcode.quiet),
    };
    let Some(value_length) = header.value_length() else {
        return closed(decoder, input, reply(&[]));
    };
    let Some(opcode) = opcode else {
        decoder.skip(u64::from(header.body_length));
        return refused(
            HEADER_LENGTH,
            reply(&[]),
            RequestError::UnknownCommand,
            None,
        );
    };
    if header.key_length > KEY_LENGTH_MAX || !opcode.layout().admits(&header, value_length) {
        return closed(decoder, input, reply(&[]));
    }
    let head_length = HEADER_LENGTH + header.extras_length + header.key_length;
    let Some(head) = input.get(HEADER_LENGTH..head_length) else {
        return Step::Incomplete { need: head_length };
    };
    let (extras, key) = head.split_at(header.extras_length);
    let Some(command) = command(opcode.operation, &header, extras, key) else {
        return closed(decoder, input, reply(&[]));
    };
    let request = Request {
        command,
        reply: reply(key),
    };
    match command {
        Command::Store(store) => value(decoder, input, head_length, value_length, store, request),
        _ => Step::Request {
            consumed: head_length,
            request,
        },
    }
}

/// The value of a store, behind `head_length` bytes of header, extras and key.
fn value<'a>(
    decoder: &mut Decoder,
    input: &'a [u8],
    head_length: usize,
    value_length: usize,
    store: Store<'a>,
    request: Request<'a>,
) -> Step<'a> {
    if !decoder
        .limits
        .admit(store.key.len(), store.flags, value_length)
    {
        decoder.skip(value_length as u64);
        // memcached forgets the old value after a set alone.
        let forget = (store.mode == StoreMode::Set).then_some(store.key);
        return refused(head_length, request.reply, RequestError::TooLarge, forget);
    }
    let need = head_length + value_length;
    let Some(value) = input.get(head_length..need) else {
        return Step::Incomplete { need };
    };
    let command = Command::Store(Store { value, ..store });
    Step::Request {
        consumed: need,
        request: Request { command, ..request },
    }
}

/// What the packet asks for, without the value of a store. `None` if the extras are too short,
/// which the layout excludes.
fn command<'a>(
    operation: Operation,
    header: &Header,
    extras: &'a [u8],
    key: &'a [u8],
) -> Option<Command<'a>> {
    Some(match operation {
        Operation::Get => Command::Read(Read::of(key)),
        // The answer to a touch shows flags and cas of the item, so it is a read without a value.
        Operation::Touch | Operation::GetAndTouch => {
            let touch = Some(header::exptime(extras)?);
            Command::Read(Read {
                touch,
                ..Read::of(key)
            })
        }
        Operation::Set => store(StoreMode::Set, header, header::store(extras)?, key),
        Operation::Add => store(StoreMode::Add, header, header::store(extras)?, key),
        Operation::Replace => store(StoreMode::Replace, header, header::store(extras)?, key),
        Operation::Append => store(StoreMode::Append, header, StoreExtras::NONE, key),
        Operation::Prepend => store(StoreMode::Prepend, header, StoreExtras::NONE, key),
        Operation::Delete => Command::Delete(Delete {
            key,
            compare: header.compare(),
            new_cas: None,
            invalidate: false,
            exptime: None,
            drop_value: false,
        }),
        Operation::Increment => arithmetic(false, header, header::increment(extras)?, key),
        Operation::Decrement => arithmetic(true, header, header::increment(extras)?, key),
        Operation::Flush if extras.is_empty() => Command::FlushAll {
            delay: Exptime::NEVER,
        },
        Operation::Flush => Command::FlushAll {
            delay: header::exptime(extras)?,
        },
        Operation::Statistics => Command::Stats(key),
        Operation::Version => Command::Version,
        Operation::Noop => Command::Noop,
        Operation::Quit => Command::Quit,
    })
}

fn store<'a>(mode: StoreMode, header: &Header, extras: StoreExtras, key: &'a [u8]) -> Command<'a> {
    let compare = header.compare();
    // With a cas, memcached makes set, add and replace the same: a compare and store.
    let mode = match mode {
        StoreMode::Add | StoreMode::Replace if compare.is_some() => StoreMode::Set,
        mode => mode,
    };
    let StoreExtras { flags, exptime } = extras;
    Command::Store(Store {
        flags,
        exptime,
        compare,
        ..store_of(key, mode)
    })
}

fn arithmetic<'a>(
    decrement: bool,
    header: &Header,
    extras: IncrementExtras,
    key: &'a [u8],
) -> Command<'a> {
    Command::Arithmetic(Arithmetic {
        key,
        delta: extras.delta,
        decrement,
        initial: extras.initial,
        exptime: None,
        compare: header.compare(),
        new_cas: None,
    })
}

fn refused<'a>(
    consumed: usize,
    reply: Reply<'a>,
    error: RequestError,
    forget: Option<&'a [u8]>,
) -> Step<'a> {
    Step::Refused {
        consumed,
        reply,
        error,
        forget,
        close: false,
    }
}

/// Nothing behind this can be trusted.
fn closed<'a>(decoder: &mut Decoder, input: &[u8], reply: Reply<'a>) -> Step<'a> {
    decoder.state = State::Closed;
    let error = RequestError::InvalidArguments;
    Step::Refused {
        consumed: input.len(),
        reply,
        error,
        forget: None,
        close: true,
    }
}
