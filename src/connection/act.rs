//! One request: executed, observed and answered.

use std::sync::Arc;

use vrrp::time::Instant;

use super::admin::{self, Then};
use super::held::Held;
use super::listing::Listing;
use super::observers::{DELETIONS, DETAIL, FETCHERS, MUTATIONS, Origin};
use super::watchers::Watcher;
use super::{Context, Facts, OUTPUT_BYTES_MAX, VERSION, statistics, unix_us, without_cas};
use crate::command::{Command, Delete, Exptime, Get, Outcome, Read, Store as StoreCommand, Ticket};
use crate::protocol::{Form, Reply, Request, RequestError};

/// What is left of an answer whose output would not fit at once.
pub(super) enum Unfinished {
    Retrieval(Retrieval),
    Listing(Listing),
}

/// What is left of a retrieval.
pub(super) struct Retrieval {
    pub keys: Vec<u8>,
    pub with_cas: bool,
    pub touch: Option<Exptime>,
    pub last: bool,
}

/// What became of a request.
pub(super) enum Done {
    Answered,
    Unfinished(Box<Unfinished>),
    Watch(Arc<Watcher>),
    Close,
}

/// One request being performed.
pub(super) struct Act<'a, 'b> {
    pub now: Instant,
    pub context: &'a Context<'b>,
    /// The connection's descriptor, for those who watch.
    pub client: u32,
    pub held: &'a mut Held,
    pub out: &'a mut Vec<u8>,
}

impl Act<'_, '_> {
    pub fn perform(&mut self, request: &Request<'_>) -> Done {
        if self.has_cas() {
            self.execute(&request.command, &request.reply)
        } else {
            self.execute(&without_cas::command(&request.command), &request.reply)
        }
    }

    fn has_cas(&self) -> bool {
        self.context.facts.settings.cas_enabled
    }

