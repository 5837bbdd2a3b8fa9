//! One client as a machine: bytes in, bytes out.
//!
//! Requests are executed in the order they arrive and answered in that order. The answer to a
//! mutation waits until the peer has it ([`crate::store::Acknowledged`]); answers behind it wait
//! with it. Both what waits and what is not yet on its way to the client are bounded: beyond that
//! the connection stops executing, and the caller stops reading.
//!
//! Order of calls: [`Connection::handle_bytes`] with what was read, write out what it appended,
//! then [`Connection::resume`] as long as [`Connection::is_blocked`] says that requests wait, when
//! the output has left or positions have moved.

mod facts;
mod held;
mod statistics;
#[cfg(test)]
mod tests;

use vrrp::time::Instant;

pub use self::facts::{Facts, Process, Settings};
use self::held::Held;
use crate::command::{Command, Get, Outcome, Read, Ticket};
use crate::protocol::{Decoder, Limits, Reply, Request, RequestError, Step};
use crate::store::Store;

/// Output beyond this is written out before more is executed.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// Input of one request is kept in a buffer of its own once it is incomplete; a buffer larger than
/// this is given back when it is empty.
const INPUT_BYTES_KEPT: usize = 16 * 1024;
/// What `version` answers; clients parse it, so it starts like memcached's.
pub const VERSION: &str = concat!("1.6.38-twincached-", env!("CARGO_PKG_VERSION"));

/// What a connection works with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The items.
    pub store: &'a Store,
    /// What the server counts and how it is configured.
    pub facts: &'a Facts,
    /// The process as the system sees it, for `stats`.
    pub process: fn() -> Process,
    /// `stats replication` and `stats vrrp`: names and values.
    pub section: &'a dyn Fn(&str) -> Vec<(String, String)>,
    /// The node is leaving: mutations are not executed any more, reads are.
    pub leaving: bool,
}

/// What is left of a retrieval whose output would not fit at once.
struct Unfinished {
    keys: Vec<u8>,
    with_cas: bool,
    touch: Option<crate::command::Exptime>,
    last: bool,
}

/// One client.
pub struct Connection {
    decoder: Decoder,
    input: Vec<u8>,
    /// Input below this length cannot hold the next request.
    need: usize,
    held: Held,
    unfinished: Option<Box<Unfinished>>,
    /// Requests wait for room in the output, for the peer, or for a handover to end.
    blocked: bool,
    closing: bool,
}

impl Connection {
    /// A new client.
    pub fn new(limits: Limits) -> Connection {
        Connection {
            decoder: Decoder::new(limits),
            input: Vec::new(),
            need: 0,
            held: Held::default(),
            unfinished: None,
            blocked: false,
            closing: false,
        }
    }

    /// Executes what `bytes` complete. Appends answers that may go to `out`.
    pub fn handle_bytes(
        &mut self,
        now: Instant,
        bytes: &[u8],
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) {
        if self.closing {
            return;
        }
        if self.input.is_empty() && !self.blocked {
            let used = self.execute(now, bytes, context, out);
            self.input.extend_from_slice(&bytes[used..]);
        } else {
            self.input.extend_from_slice(bytes);
            self.execute_input(now, context, out);
        }
    }

    /// Output has left or positions have moved: appends answers that may go now, and goes on with
    /// requests that waited.
    pub fn resume(&mut self, now: Instant, context: &Context<'_>, out: &mut Vec<u8>) {
        self.held.release(context.store.acknowledged(), out);
        if self.blocked && !self.closing {
            self.execute_input(now, context, out);
        }
    }

    /// Requests wait: read no more, call [`Connection::resume`].
    pub const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Answers wait for the peer.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Close once everything is written. Answers that still wait are waited for.
    pub const fn is_closing(&self) -> bool {
        self.closing
    }

    /// Bytes this connection keeps between two reads.
    pub fn memory(&self) -> usize {
        self.input.capacity() + self.held.memory()
    }

