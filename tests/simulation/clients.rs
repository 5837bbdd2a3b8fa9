//! Clients: they speak the text protocol to the product's `Connection`s, pipeline, give up, resolve
//! the address anew and reconnect.

use std::collections::{BTreeMap, VecDeque};

use twincached::connection::{Connection, Context, Process as Figures};
use twincached::protocol::Limits;
use vrrp::time::Instant;

use super::model::{Attempted, Flushing, Life, Op, Pending, Reply, Shown, brief};
use super::world::{Event, MS, SECOND, World};

const LIMITS: Limits = Limits {
    item_size_max: 1 << 20,
};

/// A client.
pub struct Client {
    /// The host of a client that does not use the virtual IP.
    pub direct: Option<usize>,
    /// Which host answered for the virtual IP, as far as it knows.
    pub resolved: Option<usize>,
    connection: Option<u64>,
    /// Changes with each thing it does, so that what was planned before is void.
    turn: u64,
    outstanding: VecDeque<Outstanding>,
    input: Vec<u8>,
    pub keys: Vec<usize>,
    tokens: BTreeMap<usize, u64>,
    values: u64,
    pub behaviour: Behaviour,
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
    /// Bytes of a large value, now and then.
    pub large: usize,
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
            large: 3000,
        }
    }
}

enum Outstanding {
    Mutation(Attempted, Form),
    Get { reads: Vec<Pending>, with_cas: bool },
    Flush(Flushing),
}

/// What kind of line answers.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Line,
    Silent,
}

/// A client's connection as both kernels and the network see it.
struct Tcp {
    client: usize,
    host: usize,
    boot: u64,
    via_virtual: bool,
    /// A segment got lost for good: nothing behind it arrives.
    broken: bool,
    up_at: u64,
    down_at: u64,
    client_open: bool,
    server_open: bool,
}

/// All of them.
#[derive(Default)]
pub struct ClientConnections {
    open: BTreeMap<u64, Tcp>,
    next: u64,
}

impl ClientConnections {
    pub fn break_off(&mut self, number: u64) {
        if let Some(tcp) = self.open.get_mut(&number) {
            tcp.broken = true;
            tcp.server_open = false;
        }
    }
}

/// A connection as the server process has it.
pub struct ServerConnection {
    connection: Connection,
    pub via_virtual: bool,
    ended: bool,
    /// Since when answers have been waiting for the peer.
    pub holding_since: Option<u64>,
}

