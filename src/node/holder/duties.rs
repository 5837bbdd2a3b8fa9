//! What the router asks for, carried out: addresses as leases, advertisements, changes of state.

use std::time::Duration;

use tracing::{info, warn};
use vrrp::router::{Event, Role, Router};
use vrrp::time::Instant;

use super::super::Action;
use super::Holder;
use super::successor::Successor;

/// The shortest lease: the kernel counts lifetimes in whole seconds.
const LEASE_MIN: Duration = Duration::from_secs(1);

impl Holder {
    pub(super) fn drain(&mut self, now: Instant) {
        while let Some(event) = self.router.as_mut().and_then(Router::poll_event) {
            self.carry_out(now, &event);
        }
    }

    fn carry_out(&mut self, now: Instant, event: &Event) {
        match event {
            Event::AddAddresses => {
                self.master_since = Some(now);
                self.actions.push_back(Action::OpenPorts);
                self.renew(now);
            }
            Event::Advertise { priority: 0 } => self.send(0),
            Event::Advertise { priority } => {
                if !self.workers_hung {
                    self.renew(now);
                    self.send(*priority);
                }
            }
            Event::Announce => self.actions.push_back(Action::Announce),
            Event::RemoveAddresses => {
                self.master_since = None;
                self.successor = Successor::NotAwaited;
                self.lease_until = None;
                self.removed_at = Some(now);
                self.actions.push_back(Action::ResetConnections);
                self.actions.push_back(Action::RemoveAddresses);
            }
            Event::StateChanged { from, to, reason } => {
                if *to == Role::Backup {
                    self.seen.entered_backup(now);
                }
                let priority = self.router.as_ref().map_or(0, Router::priority);
                let reason = if self.handing_over {
                    "handed over as asked".to_owned()
                } else {
                    reason.to_string()
                };
                info!("vrrp: {from} -> {to} with priority {priority}: {reason}");
                self.changed = (*to, now, reason.clone());
                let role = *to;
                self.actions.push_back(Action::Changed {
                    role,
                    reason,
                    priority,
                });
            }
        }
    }

    fn renew(&mut self, now: Instant) {
        let until = self.lease_until(now);
        self.lease_until = Some(until);
        self.actions.push_back(Action::PutAddresses { until });
    }

    pub(super) fn lease_until(&self, now: Instant) -> Instant {
        now + (self.rules.interval * 2).max(LEASE_MIN)
    }

    pub(super) fn send(&mut self, priority: u8) {
        let (Some(router), Some(destination)) = (&self.router, self.destination) else {
            return;
        };
        let source = router.config().primary_address;
        match router.advertisement(priority).encode(source, destination) {
            Ok(message) => {
                self.sent += 1;
                self.actions.push_back(Action::Advertise(message));
            }
            Err(error) => warn!("vrrp: an advertisement cannot be encoded: {error}"),
        }
    }
}
