//! Answers reach a client, which finds the request of each and tells the model.

use super::super::model::{Op, Pending, Reply, Shown, brief};
use super::super::world::{Event, MS, World};
use super::wire::{self, Raw};
use super::{Outstanding, What};

impl World {
    /// Answers reach a client. `copies` are the processes that have what they answer.
    pub fn send_to_client(&mut self, number: u64, bytes: &[u8], copies: &[u64]) {
        let Some(index) = self.connections.client_of(number) else {
            return;
        };
        let mut input = std::mem::take(&mut self.clients[index].input);
        input.extend(bytes);
        let dialect = self.clients[index].dialect;
        let mut at = 0;
        while let Some((raw, used)) = wire::take(dialect, &input[at..]) {
            at += used;
            if let Err(violation) = self.take_raw(index, raw, copies) {
                self.checks.report(format!("client {index}: {violation}"));
            }
        }
        input.drain(..at);
        self.clients[index].input = input;
        self.settle_client(index);
    }

    /// Everything is answered: the next turn.
    pub(super) fn settle_client(&mut self, index: usize) {
        let client = &self.clients[index];
        if client.outstanding.is_empty() {
            let wait = self.workload.below(client.behaviour.think.max(1)) + MS / 10;
            self.act_after(index, wait);
        }
    }

    fn take_raw(&mut self, index: usize, raw: Raw, copies: &[u64]) -> Result<(), String> {
        let outstanding = &mut self.clients[index].outstanding;
        let fits = |one: &Outstanding| match raw.opaque() {
            Some(opaque) => one.opaque == Some(opaque),
            None => !one.quiet,
        };
        let Some(at) = outstanding.iter().position(fits) else {
            return Err(format!("an answer to nothing: {raw:?}"));
        };
        let skipped: Vec<Outstanding> = outstanding.drain(..at).collect();
        let asked = outstanding.pop_front().expect("it is the front");
        for silent in skipped {
            self.take_silence(index, silent, copies)?;
        }
        self.clients[index].answered += 1;
        self.take_answer(index, asked.what, raw, copies)
    }

    /// A quiet request had no answer: a read found nothing, a mutation may have been done.
    fn take_silence(
        &mut self,
        index: usize,
        silent: Outstanding,
        copies: &[u64],
    ) -> Result<(), String> {
        match silent.what {
            _ if !silent.quiet => Err("answers are not in the order of the requests".to_owned()),
            What::Mutation(attempted) => {
                self.model.lost(attempted, self.now);
                Ok(())
            }
            What::Read(reads) => self.take_shown(index, &reads[0], None, copies[0]),
            What::Flush { .. } | What::Mark | What::Register(_) => {
                Err("a request that must be answered was not".to_owned())
            }
        }
    }

    fn take_answer(
        &mut self,
        index: usize,
        what: What,
        raw: Raw,
        copies: &[u64],
    ) -> Result<(), String> {
        match what {
            What::Mutation(attempted) => {
                let op = self.model.op(attempted).clone();
                let reply = wire::reply_to(attempted.0, &op, raw);
                self.take_reply(index, attempted, &op, &reply, copies)
            }
            What::Flush { flushing, delay: 0 } => {
                self.tell_client(index, format_args!("is answered for flush_all {copies:?}"));
                self.model.flushed(&flushing, copies, self.now);
                Ok(())
            }
            What::Flush { flushing, delay } => {
                self.tell_client(
                    index,
                    format_args!("is answered for the later flush_all {copies:?}"),
                );
                self.await_flush(flushing, delay, copies[0]);
                Ok(())
            }
            What::Read(reads) => self.take_read(index, &reads, raw, copies[0]),
            What::Mark => match raw {
                Raw::Meta { code, .. } if code == "MN" => Ok(()),
                Raw::Packet { opcode: 0x0a, .. } => Ok(()),
                other => Err(format!("a noop was answered {other:?}")),
            },
            What::Register(step) => self.take_register(index, &step, raw, copies),
        }
    }

