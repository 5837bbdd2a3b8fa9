//! What a client asks for next. Which mutation, is in `choice.rs`.

use super::super::host::ZERO_UNIX_MS;
use super::super::model::{Life, Op, is_time_of_day};
use super::super::world::{Event, MS, SECOND, World};
use super::choice::Choice;
use super::wire::text::Shape;
use super::wire::{Dialect, Form, binary, text};
use super::{Outstanding, What};

impl World {
    pub(super) fn send_requests(&mut self, index: usize) {
        let pipeline = self.clients[index].behaviour.pipeline;
        let count = self.workload.between(1, pipeline);
        let mut bytes = Vec::new();
        if self.clients[index].counts {
            let step = self.request_step(index, &mut bytes);
            self.expect(index, What::Register(step), None, false);
        } else {
            for _ in 0..count {
                self.request(index, &mut bytes);
            }
        }
        if self.clients[index]
            .outstanding
            .back()
            .is_some_and(|last| last.quiet)
        {
            // Something has to tell that the silent ones were executed.
            self.request_mark(index, &mut bytes);
        }
        let number = self.clients[index].connection.expect("the caller checked");
        let cut = self.network.below(bytes.len() as u64 + 1) as usize;
        let rest = bytes.split_off(cut);
        for part in [bytes, rest] {
            if !part.is_empty() {
                self.send_up(number, part, false);
            }
        }
        self.clients[index].asked_at = self.now;
        self.clients[index].turn += 1;
        let (turn, patience) = (
            self.clients[index].turn,
            self.clients[index].behaviour.patience,
        );
        self.after(
            patience,
            Event::Impatient {
                client: index,
                turn,
            },
        );
        self.settle_client(index);
    }

    fn expect(&mut self, index: usize, what: What, opaque: Option<u32>, quiet: bool) {
        let outstanding = Outstanding {
            what,
            opaque,
            quiet,
        };
        self.clients[index].outstanding.push_back(outstanding);
    }

    fn next_opaque(&mut self, index: usize) -> u32 {
        self.clients[index].opaque += 1;
        self.clients[index].opaque
    }

    fn request(&mut self, index: usize, bytes: &mut Vec<u8>) {
        let behaviour = self.clients[index].behaviour;
        let own = &self.clients[index].keys;
        let key = own[self.workload.below(own.len() as u64) as usize];
        let form = match self.clients[index].dialect {
            Dialect::Binary => Form::Binary,
            Dialect::Text if self.workload.chance(behaviour.meta_percent) => Form::Meta,
            Dialect::Text => Form::Classic,
        };
        if behaviour.flushes && self.workload.below(400) == 0 {
            self.request_flush(index, form, bytes);
        } else if !behaviour.only_sets && !behaviour.churns && self.workload.chance(35) {
            self.request_read(index, form, key, bytes);
        } else {
            self.request_mutation(index, form, key, bytes);
        }
    }

    fn request_flush(&mut self, index: usize, form: Form, bytes: &mut Vec<u8>) {
        let delay: Life = if self.workload.chance(40) {
            self.workload.between(1, 3) as Life
        } else {
            0
        };
        self.coverage.reach(match delay {
            0 => "command: flush_all",
            _ => "command: flush_all later",
        });
        let opaque = self.next_opaque(index);
        let opaque = if form == Form::Binary {
            binary::flush(bytes, delay, opaque);
            Some(opaque)
        } else {
            let text = match delay {
                0 => "flush_all\r\n".to_owned(),
                delay => format!("flush_all {delay}\r\n"),
            };
            bytes.extend(text.bytes());
            None
        };
        self.tell_client(index, format_args!("asks for flush_all in {delay} s"));
        let flushing = self.model.flush(self.now);
        let delay = delay as u64 * SECOND;
        self.expect(index, What::Flush { flushing, delay }, opaque, false);
    }

