//! Bytes on their way, as the two kernels and the network between them see them.

use super::super::world::{Event, MS, World};

/// How long TCP takes to send again after a cut has healed.
const RETRANSMIT_MAX: u64 = 200 * MS;

impl World {
    pub(super) fn move_segment(&mut self, number: u64, pipe: usize) {
        let delay = self.link_delay();
        let Some(tcp) = self.link.connections.get_mut(&number) else {
            return;
        };
        let from = tcp.hosts[pipe];
        let pipe_of = &mut tcp.pipes[pipe];
        let idle = pipe_of.sent.is_empty() && (!pipe_of.finished || pipe_of.ended);
        if pipe_of.moving || idle || self.link.cut[from] {
            return;
        }
        pipe_of.moving = true;
        self.after(
            delay,
            Event::Segment {
                connection: number,
                pipe,
            },
        );
    }

    pub fn segment_arrives(&mut self, number: u64, pipe: usize) {
        let size = self.network.between(1, self.link.segment_bytes) as usize;
        let window = self.link.window_bytes;
        let Some(tcp) = self.link.connections.get_mut(&number) else {
            return;
        };
        let (from, to) = (tcp.hosts[pipe], tcp.hosts[1 - pipe]);
        let state = &mut tcp.pipes[pipe];
        state.moving = false;
        if self.link.cut[from] {
            return;
        }
        let count = size.min(state.sent.len());
        if !tcp.open[1 - pipe] {
            // Nobody is there. The host, if it runs, answers with a reset.
            state.sent.clear();
            state.ended = true;
            if self.hosts[to].powered && !self.link.cut[to] {
                self.reset_arrives(number, pipe);
            }
            return;
        }
        if state.received.len() < window {
            state.received.extend(state.sent.drain(..count));
            state.ended |= state.finished && state.sent.is_empty();
        }
        let blocked = state.blocked && state.sent.len() < window;
        if blocked {
            state.blocked = false;
        }
        if state.received.len() < window {
            self.move_segment(number, pipe);
        }
        if self.hosts[to].is_running() {
            self.read_link(to, number);
            self.turn(to);
        }
        if blocked && self.hosts[from].is_running() {
            self.turn(from);
        }
    }

    /// The path may stand again: what waited is sent again.
    pub fn link_healed(&mut self) {
        let numbers: Vec<u64> = self.link.connections.keys().copied().collect();
        for number in numbers {
            for pipe in 0..2 {
                let wait = self.network.below(RETRANSMIT_MAX);
                self.after(
                    wait,
                    Event::Retransmit {
                        connection: number,
                        pipe,
                    },
                );
            }
        }
    }

    pub fn retransmit(&mut self, number: u64, pipe: usize) {
        self.move_segment(number, pipe);
    }
}