    fn execute_input(&mut self, now: Instant, context: &Context<'_>, out: &mut Vec<u8>) {
        if self.input.len() < self.need && !self.blocked {
            return;
        }
        let input = std::mem::take(&mut self.input);
        let used = self.execute(now, &input, context, out);
        self.input = input;
        self.input.drain(..used);
        if self.input.is_empty() && self.input.capacity() > INPUT_BYTES_KEPT {
            self.input = Vec::new();
        }
    }

    /// Executes whole requests from the front of `input`. Returns how many bytes they took.
    fn execute(
        &mut self,
        now: Instant,
        input: &[u8],
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) -> usize {
        let mut at = 0;
        self.blocked = false;
        self.need = 0;
        self.finish_retrieval(now, context, out);
        while !self.closing && !self.blocked {
            if out.len() > OUTPUT_BYTES_MAX || self.held.is_full() {
                self.blocked = true;
                break;
            }
            match self.decoder.decode(&input[at..]) {
                Step::Incomplete { need } => {
                    self.need = need;
                    break;
                }
                Step::Skipped { consumed } => at += consumed,
                Step::Request { consumed, request } => {
                    if context.leaving && request.command.is_mutation() {
                        self.blocked = true;
                        break;
                    }
                    let mut act = Act {
                        now,
                        context,
                        held: &mut self.held,
                        out,
                    };
                    let done = act.perform(&request);
                    at += consumed;
                    match done {
                        Done::Answered => {}
                        Done::Unfinished(rest) => {
                            self.unfinished = Some(rest);
                            self.blocked = true;
                        }
                        Done::Close => self.closing = true,
                    }
                }
                Step::Refused {
                    consumed,
                    reply,
                    error,
                    forget,
                    close,
                } => {
                    let mut act = Act {
                        now,
                        context,
                        held: &mut self.held,
                        out,
                    };
                    act.refuse(&reply, &error, forget);
                    at += consumed;
                    self.closing = close;
                }
            }
        }
        at
    }

    /// Goes on with a retrieval that stopped because the output was full.
    fn finish_retrieval(&mut self, now: Instant, context: &Context<'_>, out: &mut Vec<u8>) {
        let Some(rest) = self.unfinished.take() else {
            return;
        };
        let Unfinished {
            with_cas,
            touch,
            last,
            ..
        } = *rest;
        let get = Get {
            line: &rest.keys,
            with_cas,
            touch,
            last,
        };
        let mut act = Act {
            now,
            context,
            held: &mut self.held,
            out,
        };
        if let Done::Unfinished(rest) = act.get(&get, &Reply::TEXT) {
            self.unfinished = Some(rest);
            self.blocked = true;
        }
    }
}

/// What became of a request.
enum Done {
    Answered,
    Unfinished(Box<Unfinished>),
    Close,
}

/// One request being performed.
struct Act<'a, 'b> {
    now: Instant,
    context: &'a Context<'b>,
    held: &'a mut Held,
    out: &'a mut Vec<u8>,
}