    fn execute(&mut self, command: &Command<'_>, reply: &Reply<'_>) -> Done {
        let (store, now) = (self.context.store, self.now);
        match command {
            Command::Get(get) => return self.get(get, reply),
            Command::Read(read) => self.read(read, reply),
            Command::Store(command) => self.store(command, reply),
            Command::Delete(command) => self.delete(command, reply),
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
                let has_cas = self.has_cas();
                let out = self.held.output(self.out);
                store.read(now, &read, |item| match item {
                    Some(item) => {
                        let size = item.key.len() + item.value.len();
                        let blind = without_cas::item(item);
                        reply.meta_debug(if has_cas { item } else { &blind }, 1, size, out);
                    }
                    None => reply.miss(key, out),
                });
            }
            Command::Noop => reply.noop(self.held.output(self.out)),
            Command::Version => reply.version(VERSION, self.held.output(self.out)),
            Command::Verbosity(level) => {
                admin::set_verbosity(self.context, *level);
                reply.outcome(&Outcome::Ok, self.held.output(self.out));
            }
            Command::Stats(arguments) => {
                let out = self.held.output(self.out);
                if let Some(listing) = statistics::answer(now, self.context, arguments, reply, out)
                {
                    return self.list(listing, reply);
                }
            }
            Command::Quit => {
                reply.quit(self.held.output(self.out));
                return Done::Close;
            }
            Command::Admin(line) => return self.admin(line, reply),
        }
        Done::Answered
    }

    fn store(&mut self, command: &StoreCommand<'_>, reply: &Reply<'_>) {
        let (outcome, ticket) = self.context.store.store(self.now, command);
        let observers = &self.context.facts.observers;
        if observers.want(DETAIL | MUTATIONS) {
            observers.stored(&self.origin(), command, &outcome);
        }
        self.answer(reply, &outcome, ticket);
    }

    fn delete(&mut self, command: &Delete<'_>, reply: &Reply<'_>) {
        let (store, observers) = (self.context.store, &self.context.facts.observers);
        let size = observers
            .want(DELETIONS)
            .then(|| store.value_len(self.now, command.key));
        let (outcome, ticket) = store.delete(self.now, command);
        if observers.want(DETAIL | DELETIONS) {
            let gone = size.flatten().filter(|_| outcome == Outcome::Deleted);
            let is_meta = matches!(reply.form, Form::Meta(_));
            observers.deleted(&self.origin(), command.key, is_meta, gone);
        }
        self.answer(reply, &outcome, ticket);
    }

    pub fn get(&mut self, get: &Get<'_>, reply: &Reply<'_>) -> Done {
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
                let rest = Retrieval {
                    keys,
                    with_cas,
                    touch,
                    last,
                };
                return Done::Unfinished(Box::new(Unfinished::Retrieval(rest)));
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
        let has_cas = self.has_cas();
        let out = self.held.output(self.out);
        let (found, ticket) = self.context.store.read(self.now, read, |item| {
            match item {
                Some(item) if has_cas => reply.hit(with_cas, item, out),
                Some(item) => reply.hit(with_cas, &without_cas::item(item), out),
                None => reply.miss(read.key, out),
            }
            let found = item.filter(|item| read.vivify.is_none() || !item.won);
            found.map(|item| item.value.len())
        });
        let observers = &self.context.facts.observers;
        if observers.want(DETAIL | FETCHERS) {
            observers.fetched(&self.origin(), read.key, found);
        }
        if let Some(ticket) = ticket {
            self.held
                .end(mark, ticket, self.context.store.acknowledged(), self.out);
        }
    }

    /// Answers a mutation once the peer has it.
    fn answer(&mut self, reply: &Reply<'_>, outcome: &Outcome, ticket: Ticket) {
        let outcome = &match self.has_cas() {
            true => *outcome,
            false => without_cas::outcome(*outcome),
        };
        if self.context.store.acknowledged().covers(ticket) {
            reply.outcome(outcome, self.held.output(self.out));
        } else {
            self.held.hold(ticket, |out| reply.outcome(outcome, out));
        }
    }

    pub fn refuse(&mut self, reply: &Reply<'_>, error: &RequestError, forget: Option<&[u8]>) {
        if let Some(key) = forget {
            let ticket = self.context.store.forget(self.now, key);
            if !self.context.store.acknowledged().covers(ticket) {
                self.held.hold(ticket, |out| reply.error(error, out));
                return;
            }
        } else if *error == RequestError::TooLarge {
            Facts::add(&self.context.facts.store_too_large, 1);
        }
        reply.error(error, self.held.output(self.out));
    }

    fn flush(&mut self, delay: Exptime, reply: &Reply<'_>) {
        Facts::add(&self.context.facts.cmd_flush, 1);
        if !self.context.facts.settings.flush_enabled {
            reply.error(&RequestError::FlushDisabled, self.held.output(self.out));
            return;
        }
        match self.context.store.flush_all(self.now, delay) {
            Some(ticket) => self.answer(reply, &Outcome::Ok, ticket),
            None => reply.outcome(&Outcome::Ok, self.held.output(self.out)),
        }
    }

    fn admin(&mut self, line: &[u8], reply: &Reply<'_>) -> Done {
        let then = admin::execute(self.context, line);
        then.say(reply, self.held.output(self.out));
        match then {
            Then::Say(_) => Done::Answered,
            Then::Close => Done::Close,
            Then::List(_) if reply.quiet => Done::Answered,
            Then::List(listing) => self.list(listing, reply),
            Then::Watch(watcher) => Done::Watch(watcher),
        }
    }

    /// A piece of a listing.
    pub fn list(&mut self, mut listing: Listing, reply: &Reply<'_>) -> Done {
        let is_full = self.out.len() > OUTPUT_BYTES_MAX || self.held.is_full();
        let out = self.held.output(self.out);
        if is_full || listing.go_on(self.now, self.context.store, reply, out) {
            return Done::Unfinished(Box::new(Unfinished::Listing(listing)));
        }
        Done::Answered
    }

    fn origin(&self) -> Origin {
        Origin {
            unix_us: unix_us(self.now, self.context),
            client: self.client,
            delimiter: self.context.facts.settings.prefix_delimiter(),
        }
    }
}