    /// Something that is always answered.
    fn request_mark(&mut self, index: usize, bytes: &mut Vec<u8>) {
        let opaque = match self.clients[index].dialect {
            Dialect::Binary => {
                let opaque = self.next_opaque(index);
                binary::noop(bytes, opaque);
                Some(opaque)
            }
            Dialect::Text => {
                bytes.extend(b"mn\r\n");
                None
            }
        };
        self.expect(index, What::Mark, opaque, false);
    }

    fn request_read(&mut self, index: usize, form: Form, own: usize, bytes: &mut Vec<u8>) {
        let all = self.model.keys() as u64;
        if form == Form::Classic {
            let mut keys = vec![own];
            for _ in 0..self.workload.below(3) {
                keys.push(self.workload.below(all) as usize);
            }
            keys.sort_unstable();
            keys.dedup();
            let name = text::get(bytes, &keys, self.workload.chance(40));
            self.coverage.command(name);
            let reads = keys
                .iter()
                .map(|key| self.model.read(*key, self.now))
                .collect();
            self.expect(index, What::Read(reads), None, false);
            return;
        }
        let key = match self.workload.chance(60) {
            true => own,
            false => self.workload.below(all) as usize,
        };
        let (quiet, opaque) = (self.workload.chance(30), self.next_opaque(index));
        let name = match form {
            Form::Binary => binary::get(bytes, key, self.shape(), quiet, opaque),
            _ => text::meta_get(bytes, key, quiet, opaque),
        };
        self.coverage.command(name);
        let reads = vec![self.model.read(key, self.now)];
        self.expect(index, What::Read(reads), Some(opaque), quiet);
    }

    fn shape(&mut self) -> Shape {
        [Shape::Plain, Shape::Showing, Shape::ShowingCas][self.workload.below(3) as usize]
    }

    fn request_mutation(&mut self, index: usize, form: Form, key: usize, bytes: &mut Vec<u8>) {
        let behaviour = self.clients[index].behaviour;
        self.clients[index].values += 1;
        let number = self.clients[index].values;
        let token = self.clients[index].tokens.get(&key).copied();
        let choice = Choice {
            behaviour,
            form,
            key,
            number,
            token,
            unix_s: self.unix_s(),
        };
        let op = choice.op(&mut self.workload);
        if op.token().is_some() && self.workload.chance(70) {
            // Now and then it is used again, when it must no longer fit.
            self.clients[index].tokens.remove(&key);
        }
        let shape = self.shape();
        let touch = matches!(op, Op::Touch(_));
        let is_read = matches!(op, Op::Vivify(_)) || touch && form != Form::Classic;
        let shows = is_read || touch && shape != Shape::Plain;
        // Where memory is tight, a quiet meta command may be answered with an error that does not
        // say which one it was.
        let tells = form != Form::Meta || self.options.ample;
        let quiet = !shows && tells && self.workload.chance(if behaviour.churns { 50 } else { 10 });
        let opaque = self.next_opaque(index);
        let (name, opaque) = match form {
            Form::Binary => {
                let name = binary::mutation(bytes, (shape, quiet), key, &op, opaque);
                (name, Some(opaque))
            }
            _ => {
                let name = text::mutation(bytes, (form, shape, quiet), key, &op, opaque);
                (name, (form == Form::Meta).then_some(opaque))
            }
        };
        self.coverage.command(name);
        if op.life().is_some_and(is_time_of_day) {
            self.coverage.reach("life: a time of day");
        }
        if quiet {
            self.coverage.reach(match form {
                Form::Classic => "command: noreply",
                Form::Meta => "command: quiet meta",
                Form::Binary => "command: quiet binary",
            });
        }
        self.tell_client(index, format_args!("asks for key{key} ({name}): {op}"));
        let attempted = self.model.attempt(key, op, self.now);
        self.expect(index, What::Mutation(attempted), opaque, quiet);
    }

    /// The time of day, if no host has another one.
    fn unix_s(&self) -> Option<Life> {
        let agreed = self.hosts.iter().all(|host| host.skew_ms == 0);
        agreed.then(|| ((ZERO_UNIX_MS + self.now / MS) / 1000) as Life)
    }
}
