//! What the processes do with their connections: open, write, read, close.

use twincached::replication::SessionId;

use super::super::world::World;

impl World {
    pub(super) fn open_session(&mut self, host: usize, number: u64, end: usize) {
        self.model.meet();
        let now = self.local(host);
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&self.network.next().to_le_bytes());
        let process = self.hosts[host]
            .process
            .as_mut()
            .expect("the caller checked");
        let id = process.next_session;
        process.next_session += 1;
        process.sessions.insert(id, (number, false));
        process.node.link_connected(now, id, end == 0, nonce);
        if let Some(tcp) = self.link.connections.get_mut(&number) {
            tcp.sessions[end] = Some(id);
        }
        self.read_link(host, number);
    }

    /// Gives the link what the node has for every session that can take it.
    pub fn write_link(&mut self, host: usize) {
        let Some(process) = &self.hosts[host].process else {
            return;
        };
        let ids: Vec<SessionId> = process.sessions.keys().copied().collect();
        for id in ids {
            self.write_session(host, id);
        }
    }

    fn write_session(&mut self, host: usize, id: SessionId) {
        let now = self.local(host);
        let window = self.link.window_bytes;
        for _ in 0..64 {
            let process = self.hosts[host]
                .process
                .as_mut()
                .expect("the caller checked");
            let (number, closing) = process.sessions[&id];
            let (boot, mut out) = (process.boot, Vec::new());
            let tcp = self.link.connections.get_mut(&number);
            let end = tcp
                .as_ref()
                .map_or(0, |tcp| usize::from(tcp.boots[0] != boot));
            if let Some(tcp) = tcp.filter(|tcp| tcp.open[end]) {
                if tcp.pipes[end].sent.len() >= window {
                    tcp.pipes[end].blocked = true;
                    return;
                }
                process.node.poll_link_transmit(now, id, &mut out);
                tcp.pipes[end].sent.extend(&out);
            } else {
                // Reset: the process has not read it yet.
                process.node.poll_link_transmit(now, id, &mut out);
                out.clear();
            }
            if out.is_empty() {
                if closing {
                    self.drop_session(host, id);
                }
                return;
            }
            self.link_bytes += out.len() as u64;
            self.move_segment(number, end);
        }
    }

    /// The process closes its end.
    pub(super) fn drop_session(&mut self, host: usize, id: SessionId) {
        let now = self.local(host);
        let process = self.hosts[host]
            .process
            .as_mut()
            .expect("the caller checked");
        let Some((number, _)) = process.sessions.remove(&id) else {
            return;
        };
        let boot = process.boot;
        process.node.link_closed(now, id);
        let end = self
            .link
            .connections
            .get(&number)
            .map(|tcp| usize::from(tcp.boots[0] != boot));
        if let Some(end) = end {
            self.close_end(number, end, false);
        }
    }

    /// The process reads what has arrived on a connection.
    pub fn read_link(&mut self, host: usize, number: u64) {
        let now = self.local(host);
        let Some(process) = self.hosts[host].process.as_mut() else {
            return;
        };
        let Some(tcp) = self.link.connections.get_mut(&number) else {
            return;
        };
        let Some(end) = tcp.boots.iter().position(|boot| *boot == process.boot) else {
            return;
        };
        let Some(id) = tcp.sessions[end] else { return };
        let pipe = &mut tcp.pipes[1 - end];
        let (bytes, ended) = (std::mem::take(&mut pipe.received), pipe.ended);
        if !bytes.is_empty() && process.sessions.contains_key(&id) {
            process.node.handle_link_bytes(now, id, &bytes);
            let link = process.status.replication.as_ref();
            if !link.is_some_and(|link| link.have_all) {
                // What was done here since the connection stood may be older than what came now.
                self.model.meet();
            }
        }
        if ended {
            self.drop_session(host, id);
            self.forget_connection(number, end);
        } else {
            self.move_segment(number, 1 - end);
        }
    }

    /// The process at this end knows that the connection has ended. Once all who live know, it goes.
    fn forget_connection(&mut self, number: u64, end: usize) {
        let Some(tcp) = self.link.connections.get_mut(&number) else {
            return;
        };
        tcp.told[end] = true;
        let (boots, told) = (tcp.boots, tcp.told);
        let lives = |boot: u64| self.hosts.iter().any(|host| host.boot() == boot);
        if (0..2).all(|end| told[end] || !lives(boots[end])) {
            self.link.connections.remove(&number);
        }
    }

    /// Whether the process of this host is connected to a peer that it knows.
    pub fn knows_peer(&self, host: usize) -> bool {
        let process = self.hosts[host].process.as_ref();
        process.is_some_and(|process| process.node.peer_boot_id().is_some())
    }
}
