//! Clients: they speak the three protocols to the product's `Connection`s, pipeline, give up,
//! resolve the address anew and reconnect.
//!
//! What they ask for is chosen in `choose.rs` and `choice.rs`, written and read in `wire/`, and judged in
//! `answers.rs`. The way of the bytes is in `tcp.rs`, what a server does with them in `server.rs`.

mod answers;
mod choice;
mod choose;
mod register;
mod server;
mod tcp;
mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Arguments;

use super::model::{Attempted, Flushing, Pending, Token};
use super::world::{Event, MS, SECOND, World};
pub use register::Register;
pub use server::ServerConnection;
pub use tcp::ClientConnections;
use wire::Dialect;

/// A client.
pub struct Client {
    /// The host of a client that does not use the virtual IP.
    pub direct: Option<usize>,
    /// Which host answered for the virtual IP, as far as it knows.
    pub resolved: Option<usize>,
    connection: Option<u64>,
    dialect: Dialect,
    /// Changes with each thing it does, so that what was planned before is void.
    turn: u64,
    outstanding: VecDeque<Outstanding>,
    /// When it last asked for something.
    pub asked_at: u64,
    opaque: u32,
    input: Vec<u8>,
    pub keys: Vec<usize>,
    tokens: BTreeMap<usize, Token>,
    values: u64,
    pub behaviour: Behaviour,
    /// It counts in the shared register and does nothing else.
    counts: bool,
    pub stopped: bool,
    /// Requests answered, and the times of acknowledged mutations.
    pub answered: u64,
    pub acknowledged_at: Vec<u64>,
}

/// How a client behaves.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// Requests in one go, at most.
    pub pipeline: u64,
    /// Nanoseconds between an answer and the next request, at most.
    pub think: u64,
    /// Nanoseconds until it gives a connection up.
    pub patience: u64,
    /// It uses `flush_all` now and then.
    pub flushes: bool,
    /// Some items expire.
    pub expires: bool,
    /// It only stores.
    pub only_sets: bool,
    /// It stores small values and deletes them, and nothing else.
    pub churns: bool,
    /// Bytes of a large value, now and then.
    pub large: usize,
    /// So many of a hundred clients speak the binary protocol.
    pub binary_percent: u64,
    /// So many of a hundred text requests are meta commands.
    pub meta_percent: u64,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour {
            pipeline: 6,
            think: 20 * MS,
            patience: SECOND,
            flushes: false,
            expires: true,
            only_sets: false,
            churns: false,
            large: 3000,
            binary_percent: 30,
            meta_percent: 45,
        }
    }
}

/// A request on its way, or its answer.
struct Outstanding {
    what: What,
    /// Repeated by the answer, where the protocol does that.
    opaque: Option<u32>,
    /// It may have no answer.
    quiet: bool,
}

enum What {
    Mutation(Attempted),
    Read(Vec<Pending>),
    Flush {
        flushing: Flushing,
        delay: u64,
    },
    /// It only tells that what stood before it was executed.
    Mark,
    Register(register::Step),
}

impl Client {
    /// Requests that it has sent on its present connection and that have no answer.
    pub fn asked(&self) -> usize {
        self.outstanding.len()
    }
}

impl World {
    /// Adds clients on the virtual IP.
    pub fn add_clients(&mut self, count: usize, keys: usize, behaviour: Behaviour) {
        for _ in 0..count {
            self.add_client(None, keys, behaviour);
        }
    }

    /// Adds one client, on the virtual IP or on a host's own address.
    pub fn add_client(
        &mut self,
        direct: Option<usize>,
        keys: usize,
        behaviour: Behaviour,
    ) -> usize {
        let keys = (0..keys).map(|_| self.model.add_key()).collect();
        // A stopped host executes what waits when it wakes, unless the lease forbids it: whoever
        // does not use the virtual IP has to wait for that.
        let patience = match direct {
            Some(_) => 600 * SECOND,
            None => behaviour.patience,
        };
        let dialect = match self.workload.chance(behaviour.binary_percent) {
            true => Dialect::Binary,
            false => Dialect::Text,
        };
        self.clients.push(Client {
            direct,
            resolved: None,
            connection: None,
            dialect,
            turn: 0,
            outstanding: VecDeque::new(),
            asked_at: 0,
            opaque: 0,
            input: Vec::new(),
            keys,
            tokens: BTreeMap::new(),
            values: 0,
            behaviour: Behaviour {
                patience,
                ..behaviour
            },
            counts: false,
            stopped: false,
            answered: 0,
            acknowledged_at: Vec::new(),
        });
        let client = self.clients.len() - 1;
        self.act_after(client, MS);
        client
    }

    /// Adds clients that count together: each reads a number with its cas unique and stores the
    /// next one.
    pub fn add_counting_clients(&mut self, count: usize, behaviour: Behaviour) {
        for _ in 0..count {
            let behaviour = Behaviour {
                binary_percent: 0,
                ..behaviour
            };
            let client = self.add_client(None, 0, behaviour);
            self.clients[client].counts = true;
        }
    }

    /// Clients send nothing new.
    pub fn stop_clients(&mut self) {
        self.clients
            .iter_mut()
            .for_each(|client| client.stopped = true);
    }

    fn act_after(&mut self, client: usize, wait: u64) {
        self.clients[client].turn += 1;
        let turn = self.clients[client].turn;
        self.after(wait, Event::ClientActs { client, turn });
    }

    pub fn client_acts(&mut self, index: usize, turn: u64) {
        let client = &self.clients[index];
        if client.turn != turn || client.stopped {
            return;
        }
        if client.connection.is_some() {
            self.send_requests(index);
        } else {
            let delay = self.client_delay();
            self.after(
                delay,
                Event::ClientSyn {
                    client: index,
                    turn,
                },
            );
        }
    }

    /// Formatted only where a trace is collected: a swarm does without.
    fn tell_client(&mut self, index: usize, text: Arguments<'_>) {
        if self.trace.collects() {
            self.trace
                .line(self.now, &format!("c{index}"), &text.to_string());
        }
    }

    /// The client has waited long enough.
    pub fn impatient(&mut self, index: usize, turn: u64) {
        if self.clients[index].turn != turn {
            return;
        }
        self.coverage.reach("client: gives up");
        if let Some(number) = self.clients[index].connection {
            self.send_up(number, Vec::new(), true);
        }
        self.leave_connection(index);
        self.clients[index].resolved = None;
        self.act_after(index, MS);
    }

    /// What was not answered may have happened or not.
    fn leave_connection(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if let Some(number) = client.connection.take() {
            self.connections.leave(number);
        }
        client.input.clear();
        for outstanding in std::mem::take(&mut client.outstanding) {
            match outstanding.what {
                What::Mutation(attempted) => self.model.lost(attempted, self.now),
                What::Flush { flushing, .. } => self.model.flushed(&flushing, &[], self.now),
                What::Register(step) => self.register.lost(&step),
                What::Read(_) | What::Mark => {}
            }
        }
    }
}
