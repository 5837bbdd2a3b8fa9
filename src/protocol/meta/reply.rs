//! Answers of meta commands: a code of two letters, then flags in the order of the request.

use super::{Form, Kind};
use crate::command::{ItemView, Outcome};
use crate::protocol::RequestError;
use crate::protocol::text::reply::{line, number};
use crate::protocol::text::words::words;

/// Room for the numbers that flags can add to an answer.
const FLAGS_SIZE: usize = 128;

impl Form<'_> {
    /// `VA SIZE FLAGS*` and the value, or `HD FLAGS*`.
    pub(in crate::protocol) fn hit(&self, item: &ItemView<'_>, out: &mut Vec<u8>) {
        let value_size = if self.value { item.value.len() } else { 0 };
        out.reserve(FLAGS_SIZE + self.flags.len() + self.key.len() + value_size);
        self.code_or_size(item.value.len(), out);
        let mut life = self.life(item.ttl_before, item.ttl);
        self.repeat_flags(out, |letter, out| match letter {
            b's' => flag(b's', item.value.len() as u64, out),
            b't' | b'T' | b'N' => life.pass(letter, out),
            b'c' => flag(b'c', item.cas, out),
            b'f' => flag(b'f', u64::from(item.flags), out),
            b'l' => flag(b'l', u64::from(item.idle), out),
            b'h' => flag(b'h', u64::from(item.fetched), out),
            _ => {}
        });
        for (mark, marked) in [
            (b" Z", item.win_sent),
            (b" X", item.stale),
            (b" W", item.won),
        ] {
            if marked {
                out.extend_from_slice(mark);
            }
        }
        out.extend_from_slice(b"\r\n");
        if self.value {
            item.value.append_to(out);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// `EN FLAGS*`, unless quiet.
    pub(in crate::protocol) fn miss(&self, quiet: bool, out: &mut Vec<u8>) {
        if quiet {
            return;
        }
        self.coded(b"EN", out, |_, _| {});
    }

    /// `HD FLAGS*`, unless quiet; `NS`, `EX` and `NF` always.
    pub(in crate::protocol) fn outcome(&self, quiet: bool, outcome: &Outcome, out: &mut Vec<u8>) {
        match outcome {
            Outcome::NotStored => self.not_done(b"NS", out),
            Outcome::Exists => self.not_done(b"EX", out),
            Outcome::NotFound => self.not_done(b"NF", out),
            Outcome::NonNumeric => line(RequestError::NonNumeric.line(), out),
            Outcome::TooLarge => line(RequestError::TooLarge.line(), out),
            Outcome::OutOfMemory => line(RequestError::OutOfMemory.line(), out),
            _ if quiet => {}
            Outcome::Stored { cas } => self.stored(b"HD", *cas, out),
            Outcome::Deleted | Outcome::Touched | Outcome::Ok => self.coded(b"HD", out, |_, _| {}),
            Outcome::Number {
                value,
                cas,
                ttl,
                ttl_before,
            } => {
                let life = self.life(*ttl_before, *ttl);
                self.number(*value, *cas, life, out);
            }
        }
    }

    /// `ME KEY exp=.. la=.. cas=.. fetch=.. cls=.. size=..`, as memcached's
    /// `process_meta_command`. A life without end is -1.
    pub(in crate::protocol) fn debug(
        &self,
        item: &ItemView<'_>,
        class: u32,
        size: usize,
        out: &mut Vec<u8>,
    ) {
        let exp = item.ttl.map_or(-1, i64::from);
        let fetch = if item.fetched { "yes" } else { "no" };
        let (la, cas) = (item.idle, item.cas);
        out.extend_from_slice(b"ME ");
        out.extend_from_slice(self.key);
        line(
            &format!(" exp={exp} la={la} cas={cas} fetch={fetch} cls={class} size={size}"),
            out,
        );
    }

    fn number(&self, value: u64, cas: u64, mut life: Life, out: &mut Vec<u8>) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(value);
        self.code_or_size(digits.len(), out);
        self.repeat_flags(out, |letter, out| match letter {
            b'c' => flag(b'c', cas, out),
            b't' | b'T' | b'N' => life.pass(letter, out),
            _ => {}
        });
        out.extend_from_slice(b"\r\n");
        if self.value {
            line(digits, out);
        }
    }

    /// What was not done shows no cas of an item: memcached says `c0` then.
    fn not_done(&self, code: &[u8], out: &mut Vec<u8>) {
        match self.kind {
            Kind::Set => self.stored(code, 0, out),
            Kind::Get | Kind::Delete | Kind::Arithmetic | Kind::Debug | Kind::Noop => {
                self.coded(code, out, |_, _| {});
            }
        }
    }

    fn stored(&self, code: &[u8], cas: u64, out: &mut Vec<u8>) {
        self.coded(code, out, |letter, out| match letter {
            b'c' => flag(b'c', cas, out),
            b's' => flag(b's', u64::from(self.size), out),
            _ => {}
        });
    }

    /// A line of code and flags.
    fn coded(&self, code: &[u8], out: &mut Vec<u8>, answer: impl Fn(u8, &mut Vec<u8>)) {
        out.extend_from_slice(code);
        self.repeat_flags(out, answer);
        out.extend_from_slice(b"\r\n");
    }

    fn code_or_size(&self, size: usize, out: &mut Vec<u8>) {
        if self.value {
            out.extend_from_slice(b"VA ");
            number(size as u64, out);
        } else {
            out.extend_from_slice(b"HD");
        }
    }

    /// Opaque and key where the request has them; `answer` may add what else a flag asks for.
    /// The life that `t` shows, before any flag.
    fn life(&self, before: Option<u32>, after: Option<u32>) -> Life {
        let touches = words(self.flags).any(|word| word[0] == b'T');
        Life {
            shown: before,
            after,
            set_by: if touches { b'T' } else { b'N' },
        }
    }

    fn repeat_flags(&self, out: &mut Vec<u8>, mut answer: impl FnMut(u8, &mut Vec<u8>)) {
        for word in words(self.flags) {
            match word[0] {
                b'O' => {
                    out.push(b' ');
                    out.extend_from_slice(word);
                }
                b'k' => {
                    out.extend_from_slice(b" k");
                    out.extend_from_slice(self.key);
                    if self.base64 {
                        out.extend_from_slice(b" b");
                    }
                }
                letter => answer(letter, out),
            }
        }
    }
}

/// Remaining life as the flags so far have left it: memcached works through them in order, so a `t`
/// before the `T` or `N` that sets a new life shows the old one.
struct Life {
    shown: Option<u32>,
    after: Option<u32>,
    /// The flag that sets it.
    set_by: u8,
}

impl Life {
    fn pass(&mut self, letter: u8, out: &mut Vec<u8>) {
        if letter == b't' {
            remaining_life(self.shown, out);
        } else if letter == self.set_by {
            self.shown = self.after;
        }
    }
}

fn flag(letter: u8, value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b' ', letter]);
    number(value, out);
}

fn remaining_life(ttl: Option<u32>, out: &mut Vec<u8>) {
    match ttl {
        Some(seconds) => flag(b't', u64::from(seconds), out),
        None => out.extend_from_slice(b" t-1"),
    }
}
