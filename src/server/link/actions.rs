//! What the node wants done: addresses, connections, ports.

use tracing::info;
use vrrp::time::Instant;

use super::Link;
use crate::command::Hold;
use crate::node::Action;
use crate::server::address::Order;

impl Link {
    pub(super) fn carry_out(&mut self, now: Instant) {
        while let Some(action) = self.parts.node.poll_action() {
            self.perform(now, action);
        }
    }

    fn perform(&mut self, now: Instant, action: Action) {
        let shared = &self.parts.shared;
        match action {
            Action::Dial => self.dial(),
            Action::CloseSession(id) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.closing = true;
                }
            }
            Action::Wake => shared.wake_waiting(),
            Action::OpenPorts => {
                self.parts.listeners.listen();
                self.parts.open_ports.send_replace(true);
            }
            Action::PutAddresses { until } => {
                shared.set_lease(until);
                self.order(Order::Put(until.since(now)));
            }
            Action::ResetConnections => {
                shared.set_lease(Instant::ZERO);
                let count = shared.virtual_connections.reset_all();
                if count > 0 {
                    info!("{count} client connections over the virtual address were reset");
                }
            }
            Action::RemoveAddresses => {
                self.order(Order::Remove);
            }
            Action::Advertise(message) => self.order(Order::Advertise(message)),
            Action::Announce => self.order(Order::Announce),
            Action::Changed {
                role,
                reason,
                priority,
            } => {
                if let Some(hook) = &self.parts.hook {
                    hook.run(role, &reason, priority);
                }
                self.publish(now);
            }
            Action::Hold(hold) => {
                shared.set_hold(hold);
                self.quieting = hold == Hold::Everything;
            }
            Action::CloseConnections => {
                shared.closing.begin(self.parts.node.is_exiting());
                shared.wake_all();
                self.closing = true;
                self.parts.shared.wake_link();
            }
            Action::Exit => self.left = true,
        }
    }

    fn order(&self, order: Order) {
        if let Some(address) = &self.parts.address {
            address.order(order);
        }
    }
}