const fn no_figures() -> Figures {
    Figures {
        pid: 1,
        user_us: 0,
        system_us: 0,
        unix_time_s: 0,
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
        let patience = if direct.is_some() {
            600 * SECOND
        } else {
            behaviour.patience
        };
        let behaviour = Behaviour {
            patience,
            ..behaviour
        };
        self.clients.push(Client {
            direct,
            resolved: None,
            connection: None,
            turn: 0,
            outstanding: VecDeque::new(),
            input: Vec::new(),
            keys,
            tokens: BTreeMap::new(),
            values: 0,
            behaviour,
            stopped: false,
            answered: 0,
            acknowledged_at: Vec::new(),
        });
        let client = self.clients.len() - 1;
        self.act_after(client, MS);
        client
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

    /// A connection attempt arrives, where the client believes the address to be.
    pub fn client_syn(&mut self, index: usize, turn: u64) {
        let client = &self.clients[index];
        if client.turn != turn {
            return;
        }
        let (direct, patience) = (client.direct, client.behaviour.patience);
        let to = direct.or(client.resolved).or_else(|| self.resolve());
        self.clients[index].resolved = to;
        let via_virtual = direct.is_none();
        let answers = to.filter(|host| self.host_answers(*host, via_virtual));
        let Some(host) = answers else {
            // Nobody answers: after a while it asks again who has the address.
            self.clients[index].resolved = None;
            self.act_after(index, patience.min(SECOND));
            return;
        };
        let accepts = self.hosts[host]
            .process
            .as_ref()
            .is_some_and(|process| process.ports_open);
        if !accepts {
            let wait = 20 * MS + self.client_delay();
            self.act_after(index, wait);
            return;
        }
        let number = self.connections.next;
        self.connections.next += 1;
        let tcp = Tcp {
            client: index,
            host,
            boot: self.hosts[host].boot(),
            via_virtual,
            broken: false,
            up_at: 0,
            down_at: 0,
            client_open: true,
            server_open: true,
        };
        self.connections.open.insert(number, tcp);
        let process = self.hosts[host].process.as_mut().expect("it accepts");
        let connection = ServerConnection {
            connection: Connection::new(LIMITS),
            via_virtual,
            ended: false,
            holding_since: None,
        };
        process.connections.insert(number, connection);
        self.clients[index].connection = Some(number);
        self.clients[index].input.clear();
        let wait = self.client_delay();
        self.act_after(index, wait);
    }

    fn host_answers(&self, host: usize, via_virtual: bool) -> bool {
        let state = &self.hosts[host];
        !self.lan.clients_cut[host]
            && state.powered
            && (!via_virtual || state.has_address(self.now))
    }

    /// Who answers an ARP request for the virtual IP.
    fn resolve(&mut self) -> Option<usize> {
        let first = self.network.below(2) as usize;
        [first, 1 - first]
            .into_iter()
            .find(|host| self.host_answers(*host, true))
    }

    fn client_delay(&mut self) -> u64 {
        self.network.between(50_000, 500_000)
    }

    fn send_requests(&mut self, index: usize) {
        let count = self
            .workload
            .between(1, self.clients[index].behaviour.pipeline);
        let mut bytes = Vec::new();
        for _ in 0..count {
            self.request(index, &mut bytes);
        }
        if matches!(
            self.clients[index].outstanding.back(),
            Some(Outstanding::Mutation(_, Form::Silent))
        ) {
            // Something has to tell that the silent ones were executed.
            let own = self.clients[index].keys[0];
            self.request_get(index, own, &mut bytes);
        }
        let number = self.clients[index].connection.expect("the caller checked");
        let cut = self.network.below(bytes.len() as u64 + 1) as usize;
        let rest = bytes.split_off(cut);
        for part in [bytes, rest] {
            if !part.is_empty() {
                self.send_up(number, part, false);
            }
        }
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

    fn send_up(&mut self, number: u64, bytes: Vec<u8>, end: bool) {
        let delay = self.client_delay();
        let now = self.now;
        let Some(tcp) = self.connections.open.get_mut(&number) else {
            return;
        };
        tcp.up_at = tcp.up_at.max(now + delay) + 1;
        let at = tcp.up_at;
        self.at(
            at,
            Event::ToServer {
                connection: number,
                bytes,
                end,
            },
        );
    }

    fn request(&mut self, index: usize, bytes: &mut Vec<u8>) {
        let rng = &mut self.workload;
        let behaviour = self.clients[index].behaviour;
        let own = &self.clients[index].keys;
        let key = own[rng.below(own.len() as u64) as usize];
        if behaviour.flushes && rng.below(400) == 0 {
            bytes.extend(b"flush_all\r\n");
            self.tell_client(index, "asks for flush_all");
            let flushing = self.model.flush(self.now);
            self.clients[index]
                .outstanding
                .push_back(Outstanding::Flush(flushing));
            return;
        }
        if !behaviour.only_sets && rng.chance(35) {
            self.request_get(index, key, bytes);
            return;
        }
        self.clients[index].values += 1;
        let number = self.clients[index].values;
        let life: Life = match rng.below(12) {
            0 if behaviour.expires => 1,
            1 if behaviour.expires => 3,
            2 if behaviour.expires => 20,
            3 if behaviour.expires && rng.chance(20) => -1,
            _ => 0,
        };
        let counter = key % 4 == 3;
        let value = if counter {
            rng.below(1_000_000).to_string().into_bytes()
        } else {
            let size = if rng.chance(5) {
                rng.below(behaviour.large as u64 + 1) as usize
            } else {
                rng.below(60) as usize
            };
            let mut value = format!("[{key}.{number}]").into_bytes();
            value.resize(value.len() + size, b'.');
            value
        };
        let flags = rng.below(3) as u32;
        let token = self.clients[index].tokens.remove(&key);
        let kind = if behaviour.only_sets {
            0
        } else {
            rng.below(100)
        };
        let mut form = Form::Line;
        let op = match kind {
            0..30 => Op::Set { value, flags, life },
            30..36 => {
                form = Form::Silent;
                Op::Set { value, flags, life }
            }
            36..46 => Op::Add { value, flags, life },
            46..54 => Op::Replace { value, flags, life },
            54..62 => match token {
                Some(_) => Op::Cas { value, flags, life },
                None => Op::Touch(life.max(0)),
            },
            62..68 => Op::Touch(life.max(0)),
            68..84 if counter => Op::Incr(rng.below(1000)),
            68..74 => Op::Append(format!("+{number}").into_bytes()),
            74..78 => Op::Prepend(format!("{number}-").into_bytes()),
            84..90 if counter => Op::Decr(rng.below(1000)),
            _ => Op::Delete,
        };
        write_request(bytes, key, &op, token, form == Form::Silent);
        self.tell_client(index, &format!("asks for key{key}: {op}"));
        let attempted = self.model.attempt(key, op, self.now);
        self.clients[index]
            .outstanding
            .push_back(Outstanding::Mutation(attempted, form));
    }

    fn tell_client(&mut self, index: usize, text: &str) {
        if self.trace.collects() {
            self.trace.line(self.now, &format!("c{index}"), text);
        }
    }

    fn request_get(&mut self, index: usize, own: usize, bytes: &mut Vec<u8>) {
        let mut keys = vec![own];
        let all = self.model.keys() as u64;
        for _ in 0..self.workload.below(3) {
            keys.push(self.workload.below(all) as usize);
        }
        keys.sort_unstable();
        keys.dedup();
        let with_cas = self.workload.chance(40);
        bytes.extend(if with_cas { &b"gets"[..] } else { b"get" });
        keys.iter()
            .for_each(|key| bytes.extend(format!(" key{key}").bytes()));
        bytes.extend(b"\r\n");
        let reads = keys
            .iter()
            .map(|key| self.model.read(*key, self.now))
            .collect();
        self.clients[index]
            .outstanding
            .push_back(Outstanding::Get { reads, with_cas });
    }

    /// Bytes, or the end, of a client reach a host.
    pub fn send_to_server(&mut self, number: u64, bytes: Vec<u8>, end: bool) {
        let Some(tcp) = self.connections.open.get(&number) else {
            return;
        };
        let to = if tcp.via_virtual {
            self.clients[tcp.client].resolved
        } else {
            Some(tcp.host)
        };
        let answering = to.filter(|host| self.host_answers(*host, tcp.via_virtual));
        let Some(to) = answering.filter(|_| !tcp.broken) else {
            self.connections.break_off(number);
            return;
        };
        let knows = to == tcp.host && tcp.server_open && self.hosts[to].boot() == tcp.boot;
        if !knows {
            // The other host, or a new process: its kernel answers with a reset.
            self.close_to_client_from(number);
            return;
        }
        if self.hosts[to].frozen {
            self.hosts[to].waiting.clients.push((number, bytes, end));
        } else {
            self.serve_bytes(to, number, &bytes, end);
        }
    }

    /// A worker reads from a connection. As `Client::poll_read` of the server.
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
        let Some(connection) = process.connections.get_mut(&number) else {
            return;
        };
        if connection.via_virtual && now >= process.lease_until {
            // The lease has ended: an old request must not become the newest version.
            self.reset_connection(host, number);
            return;
        }
        let context = Context {
            store: &process.store,
            facts: &process.facts,
            process: no_figures,
            section: &|_| Vec::new(),
            leaving: process.leaving,
            passwords: None,
        };
        let mut out = Vec::new();
        act(&mut connection.connection, now, &context, &mut out);
        connection.ended |= connection.connection.is_closing();
        let holds = connection.connection.is_holding();
        let holding = process.store.acknowledged().is_holding();
        connection.holding_since = holds.then(|| connection.holding_since.unwrap_or(self.now));
        let via_virtual = connection.via_virtual;
        if process.closes(via_virtual) && !holds {
            process
                .connections
                .get_mut(&number)
                .expect("it was just used")
                .ended = true;
        }
        let blocked = process.connections[&number].connection.is_blocked();
        let mut copies = vec![process.boot];
        if holding && let Some(peer) = &self.hosts[1 - host].process {
            copies.push(peer.boot);
        }
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
        let (mut connection, mut out) = (Connection::new(LIMITS), Vec::new());
        let mut first = true;
        for _ in 0..3_000 {
            let now = self.local(host);
            let Some(process) = self.hosts[host].process.as_mut() else {
                break;
            };
            let context = Context {
                store: &process.store,
                facts: &process.facts,
                process: no_figures,
                section: &|_| Vec::new(),
                leaving: process.leaving,
                passwords: None,
            };
            if std::mem::take(&mut first) {
                connection.handle_bytes(now, request.as_bytes(), &context, &mut out);
                self.turn(host);
            } else {
                connection.resume(now, &context, &mut out);
            }
            if !connection.is_holding() && !connection.is_blocked() {
                break;
            }
            self.run_ms(1);
        }
        String::from_utf8(out).expect("the answers are text")
    }

    /// Wakes the connections that wait for the peer, or all of them.
    pub fn resume_connections(&mut self, host: usize, all: bool) {
        let process = self.hosts[host].process.as_ref().expect("it acts");
        let waits = |connection: &ServerConnection| {
            let machine = &connection.connection;
            all || machine.is_holding() || machine.is_blocked()
        };
        let numbers: Vec<u64> = process
            .connections
            .iter()
            .filter(|(_, c)| waits(c))
            .map(|(n, _)| *n)
            .collect();
        for number in numbers {
            let process = self.hosts[host].process.as_ref().expect("it acts");
            let touched = process.connections.get(&number).is_some_and(|connection| {
                let machine = &connection.connection;
                machine.is_holding()
                    || machine.is_blocked()
                    || process.closes(connection.via_virtual)
            });
            if touched {
                self.execute(host, number, |connection, now, context, out| {
                    connection.resume(now, context, out);
                });
            }
        }
    }

    fn finish_connection(&mut self, host: usize, number: u64) {
        let Some(process) = self.hosts[host].process.as_mut() else {
            return;
        };
        let done = process
            .connections
            .get(&number)
            .is_some_and(|connection| connection.ended && !connection.connection.is_holding());
        if done {
            process.connections.remove(&number);
            self.close_to_client(number);
        }
    }

    fn reset_connection(&mut self, host: usize, number: u64) {
        if let Some(process) = self.hosts[host].process.as_mut() {
            process.connections.remove(&number);
        }
        self.close_to_client(number);
    }

    /// Resets connections over the virtual address.
    pub fn reset_connections(&mut self, host: usize, _virtual: bool) {
        let process = self.hosts[host].process.as_ref().expect("it acts");
        let open = process
            .connections
            .iter()
            .filter(|(_, connection)| connection.via_virtual);
        let numbers: Vec<u64> = open.map(|(number, _)| *number).collect();
        numbers
            .iter()
            .for_each(|number| self.reset_connection(host, *number));
    }

    /// The server's kernel tells the client that the connection has ended.
    pub fn close_to_client(&mut self, number: u64) {
        let Some(tcp) = self.connections.open.get_mut(&number) else {
            return;
        };
        tcp.server_open = false;
        if self.lan.clients_cut[tcp.host] || tcp.broken {
            tcp.broken = true;
            return;
        }
        self.close_to_client_from(number);
    }

    fn close_to_client_from(&mut self, number: u64) {
        let delay = self.client_delay();
        let Some(tcp) = self.connections.open.get_mut(&number) else {
            return;
        };
        tcp.down_at = tcp.down_at.max(self.now + delay) + 1;
        let at = tcp.down_at;
        self.at(at, Event::ClientClosed { connection: number });
    }

    fn send_down(&mut self, number: u64, bytes: Vec<u8>, copies: Vec<u64>) {
        let delay = self.client_delay();
        let Some(tcp) = self.connections.open.get_mut(&number) else {
            return;
        };
        if self.lan.clients_cut[tcp.host] || tcp.broken {
            tcp.broken = true;
            return;
        }
        tcp.down_at = tcp.down_at.max(self.now + delay) + 1;
        let at = tcp.down_at;
        self.at(
            at,
            Event::ToClient {
                connection: number,
                bytes,
                copies,
            },
        );
    }

    /// Answers reach a client. `copies` are the processes that have what they answer.
    pub fn send_to_client(&mut self, number: u64, bytes: &[u8], copies: &[u64]) {
        let Some(tcp) = self
            .connections
            .open
            .get(&number)
            .filter(|tcp| tcp.client_open)
        else {
            return;
        };
        let index = tcp.client;
        self.clients[index].input.extend(bytes);
        let silent = |outstanding: &Outstanding| {
            matches!(outstanding, Outstanding::Mutation(_, Form::Silent))
        };
        while let Some(at) = self.clients[index]
            .outstanding
            .iter()
            .position(|one| !silent(one))
        {
            let is_get = matches!(self.clients[index].outstanding[at], Outstanding::Get { .. });
            let input = std::mem::take(&mut self.clients[index].input);
            let parsed = if is_get {
                take_values(&input)
            } else {
                take_line(&input)
            };
            let Some((answer, used)) = parsed else {
                self.clients[index].input = input;
                break;
            };
            self.clients[index].input = input[used..].to_vec();
            for _ in 0..at {
                if let Some(Outstanding::Mutation(attempted, _)) =
                    self.clients[index].outstanding.pop_front()
                {
                    self.model.lost(attempted);
                }
            }
            let outstanding = self.clients[index]
                .outstanding
                .pop_front()
                .expect("it is the front");
            self.take_answer(index, outstanding, answer, copies);
        }
        self.settle_client(index);
    }

    /// Everything is answered: the next turn.
    fn settle_client(&mut self, index: usize) {
        let client = &self.clients[index];
        if client.outstanding.is_empty() {
            let wait = self.workload.below(client.behaviour.think.max(1)) + MS / 10;
            self.act_after(index, wait);
        }
    }

    fn take_answer(
        &mut self,
        index: usize,
        outstanding: Outstanding,
        answer: Answer,
        copies: &[u64],
    ) {
        self.clients[index].answered += 1;
        let now = self.now;
        let result = match (outstanding, answer) {
            (Outstanding::Mutation(attempted, _), Answer::Line(reply)) => {
                self.clients[index].acknowledged_at.push(now);
                self.checks.note_acknowledged(now);
                self.tell_client(
                    index,
                    &format!("is answered for key{}: {reply:?} {copies:?}", attempted.0),
                );
                self.trace
                    .mix(&[index as u64, attempted.0 as u64, attempted.1 as u64]);
                self.model.answered(attempted, copies, &reply, now)
            }
            (Outstanding::Flush(flushing), Answer::Line(_)) => {
                self.tell_client(index, &format!("is answered for flush_all {copies:?}"));
                self.model.flushed(&flushing, copies, now);
                Ok(())
            }
            (Outstanding::Get { reads, with_cas }, Answer::Values(values)) => {
                self.take_shown(index, &reads, with_cas, &values, copies[0])
            }
            (Outstanding::Get { .. }, Answer::Line(reply)) => {
                Err(format!("a get was answered {reply:?}"))
            }
            (_, Answer::Values(_)) => Err("a mutation was answered with values".to_owned()),
        };
        if let Err(violation) = result {
            self.checks.report(format!("client {index}: {violation}"));
        }
    }

    fn take_shown(
        &mut self,
        index: usize,
        reads: &[Pending],
        with_cas: bool,
        values: &BTreeMap<usize, (Shown, u64)>,
        boot: u64,
    ) -> Result<(), String> {
        for read in reads {
            let shown = values.get(&read.key);
            let text = shown.map(|(shown, _)| brief(&shown.value));
            self.tell_client(
                index,
                &format!("is shown key{} by process {boot}: {text:?}", read.key),
            );
            self.model
                .shown(read, boot, shown.map(|(shown, _)| shown), self.now)?;
            self.trace
                .mix(&[shown.map_or(0, |(shown, _)| shown.value.len() as u64)]);
            if let Some((_, cas)) = shown.filter(|_| with_cas)
                && self.clients[index].keys.contains(&read.key)
            {
                self.clients[index].tokens.insert(read.key, *cas);
            }
        }
        Ok(())
    }

    /// The client has waited long enough.
    pub fn impatient(&mut self, index: usize, turn: u64) {
        if self.clients[index].turn != turn {
            return;
        }
        if let Some(number) = self.clients[index].connection {
            self.send_up(number, Vec::new(), true);
        }
        self.leave_connection(index);
        self.clients[index].resolved = None;
        self.act_after(index, MS);
    }

    pub fn client_closed(&mut self, number: u64) {
        let Some(tcp) = self.connections.open.get_mut(&number) else {
            return;
        };
        let (index, was_open) = (tcp.client, tcp.client_open);
        tcp.client_open = false;
        if was_open && self.clients[index].connection == Some(number) {
            self.leave_connection(index);
            let wait = self.client_delay();
            self.act_after(index, wait);
        }
        self.connections.open.remove(&number);
    }

    /// What was not answered may have happened or not.
    fn leave_connection(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if let Some(number) = client.connection.take()
            && let Some(tcp) = self.connections.open.get_mut(&number)
        {
            tcp.client_open = false;
        }
        client.input.clear();
        client.tokens.clear();
        for outstanding in std::mem::take(&mut client.outstanding) {
            match outstanding {
                Outstanding::Mutation(attempted, _) => self.model.lost(attempted),
                Outstanding::Flush(flushing) => self.model.flushed(&flushing, &[], self.now),
                Outstanding::Get { .. } => {}
            }
        }
    }
}

fn write_request(bytes: &mut Vec<u8>, key: usize, op: &Op, token: Option<u64>, quiet: bool) {
    let end = if quiet { " noreply" } else { "" };
    let mut store = |verb: &str, value: &[u8], flags: u32, life: Life, cas: &str| {
        let line = format!(
            "{verb} key{key} {flags} {life} {}{cas}{end}\r\n",
            value.len()
        );
        bytes.extend(line.bytes());
        bytes.extend(value);
        bytes.extend(b"\r\n");
    };
    match op {
        Op::Set { value, flags, life } => store("set", value, *flags, *life, ""),
        Op::Add { value, flags, life } => store("add", value, *flags, *life, ""),
        Op::Replace { value, flags, life } => store("replace", value, *flags, *life, ""),
        Op::Cas { value, flags, life } => {
            store(
                "cas",
                value,
                *flags,
                *life,
                &format!(" {}", token.unwrap_or(0)),
            );
        }
        Op::Append(value) => store("append", value, 0, 0, ""),
        Op::Prepend(value) => store("prepend", value, 0, 0, ""),
        Op::Incr(by) => bytes.extend(format!("incr key{key} {by}\r\n").bytes()),
        Op::Decr(by) => bytes.extend(format!("decr key{key} {by}\r\n").bytes()),
        Op::Touch(life) => bytes.extend(format!("touch key{key} {life}\r\n").bytes()),
        Op::Delete => bytes.extend(format!("delete key{key}\r\n").bytes()),
        Op::Flush => bytes.extend(b"flush_all\r\n"),
    }
}

enum Answer {
    Line(Reply),
    Values(BTreeMap<usize, (Shown, u64)>),
}

fn line_of(input: &[u8]) -> Option<(&str, usize)> {
    let at = input.windows(2).position(|window| window == b"\r\n")?;
    Some((std::str::from_utf8(&input[..at]).ok()?, at + 2))
}

fn take_line(input: &[u8]) -> Option<(Answer, usize)> {
    let (line, used) = line_of(input)?;
    let reply = match line {
        "STORED" => Reply::Stored,
        "NOT_STORED" => Reply::NotStored,
        "EXISTS" => Reply::Exists,
        "NOT_FOUND" => Reply::NotFound,
        "DELETED" => Reply::Deleted,
        "TOUCHED" => Reply::Touched,
        "OK" => Reply::Ok,
        other => match other.parse() {
            Ok(number) => Reply::Number(number),
            Err(_) => Reply::Error(other.to_owned()),
        },
    };
    Some((Answer::Line(reply), used))
}

fn take_values(input: &[u8]) -> Option<(Answer, usize)> {
    let mut values = BTreeMap::new();
    let mut at = 0;
    loop {
        let (line, used) = line_of(&input[at..])?;
        at += used;
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] != "VALUE" {
            let answer = match line {
                "END" => Answer::Values(values),
                other => Answer::Line(Reply::Error(other.to_owned())),
            };
            return Some((answer, at));
        }
        let number = |word: &str| word.parse::<u64>().ok();
        let key = number(words[1].trim_start_matches("key"))? as usize;
        let (flags, length) = (number(words[2])? as u32, number(words[3])? as usize);
        let cas = words.get(4).and_then(|word| number(word)).unwrap_or(0);
        let value = input.get(at..at + length)?.to_vec();
        at += length + 2;
        values.insert(key, (Shown { value, flags }, cas));
    }
}
