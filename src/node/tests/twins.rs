//! Two whole nodes with a perfect link and a perfect LAN.

use super::*;
use crate::replication::{Options as PeerOptions, Peer};

const LINK: SessionId = 1;

/// Host 0 is master.
pub struct Twins {
    pub nodes: [Node; 2],
    /// What each did, in order; advertisements are kept until [`Twins::deliver`].
    pub done: [Vec<&'static str>; 2],
    on_the_lan: [Vec<Vec<u8>>; 2],
}

fn twin(index: usize) -> Node {
    let store = store(true);
    let options = PeerOptions {
        node_id: 1 + index as u64,
        boot_id: 11 + index as u64,
        acknowledge_peer: true,
        acknowledge_timeout: Duration::from_millis(250),
        secret: None,
        settings: Settings {
            priority: [240, 200][index],
            primary_address: Some(address(index)),
            ..Settings::default()
        },
    };
    let peer = Peer::new(options, &store);
    let holder = holder(at(1_000), index, [240, 200][index], true);
    Node::new(at(1_000), store, Some(peer), holder, Settings::default())
}

impl Twins {
    pub fn in_sync() -> Twins {
        let mut twins = Twins {
            nodes: [twin(0), twin(1)],
            done: [Vec::new(), Vec::new()],
            on_the_lan: [Vec::new(), Vec::new()],
        };
        for (index, node) in twins.nodes.iter_mut().enumerate() {
            node.start(at(1_000));
            node.link_connected(at(1_000), LINK, index == 0, [index as u8; 32]);
        }
        for millis in (1_000..=6_000).step_by(50) {
            for node in &mut twins.nodes {
                node.set_workers_at(at(millis));
                node.handle_timeout(at(millis));
            }
            twins.talk(millis);
            twins.deliver(millis);
        }
        assert!(twins.nodes[0].holder.is_master() && !twins.nodes[1].holder.is_master());
        twins.done = [Vec::new(), Vec::new()];
        twins
    }

    /// Moves what the link has for both, until there is no more, and notes what they do.
    pub fn talk(&mut self, millis: u64) {
        loop {
            let mut moved = false;
            for from in [0, 1] {
                self.note(from);
                let mut bytes = Vec::new();
                self.nodes[from].poll_link_transmit(at(millis), LINK, &mut bytes);
                if !bytes.is_empty() {
                    self.nodes[1 - from].handle_link_bytes(at(millis), LINK, &bytes);
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// What was advertised arrives.
    pub fn deliver(&mut self, millis: u64) {
        for from in [0, 1] {
            self.note(from);
            for message in std::mem::take(&mut self.on_the_lan[from]) {
                let packet = packet(from, &message);
                self.nodes[1 - from].handle_datagram(at(millis), Datagram::Ipv4(&packet));
            }
        }
        self.note(0);
        self.note(1);
    }

    /// How far a host has come in leaving, since the last time it was asked for.
    pub fn steps(&mut self, index: usize) -> Vec<&'static str> {
        let routine = ["put", "advertise", "announce"];
        let done = self.done(index).into_iter();
        done.filter(|what| !routine.contains(what)).collect()
    }

    /// What a host has done since the last time it was asked for.
    pub fn done(&mut self, index: usize) -> Vec<&'static str> {
        self.note(index);
        let done = std::mem::take(&mut self.done[index]);
        done.into_iter().filter(|what| *what != "link").collect()
    }

    fn note(&mut self, index: usize) {
        while let Some(action) = self.nodes[index].poll_action() {
            self.done[index].push(named(&action));
            if let Action::Advertise(message) = action {
                self.on_the_lan[index].push(message);
            }
        }
    }
}
