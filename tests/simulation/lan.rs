//! The LAN: advertisements between the hosts, and which host a client's packets go to.
//!
//! A datagram may be lost, late or doubled, and each direction can be cut by itself. Every client
//! has an ARP entry of its own for the virtual IP: it follows the announcements that reach it, and
//! is resolved anew when nobody answers.

use super::world::{Event, MS, World};

/// 10.0.0.1 and 10.0.0.2.
pub const HOST_IPS: [[u8; 4]; 2] = [[10, 0, 0, 1], [10, 0, 0, 2]];
/// 10.0.0.100.
pub const VIRTUAL_IP: [u8; 4] = [10, 0, 0, 100];
const GROUP: [u8; 4] = [224, 0, 0, 18];

/// The state of the LAN.
#[derive(Default)]
pub struct Lan {
    /// Advertisements from this host to the other are lost.
    pub vrrp_cut: [bool; 2],
    /// Clients and this host do not reach each other.
    pub clients_cut: [bool; 2],
    /// So many of a hundred datagrams are lost.
    pub loss_percent: u64,
    /// So many of a hundred advertisements arrive up to 400 ms late.
    pub late_percent: u64,
    /// The last time an advertisement was lost while its path stood.
    pub lost_at: u64,
}

impl World {
    /// A host sends a VRRP message to the group.
    pub fn send_advertisement(&mut self, from: usize, message: &[u8]) {
        let to = 1 - from;
        self.note(from, &format!("advertises priority {}", message[2]));
        if self.lan.vrrp_cut[from] || !self.hosts[to].powered {
            return;
        }
        let rng = &mut self.network;
        if rng.chance(self.lan.loss_percent) {
            self.lan.lost_at = self.now;
            return;
        }
        let mut delay = rng.between(50_000, MS);
        if rng.chance(self.lan.late_percent) {
            delay += rng.below(400) * MS;
            self.lan.lost_at = self.now + delay;
        }
        let bytes = packet(HOST_IPS[from], message);
        if self.network.chance(self.lan.loss_percent / 4) {
            let event = Event::Datagram {
                to,
                bytes: bytes.clone(),
            };
            self.after(delay + MS, event);
        }
        self.after(delay, Event::Datagram { to, bytes });
    }

    /// A host sends gratuitous ARP.
    pub fn send_announcement(&mut self, from: usize) {
        if self.lan.clients_cut[from] {
            return;
        }
        for client in 0..self.clients.len() {
            if !self.network.chance(self.lan.loss_percent) {
                let delay = self.network.between(50_000, MS);
                self.after(delay, Event::Announced { from, client });
            }
        }
    }

    /// An advertisement arrives at a host.
    pub fn datagram_arrives(&mut self, to: usize, bytes: Vec<u8>) {
        let host = &mut self.hosts[to];
        if host.process.is_none() || self.lan.vrrp_cut[1 - to] {
            return;
        }
        if host.frozen {
            host.waiting.datagrams.push(bytes);
            return;
        }
        self.hand_datagram(to, &bytes);
        self.turn(to);
    }

    /// Whether the hosts hear each other over VRRP, and over the link.
    pub fn paths(&self) -> (bool, bool) {
        let vrrp = !self.lan.vrrp_cut[0] && !self.lan.vrrp_cut[1];
        (vrrp, self.link.is_open())
    }
}

/// An IPv4 packet as a raw socket delivers it: TTL 255, protocol 112.
fn packet(source: [u8; 4], message: &[u8]) -> Vec<u8> {
    let length = (20 + message.len()) as u16;
    let mut bytes = vec![0x45, 0xc0, 0, 0, 0, 1, 0, 0, 255, 112, 0, 0];
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes.extend(source);
    bytes.extend(GROUP);
    bytes.extend(message);
    bytes
}
