//! Clients' connections as both kernels and the network see them.

use std::collections::BTreeMap;

use super::super::world::{Event, MS, SECOND, World};
use super::server::ServerConnection;
use super::{Behaviour, Client};

/// A client's connection.
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

    /// The client closes its end.
    pub fn leave(&mut self, number: u64) {
        if let Some(tcp) = self.open.get_mut(&number) {
            tcp.client_open = false;
        }
    }

    /// The client of a connection that it still has open.
    pub fn client_of(&self, number: u64) -> Option<usize> {
        let tcp = self.open.get(&number)?;
        tcp.client_open.then_some(tcp.client)
    }
}

impl World {
    /// A connection attempt arrives, where the client believes the address to be.
    pub fn client_syn(&mut self, index: usize, turn: u64) {
        let client = &self.clients[index];
        if client.turn != turn {
            return;
        }
        let Client {
            direct,
            resolved,
            behaviour: Behaviour { patience, .. },
            ..
        } = *client;
        let to = direct.or(resolved).or_else(|| self.resolve());
        self.clients[index].resolved = to;
        let via_virtual = direct.is_none();
        let Some(host) = to.filter(|host| self.host_answers(*host, via_virtual)) else {
            // Nobody answers: after a while it asks again who has the address.
            self.clients[index].resolved = None;
            self.act_after(index, patience.min(SECOND));
            return;
        };
        let process = self.hosts[host].process.as_mut();
        let Some(process) = process.filter(|process| process.ports_open) else {
            let wait = 20 * MS + self.client_delay();
            self.act_after(index, wait);
            return;
        };
        let (number, boot) = (self.connections.next, process.boot);
        process
            .connections
            .insert(number, ServerConnection::new(via_virtual));
        self.connections.next += 1;
        let tcp = Tcp {
            client: index,
            host,
            boot,
            via_virtual,
            broken: false,
            up_at: 0,
            down_at: 0,
            client_open: true,
            server_open: true,
        };
        self.connections.open.insert(number, tcp);
        self.clients[index].connection = Some(number);
        self.clients[index].input.clear();
        self.coverage.reach("client: connects");
        let wait = self.client_delay();
        self.act_after(index, wait);
    }

    /// The host whose process a client is connected to, if bytes pass in both directions and it runs.
    pub fn host_of_client(&self, index: usize) -> Option<usize> {
        let tcp = self
            .connections
            .open
            .get(&self.clients[index].connection?)?;
        let to = match tcp.via_virtual {
            true => self.clients[index].resolved,
            false => Some(tcp.host),
        };
        let sound = tcp.client_open && tcp.server_open && !tcp.broken && to == Some(tcp.host);
        let host = &self.hosts[tcp.host];
        let there = host.is_running() && host.boot() == tcp.boot;
        (sound && there && self.host_answers(tcp.host, tcp.via_virtual)).then_some(tcp.host)
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

    pub(super) fn client_delay(&mut self) -> u64 {
        self.network.between(50_000, 500_000)
    }

    /// Bytes, or the end, leave for the server.
    pub(super) fn send_up(&mut self, number: u64, bytes: Vec<u8>, end: bool) {
        let delay = self.client_delay();
        let now = self.now;
        let Some(tcp) = self.connections.open.get_mut(&number) else {
            return;
        };
        tcp.up_at = tcp.up_at.max(now + delay) + 1;
        let at = tcp.up_at;
        let event = Event::ToServer {
            connection: number,
            bytes,
            end,
        };
        self.at(at, event);
    }

    /// Bytes, or the end, of a client reach a host.
    pub fn send_to_server(&mut self, number: u64, bytes: Vec<u8>, end: bool) {
        let Some(tcp) = self.connections.open.get(&number) else {
            return;
        };
        let to = match tcp.via_virtual {
            true => self.clients[tcp.client].resolved,
            false => Some(tcp.host),
        };
        let answering = to.filter(|host| self.host_answers(*host, tcp.via_virtual));
        let Some(to) = answering.filter(|_| !tcp.broken) else {
            self.connections.break_off(number);
            return;
        };
        let knows = to == tcp.host && tcp.server_open && self.hosts[to].boot() == tcp.boot;
        if !knows {
            // The other host, or a new process: its kernel answers with a reset.
            self.coverage.reach("client: is reset");
            self.close_to_client_from(number);
            return;
        }
        if self.hosts[to].frozen {
            self.hosts[to].waiting.clients.push((number, bytes, end));
        } else {
            self.serve_bytes(to, number, &bytes, end);
        }
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

    pub(super) fn send_down(&mut self, number: u64, bytes: Vec<u8>, copies: Vec<u64>) {
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
        let event = Event::ToClient {
            connection: number,
            bytes,
            copies,
        };
        self.at(at, event);
    }

    pub fn client_closed(&mut self, number: u64) {
        let Some(tcp) = self.connections.open.remove(&number) else {
            return;
        };
        if tcp.client_open && self.clients[tcp.client].connection == Some(number) {
            self.leave_connection(tcp.client);
            let wait = self.client_delay();
            self.act_after(tcp.client, wait);
        }
    }
}