impl Act<'_, '_> {
    fn perform(&mut self, request: &Request<'_>) -> Done {
        let (store, now) = (self.context.store, self.now);
        let reply = &request.reply;
        match &request.command {
            Command::Get(get) => return self.get(get, reply),
            Command::Read(read) => self.read(read, reply),
            Command::Store(command) => {
                let (outcome, ticket) = store.store(now, command);
                self.answer(reply, &outcome, ticket);
            }
            Command::Delete(command) => {
                let (outcome, ticket) = store.delete(now, command);
                self.answer(reply, &outcome, ticket);
            }
            Command::Arithmetic(command) => {
                let (outcome, ticket) = store.arithmetic(now, command);
                self.answer(reply, &outcome, ticket);
            }
            Command::Touch(command) => {
                let (outcome, ticket) = store.touch(now, command);
                self.answer(reply, &outcome, ticket);
            }
            Command::FlushAll { delay } => self.flush(*delay, reply),
            Command::MetaDebug { key } => {
                let read = Read {
                    bump: false,
                    ..Read::of(key)
                };
                let out = self.held.output(self.out);
                store.read(now, &read, |item| match item {
                    Some(item) => reply.meta_debug(item, 1, item.key.len() + item.value.len(), out),
                    None => reply.miss(key, out),
                });
            }
            Command::Noop => reply.noop(self.held.output(self.out)),
            Command::Version => reply.version(VERSION, self.held.output(self.out)),
            Command::Verbosity(_) => reply.outcome(&Outcome::Ok, self.held.output(self.out)),
            Command::Stats(arguments) => {
                let out = self.held.output(self.out);
                statistics::answer(now, self.context, arguments, reply, out);
            }
            Command::Quit => {
                reply.quit(self.held.output(self.out));
                return Done::Close;
            }
            Command::Admin(line) => self.admin(line, reply),
        }
        Done::Answered
    }

    fn get(&mut self, get: &Get<'_>, reply: &Reply<'_>) -> Done {
        for key in get.keys() {
            if self.out.len() > OUTPUT_BYTES_MAX || self.held.is_full() {
                // The keys are slices of the line: what has not been asked for starts at this one.
                let at = key.as_ptr().addr() - get.line.as_ptr().addr();
                let Get {
                    with_cas,
                    touch,
                    last,
                    ..
                } = *get;
                let keys = get.line[at..].to_vec();
                return Done::Unfinished(Box::new(Unfinished {
                    keys,
                    with_cas,
                    touch,
                    last,
                }));
            }
            let read = Read {
                touch: get.touch,
                ..Read::of(key)
            };
            self.read_one(&read, get.with_cas, reply);
        }
        if get.last {
            reply.end(self.held.output(self.out));
        }
        Done::Answered
    }

    fn read(&mut self, read: &Read<'_>, reply: &Reply<'_>) {
        self.read_one(read, false, reply);
    }

    fn read_one(&mut self, read: &Read<'_>, with_cas: bool, reply: &Reply<'_>) {
        let mark = self.held.begin(self.out);
        let out = self.held.output(self.out);
        let (_, ticket) = self.context.store.read(self.now, read, |item| match item {
            Some(item) => reply.hit(with_cas, item, out),
            None => reply.miss(read.key, out),
        });
        if let Some(ticket) = ticket {
            self.held
                .end(mark, ticket, self.context.store.acknowledged(), self.out);
        }
    }

    /// Answers a mutation once the peer has it.
    fn answer(&mut self, reply: &Reply<'_>, outcome: &Outcome, ticket: Ticket) {
        if self.context.store.acknowledged().covers(ticket) {
            reply.outcome(outcome, self.held.output(self.out));
        } else {
            self.held.hold(ticket, |out| reply.outcome(outcome, out));
        }
    }

    fn refuse(&mut self, reply: &Reply<'_>, error: &RequestError, forget: Option<&[u8]>) {
        if let Some(key) = forget {
            let ticket = self.context.store.forget(self.now, key);
            if !self.context.store.acknowledged().covers(ticket) {
                self.held.hold(ticket, |out| reply.error(error, out));
                return;
            }
        }
        reply.error(error, self.held.output(self.out));
    }

    fn flush(&mut self, delay: crate::command::Exptime, reply: &Reply<'_>) {
        if !self.context.facts.settings.flush_enabled {
            reply.error(&RequestError::FlushDisabled, self.held.output(self.out));
            return;
        }
        match self.context.store.flush_all(self.now, delay) {
            Some(ticket) => self.answer(reply, &Outcome::Ok, ticket),
            None => reply.outcome(&Outcome::Ok, self.held.output(self.out)),
        }
    }

    fn admin(&mut self, _line: &[u8], reply: &Reply<'_>) {
        reply.error(&RequestError::UnknownCommand, self.held.output(self.out));
    }
}
