//! Answers that wait for the peer, and those that wait behind them.

use std::collections::VecDeque;

use crate::command::Ticket;
use crate::store::Acknowledged;

/// Bytes of waiting answers beyond which a connection executes no more.
const HELD_BYTES_MAX: usize = 256 * 1024;
/// Waiting mutations beyond which a connection executes no more.
const HELD_ANSWERS_MAX: usize = 4096;

/// The waiting answers of one connection, in order.
#[derive(Default)]
pub(super) struct Held {
    bytes: Vec<u8>,
    /// Where an answer starts that may not go before its ticket is served.
    marks: VecDeque<(usize, Ticket)>,
}

/// An answer that is being written before it is known whether it must wait.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    /// Nothing waits: it is written to the output, from this offset.
    Output(usize),
    /// It is written behind other waiting answers, from this offset.
    Held(usize),
}

impl Held {
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.bytes.len() > HELD_BYTES_MAX || self.marks.len() > HELD_ANSWERS_MAX
    }

    pub fn memory(&self) -> usize {
        self.bytes.capacity() + self.marks.capacity() * size_of::<(usize, Ticket)>()
    }

    /// Where the next answer goes that need not wait for itself.
    pub fn output<'a>(&'a mut self, out: &'a mut Vec<u8>) -> &'a mut Vec<u8> {
        if self.marks.is_empty() {
            out
        } else {
            &mut self.bytes
        }
    }

    /// Holds an answer until its ticket is served. A silent one leaves no mark.
    pub fn hold(&mut self, ticket: Ticket, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        if self.bytes.len() > start {
            self.marks.push_back((start, ticket));
        }
    }

    /// Begins an answer of which only its end will say whether it must wait.
    pub fn begin(&self, out: &[u8]) -> Mark {
        if self.marks.is_empty() {
            Mark::Output(out.len())
        } else {
            Mark::Held(self.bytes.len())
        }
    }

    /// Ends it: it waits for `ticket`, unless that is served.
    pub fn end(
        &mut self,
        mark: Mark,
        ticket: Ticket,
        acknowledged: &Acknowledged,
        out: &mut Vec<u8>,
    ) {
        if acknowledged.covers(ticket) {
            return;
        }
        match mark {
            Mark::Output(start) => {
                let answer = out.split_off(start);
                self.hold(ticket, |bytes| bytes.extend_from_slice(&answer));
            }
            Mark::Held(start) if self.bytes.len() > start => self.marks.push_back((start, ticket)),
            Mark::Held(_) => {}
        }
    }

    /// Appends everything to `out` that may go.
    pub fn release(&mut self, acknowledged: &Acknowledged, out: &mut Vec<u8>) {
        let waiting = self
            .marks
            .iter()
            .position(|(_, ticket)| !acknowledged.covers(*ticket));
        let served = waiting.unwrap_or(self.marks.len());
        if served == 0 {
            return;
        }
        self.marks.drain(..served);
        let Some((start, _)) = self.marks.front().copied() else {
            out.append(&mut self.bytes);
            if self.bytes.capacity() > 4096 {
                self.bytes = Vec::new();
                self.marks = VecDeque::new();
            }
            return;
        };
        out.extend(self.bytes.drain(..start));
        self.marks.iter_mut().for_each(|(at, _)| *at -= start);
    }
}
