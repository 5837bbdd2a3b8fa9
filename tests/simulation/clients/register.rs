//! A number that several clients count up together with cas: what one stores, the others must see.
//!
//! Every acknowledged step is in the number, unless a host was lost with it; no step is in it
//! twice.

use super::super::world::World;
use super::wire::Raw;

/// What a counting client does next, or waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    Read,
    Create,
    Store,
}

/// The number, as the clients know it.
#[derive(Default)]
pub struct Register {
    /// Steps that were acknowledged.
    pub acknowledged: u64,
    /// Steps that may have been done.
    pub unknown: u64,
    /// The number and cas unique that each client has read.
    read: std::collections::BTreeMap<usize, Option<(u64, u64)>>,
}

impl Register {
    pub(super) fn lost(&mut self, step: &Step) {
        self.unknown += u64::from(*step == Step::Store);
    }

    /// What is wrong with the number at the end. `whole`: no acknowledged step may be missing.
    pub fn violation(&self, number: Option<u64>, whole: bool) -> Option<String> {
        let number = number.unwrap_or(0);
        let (least, most) = (self.acknowledged, self.acknowledged + self.unknown);
        let wrong = number > most || whole && number < least;
        wrong.then(|| format!("the register is {number}, counted were {least} to {most} steps"))
    }
}

impl World {
    /// The next step of a counting client.
    pub(super) fn request_step(&mut self, index: usize, bytes: &mut Vec<u8>) -> Step {
        match self.register.read.remove(&index) {
            None => {
                bytes.extend(b"gets register\r\n");
                Step::Read
            }
            Some(None) => {
                bytes.extend(b"add register 0 0 1\r\n0\r\n");
                Step::Create
            }
            Some(Some((number, unique))) => {
                let next = (number + 1).to_string();
                let length = next.len();
                bytes.extend(format!("cas register 0 0 {length} {unique}\r\n{next}\r\n").bytes());
                Step::Store
            }
        }
    }

    pub(super) fn take_register(
        &mut self,
        index: usize,
        step: &Step,
        raw: Raw,
        copies: &[u64],
    ) -> Result<(), String> {
        self.tell_client(
            index,
            format_args!("{step:?} of the register: {raw:?} {copies:?}"),
        );
        match (step, raw) {
            (Step::Read, Raw::Values(values)) => {
                let shown = values.into_values().next();
                let number = |value: &[u8]| std::str::from_utf8(value).ok()?.parse().ok();
                let read = shown.and_then(|shown| Some((number(&shown.value?)?, shown.cas?)));
                self.register.read.insert(index, read);
                Ok(())
            }
            (Step::Create | Step::Store, Raw::Line(line)) => {
                let stored = line == "STORED";
                if stored && *step == Step::Store {
                    self.register.acknowledged += 1;
                    self.coverage.reach("register: counted");
                }
                if line == "EXISTS" {
                    self.coverage.reach("register: another one was first");
                }
                let expected = ["STORED", "NOT_STORED", "EXISTS", "NOT_FOUND"];
                match expected.contains(&line.as_str()) {
                    true => Ok(()),
                    false => Err(format!("the register was answered {line:?}")),
                }
            }
            (step, raw) => Err(format!("{step:?} of the register was answered {raw:?}")),
        }
    }
}
