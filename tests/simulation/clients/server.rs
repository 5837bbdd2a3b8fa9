//! What a server process does with its clients' bytes. As `server/client.rs` of the product.

use twincached::connection::{Connection, Context, Process as Figures};
use twincached::protocol::Limits;
use vrrp::time::Instant;

use super::super::host::Process;
use super::super::world::World;

const LIMITS: Limits = Limits {
    item_size_max: 1 << 20,
};

/// A connection as the server process has it.
pub struct ServerConnection {
    connection: Connection,
    pub via_virtual: bool,
    ended: bool,
    /// Since when answers have been waiting for the peer.
    pub holding_since: Option<u64>,
}

impl ServerConnection {
    pub fn new(via_virtual: bool) -> ServerConnection {
        ServerConnection {
            connection: Connection::new(LIMITS),
            via_virtual,
            ended: false,
            holding_since: None,
        }
    }

    fn waits(&self) -> bool {
        self.connection.is_holding() || self.connection.is_blocked()
    }
}

const fn no_figures() -> Figures {
    Figures {
        pid: 1,
        user_us: 0,
        system_us: 0,
        unix_time_s: 0,
    }
}

fn context(process: &Process) -> Context<'_> {
    Context {
        store: &process.store,
        facts: &process.facts,
        process: no_figures,
        section: &|_| Vec::new(),
        hold: process.hold,
        passwords: None,
    }
}

/// A request on a host's own address.
pub struct Asked {
    host: usize,
    connection: Connection,
    out: Vec<u8>,
}

impl World {
    /// A worker reads from a connection.
    pub fn serve_bytes(&mut self, host: usize, number: u64, bytes: &[u8], end: bool) {
        if end {
            if let Some(process) = self.hosts[host].process.as_mut()
                && let Some(connection) = process.connections.get_mut(&number)
            {
                connection.ended = true;
            }
            self.finish_connection(host, number);
            return;
        }
        self.execute(host, number, |connection, now, context, out| {
            connection.handle_bytes(now, bytes, context, out);
        });
        self.turn(host);
    }

    fn execute(
        &mut self,
        host: usize,
        number: u64,
        act: impl FnOnce(&mut Connection, Instant, &Context<'_>, &mut Vec<u8>),
    ) {
        let now = self.local(host);
        let Some(process) = self.hosts[host].process.as_mut() else {
            return;
        };
        let Some(mut connection) = process.connections.remove(&number) else {
            return;
        };
        if connection.via_virtual && now >= process.lease_until {
            // The lease has ended: an old request must not become the newest version.
            self.coverage
                .reach("client: asks a host whose lease has ended");
            self.close_to_client(number);
            return;
        }
        let mut out = Vec::new();
        act(&mut connection.connection, now, &context(process), &mut out);
        connection.ended |= connection.connection.is_closing();
        let holds = connection.connection.is_holding();
        let holding = process.store.acknowledged().is_holding();
        // Answers leave in order: what waits now was asked for after what has just left.
        let still = connection.holding_since.filter(|_| out.is_empty());
        connection.holding_since = holds.then(|| still.unwrap_or(self.now));
        connection.ended |= process.closes(connection.via_virtual) && !holds;
        let blocked = connection.connection.is_blocked();
        process.connections.insert(number, connection);
        let mut copies = vec![process.boot];
        // Once the link is lost, what was acknowledged is still on the process that did so.
        let connected = process.node.peer_boot_id().map(|id| id >> 8);
        process.peer_boot = connected.or(process.peer_boot);
        copies.extend(process.peer_boot.filter(|_| holding));
        if !out.is_empty() {
            self.checks.note_answer(holding);
            self.send_down(number, out, copies);
            if blocked {
                // The output has left: what waited for room goes on.
                self.execute(host, number, Connection::resume);
            }
        }
        self.finish_connection(host, number);
    }

    /// One request on a host's own address, and its answer, however long that waits.
    pub fn ask(&mut self, host: usize, request: &str) -> String {
        let mut asked = self.begin(host, request);
        self.turn(host);
        for _ in 0..3_000 {
            if self.is_answered(&mut asked) {
                break;
            }
            self.run_ms(1);
        }
        String::from_utf8(asked.out).expect("the answers are text")
    }

    /// Executes a request on a host's own address. The node has not heard of it yet.
    pub fn begin(&mut self, host: usize, request: &str) -> Asked {
        let (mut connection, mut out) = (Connection::new(LIMITS), Vec::new());
        let now = self.local(host);
        if let Some(process) = self.hosts[host].process.as_ref() {
            connection.handle_bytes(now, request.as_bytes(), &context(process), &mut out);
        }
        Asked {
            host,
            connection,
            out,
        }
    }

    /// Whether its answer has left, or will never come.
    pub fn is_answered(&mut self, asked: &mut Asked) -> bool {
        let now = self.local(asked.host);
        let Some(process) = self.hosts[asked.host].process.as_ref() else {
            return true;
        };
        let Asked {
            connection, out, ..
        } = asked;
        connection.resume(now, &context(process), out);
        !connection.is_holding() && !connection.is_blocked()
    }

    /// Wakes the connections that wait for the peer, or all of them.
    pub fn resume_connections(&mut self, host: usize, all: bool) {
        let process = self.hosts[host].process.as_ref().expect("it acts");
        let waiting = process
            .connections
            .iter()
            .filter(|(_, one)| all || one.waits());
        let numbers: Vec<u64> = waiting.map(|(number, _)| *number).collect();
        for number in numbers {
            let process = self.hosts[host].process.as_ref().expect("it acts");
            let touched = process
                .connections
                .get(&number)
                .is_some_and(|one| one.waits() || process.closes(one.via_virtual));
            if touched {
                self.execute(host, number, Connection::resume);
            }
        }
    }

    fn finish_connection(&mut self, host: usize, number: u64) {
        let Some(process) = self.hosts[host].process.as_mut() else {
            return;
        };
        let done = |one: &ServerConnection| one.ended && !one.connection.is_holding();
        if process.connections.get(&number).is_some_and(done) {
            process.connections.remove(&number);
            self.close_to_client(number);
        }
    }

    /// Resets connections over the virtual address.
    pub fn reset_connections(&mut self, host: usize) {
        let process = self.hosts[host].process.as_mut().expect("it acts");
        let of_virtual = process
            .connections
            .iter()
            .filter(|(_, one)| one.via_virtual);
        let numbers: Vec<u64> = of_virtual.map(|(number, _)| *number).collect();
        for number in numbers {
            let process = self.hosts[host].process.as_mut().expect("it acts");
            process.connections.remove(&number);
            self.close_to_client(number);
        }
    }
}
