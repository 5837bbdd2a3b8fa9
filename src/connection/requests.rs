//! Requests of one connection, executed one after the other as far as room and fairness allow.

use vrrp::time::Instant;

use super::act::{Act, Done, Retrieval, Unfinished};
use super::auth::{Passage, Passwords};
use super::facts::Facts;
use super::{Connection, Context, OUTPUT_BYTES_MAX};
use crate::command::{Command, Get};
use crate::protocol::{Form, Reply, Request, RequestError, Step};

/// How far one call has come.
struct Progress {
    /// Bytes of the input that are done with.
    at: usize,
    requests: usize,
    /// Meta commands not counted yet.
    meta_commands: u64,
}

impl Connection {
    /// Executes whole requests from the front of `input`. Returns how many bytes they took.
    pub(super) fn execute(
        &mut self,
        now: Instant,
        input: &[u8],
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) -> usize {
        let mut progress = Progress {
            at: 0,
            requests: 0,
            meta_commands: 0,
        };
        self.blocked = false;
        self.gives_way = false;
        self.need = 0;
        if let Some(passwords) = context.passwords
            && !self.is_admitted()
        {
            progress.at = self.pass_gate(input, passwords, context, out);
        }
        self.finish(now, context, out);
        while !self.closing && !self.blocked && (context.passwords.is_none() || self.is_admitted())
        {
            if out.len() > OUTPUT_BYTES_MAX || self.held.is_full() {
                self.blocked = true;
            } else if progress.at < input.len() && has_had_its_turn(&progress, context) {
                // memcached's `-R`, without which one client could keep all others waiting.
                (self.blocked, self.gives_way) = (true, true);
                Facts::add(&context.facts.conn_yields, 1);
            } else if !self.step(now, input, &mut progress, context, out) {
                break;
            }
        }
        if progress.meta_commands > 0 {
            Facts::add(&context.facts.cmd_meta, progress.meta_commands);
        }
        progress.at
    }

    /// Executes the next request. False where there is none that may be executed now.
    fn step(
        &mut self,
        now: Instant,
        input: &[u8],
        progress: &mut Progress,
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        progress.requests += 1;
        let mut act = Act {
            now,
            context,
            client: self.client_id(),
            held: &mut self.held,
            out,
        };
        match self.decoder.decode(&input[progress.at..]) {
            Step::Incomplete { need } => {
                self.need = need;
                return false;
            }
            Step::Skipped { consumed } => progress.at += consumed,
            Step::Request { consumed, request } => {
                if context.hold.stops(request.command.is_mutation()) {
                    self.blocked = true;
                    return false;
                }
                count(&request, progress, context);
                let done = act.perform(&request);
                progress.at += consumed;
                match done {
                    Done::Answered => {}
                    Done::Unfinished(rest) => {
                        self.unfinished = Some(rest);
                        self.blocked = true;
                    }
                    Done::Watch(watcher) => {
                        self.watcher = Some(watcher);
                        progress.at = input.len();
                        return false;
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
                act.refuse(&reply, &error, forget);
                progress.at += consumed;
                self.closing = close;
            }
        }
        true
    }

    /// Everything before the client has proved who it is. Returns how many bytes that took.
    fn pass_gate(
        &mut self,
        input: &[u8],
        passwords: &Passwords,
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) -> usize {
        let mut at = 0;
        while !self.is_admitted() && !self.closing {
            if out.len() > OUTPUT_BYTES_MAX {
                self.blocked = true;
                break;
            }
            match self.gate.pass(&input[at..], passwords) {
                Passage::Incomplete { need } => {
                    self.need = need;
                    break;
                }
                Passage::Skipped { consumed } => at += consumed,
                Passage::Admitted { consumed } => {
                    at += consumed;
                    Facts::add(&context.facts.auth_cmds, 1);
                    Reply::TEXT.line("STORED", out);
                }
                Passage::Refused { consumed, error } => {
                    at += consumed;
                    if error == RequestError::AuthenticationFailure {
                        Facts::add(&context.facts.auth_cmds, 1);
                        Facts::add(&context.facts.auth_errors, 1);
                    }
                    Reply::TEXT.error(&error, out);
                }
                Passage::Closed => self.closing = true,
            }
        }
        at
    }

    /// Goes on with an answer that stopped because the output was full, by a piece that leaves
    /// others their turn.
    fn finish(&mut self, now: Instant, context: &Context<'_>, out: &mut Vec<u8>) {
        let Some(rest) = self.unfinished.take() else {
            return;
        };
        let mut act = Act {
            now,
            context,
            client: self.client_id(),
            held: &mut self.held,
            out,
        };
        let done = match *rest {
            Unfinished::Retrieval(rest) => {
                let Retrieval {
                    with_cas,
                    touch,
                    last,
                    ..
                } = rest;
                let get = Get {
                    line: &rest.keys,
                    with_cas,
                    touch,
                    last,
                };
                act.get(&get, &Reply::TEXT)
            }
            Unfinished::Listing(listing) => act.list(listing, &Reply::TEXT),
        };
        if let Done::Unfinished(rest) = done {
            self.unfinished = Some(rest);
            self.blocked = true;
        }
    }
}

fn has_had_its_turn(progress: &Progress, context: &Context<'_>) -> bool {
    let most = context.facts.settings.requests_per_event;
    most > 0 && progress.requests == most
}

fn count(request: &Request<'_>, progress: &mut Progress, context: &Context<'_>) {
    progress.meta_commands += u64::from(matches!(request.reply.form, Form::Meta(_)));
    if matches!(request.command, Command::Stats(_)) {
        // The statistics include what stood before them in the same read.
        let before = std::mem::take(&mut progress.meta_commands);
        Facts::add(&context.facts.cmd_meta, before);
    }
}
