//! What happens to the interface and its addresses, and is not our doing.

use std::net::IpAddr;

use tokio::sync::mpsc::UnboundedSender;
use tracing::{info, warn};
use vrrp::linux::{Announcer, Interface, NetworkEvent, VrrpSocket};

use super::network::Network;
use crate::server::inbox::Message;

impl Network {
    pub(super) fn watch(&mut self, inbox: &UnboundedSender<Message>) {
        for _ in 0..64 {
            match self.monitor.poll_event() {
                Ok(Some(event)) => self.note(&event, inbox),
                Ok(None) => return,
                Err(failure) => {
                    warn!("vrrp: {failure}");
                    return;
                }
            }
        }
    }

    fn note(&mut self, event: &NetworkEvent, inbox: &UnboundedSender<Message>) {
        // An interface made again may have the old number, but none of the old sockets' groups.
        let ours = |index: u32| index == self.interface.index && !self.gone;
        let message = match event {
            NetworkEvent::LinkChanged {
                index, up, running, ..
            } if ours(*index) => {
                self.running = *up && *running;
                Message::InterfaceUp(self.is_usable())
            }
            NetworkEvent::LinkGone { index, .. } if ours(*index) => {
                self.gone = true;
                Message::InterfaceUp(false)
            }
            NetworkEvent::AddressGone { index, address }
                if ours(*index) && *address == self.source =>
            {
                self.note_own_address(false);
                Message::InterfaceUp(false)
            }
            NetworkEvent::AddressAdded { index, address }
                if ours(*index) && *address == self.source =>
            {
                self.note_own_address(true);
                Message::InterfaceUp(self.is_usable())
            }
            NetworkEvent::AddressGone { index, address }
                if ours(*index) && self.is_virtual(*address) =>
            {
                Message::AddressGone
            }
            NetworkEvent::LinkChanged { name, .. } if *name == self.interface.name => {
                self.reopen(inbox);
                return;
            }
            // Advertisements need our own address, which comes after the interface.
            NetworkEvent::AddressAdded { address, .. } if self.gone && *address == self.source => {
                self.reopen(inbox);
                return;
            }
            NetworkEvent::Overrun => {
                self.look_again(inbox);
                return;
            }
            NetworkEvent::LinkChanged { .. }
            | NetworkEvent::LinkGone { .. }
            | NetworkEvent::AddressGone { .. }
            | NetworkEvent::AddressAdded { .. } => return,
        };
        let _ended = inbox.send(message);
    }

    /// Notifications were lost: whatever they would have said is read from the kernel.
    fn look_again(&mut self, inbox: &UnboundedSender<Message>) {
        self.running = match Interface::find(&self.interface.name) {
            Ok(found) if found.index == self.interface.index => found.up && found.running,
            Ok(_) => return self.reopen(inbox),
            Err(_) => false,
        };
        let held = self
            .addresses
            .list(self.interface.index)
            .unwrap_or_default();
        self.note_own_address(held.iter().any(|held| held.address == self.source));
        let _ended = inbox.send(Message::InterfaceUp(self.is_usable()));
        let all_held = self
            .virtual_addresses
            .iter()
            .all(|address| held.iter().any(|held| held.address == address.address));
        if !all_held {
            let _ended = inbox.send(Message::AddressGone);
        }
    }

    /// An interface was made again under our name: it has another index.
    fn reopen(&mut self, inbox: &UnboundedSender<Message>) {
        let Ok(interface) = Interface::find(&self.interface.name) else {
            return;
        };
        let opened = VrrpSocket::open(&interface, self.source, self.delivery)
            .and_then(|socket| Ok((socket, Announcer::open(&interface)?)));
        if let Ok((socket, announcer)) = opened {
            warn!("vrrp: interface {} was made again", interface.name);
            (self.socket, self.announcer) = (socket, announcer);
            self.running = interface.up && interface.running;
            self.interface = interface;
            (self.addressed, self.gone) = (true, false);
            let _ended = inbox.send(Message::InterfaceUp(self.is_usable()));
        }
    }

    /// Nothing can be sent from an address that is not there, and others know us by it: a master
    /// without it would be heard by nobody.
    fn note_own_address(&mut self, present: bool) {
        if std::mem::replace(&mut self.addressed, present) == present {
            return;
        }
        let (source, name) = (self.source, &self.interface.name);
        match present {
            true => info!("vrrp: {source} is on {name} again"),
            false => warn!(
                "vrrp: {source}, which advertisements come from, was removed from {name}: this node \
                 waits for it; restart it if the host has another address now"
            ),
        }
    }

    fn is_virtual(&self, address: IpAddr) -> bool {
        self.virtual_addresses
            .iter()
            .any(|virtual_one| virtual_one.address == address)
    }
}