    fn take_reply(
        &mut self,
        index: usize,
        attempted: (usize, usize),
        op: &Op,
        reply: &Reply,
        copies: &[u64],
    ) -> Result<(), String> {
        let now = self.now;
        self.clients[index].acknowledged_at.push(now);
        self.checks.note_acknowledged(now);
        self.tell_client(
            index,
            format_args!("is answered for key{}: {reply:?} {copies:?}", attempted.0),
        );
        self.trace
            .mix(&[index as u64, attempted.0 as u64, attempted.1 as u64]);
        self.coverage.reach(match reply {
            Reply::NotStored => "answer: not stored",
            Reply::Exists => "answer: exists",
            Reply::NotFound | Reply::Seen(None) => "answer: not found",
            Reply::NonNumeric => "answer: not a number",
            Reply::Error(_) => "answer: an error",
            _ => "answer: done",
        });
        if copies.len() > 1 {
            self.coverage.reach("answer: waited for the peer");
        }
        if op.token().is_some() && matches!(reply, Reply::Stored | Reply::Deleted) {
            self.coverage.reach("answer: a cas unique fits");
        }
        self.model.answered(attempted, copies, reply, now)
    }

    fn take_read(
        &mut self,
        index: usize,
        reads: &[Pending],
        raw: Raw,
        boot: u64,
    ) -> Result<(), String> {
        match raw {
            Raw::Values(values) => {
                let unasked = |key: &&usize| !reads.iter().any(|read| read.key == **key);
                if let Some(key) = values.keys().find(unasked) {
                    return Err(format!("key{key} was shown and not asked for"));
                }
                reads
                    .iter()
                    .try_for_each(|read| self.take_shown(index, read, values.get(&read.key), boot))
            }
            Raw::Meta { code, shown, .. } if code == "VA" => {
                self.take_shown(index, &reads[0], Some(&shown), boot)
            }
            Raw::Meta { code, .. } if code == "EN" => self.take_shown(index, &reads[0], None, boot),
            Raw::Packet {
                status: 0, shown, ..
            } => self.take_shown(index, &reads[0], Some(&shown), boot),
            Raw::Packet { status: 1, .. } => self.take_shown(index, &reads[0], None, boot),
            other => Err(format!("a read was answered {other:?}")),
        }
    }

    fn take_shown(
        &mut self,
        index: usize,
        read: &Pending,
        shown: Option<&Shown>,
        boot: u64,
    ) -> Result<(), String> {
        let value = |shown: &Shown| shown.value.as_deref().map(brief);
        if self.trace.collects() {
            let text = shown.and_then(value);
            self.tell_client(
                index,
                format_args!("is shown key{} by process {boot}: {text:?}", read.key),
            );
        }
        let length = |shown: &Shown| shown.value.as_ref().map_or(0, Vec::len) as u64;
        self.trace.mix(&[shown.map_or(0, length)]);
        self.coverage.reach(match shown {
            Some(Shown {
                stale: Some(true), ..
            }) => "read: stale",
            Some(_) => "read: found",
            None => "read: nothing",
        });
        self.model.shown(read, boot, shown, self.now)?;
        if let Some(unique) = shown.and_then(|shown| shown.cas)
            && self.clients[index].keys.contains(&read.key)
        {
            let token = self.model.token(read, boot, unique);
            self.clients[index].tokens.insert(read.key, token);
        }
        Ok(())
    }

    /// A flush is due later: then it is certain, if nothing came between.
    fn await_flush(&mut self, flushing: super::Flushing, delay: u64, boot: u64) {
        let event = Event::FlushDue {
            flushing,
            boot,
            since: self.now,
            flushes: self.model.flushes,
        };
        // A life is counted in quarters of a second, and looked at every tenth.
        self.after(delay + 700 * MS, event);
    }

    /// The time of a delayed flush has come for certain.
    pub fn flush_due(&mut self, flushing: &super::Flushing, boot: u64, since: u64, flushes: u64) {
        let host = self
            .hosts
            .iter()
            .find(|host| host.boot() == boot && boot != 0);
        let ran = host.is_some_and(|host| host.is_running() && host.awake_since <= since);
        let alone = self.model.flushes == flushes;
        let copies: &[u64] = if ran && alone { &[boot] } else { &[] };
        if !copies.is_empty() {
            self.coverage.reach("flush: was done when it was due");
        }
        self.model.flushed(flushing, copies, self.now);
    }
}
