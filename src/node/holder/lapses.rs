//! What time alone decides: a lease that ran out, workers that hang, a process that was paused.

use std::time::Duration;

use tracing::{info, warn};
use vrrp::router::Reason;
use vrrp::time::Instant;

use super::Holder;

/// Workers silent for longer than this (or an advertisement interval, if that is longer) are hung.
const WORKERS_SILENT_MAX: Duration = Duration::from_secs(1);
/// A node that has not run for longer than this (or half an interval, if that is longer) was paused:
/// it looks after things every 100 ms otherwise.
const PAUSE_MIN: Duration = Duration::from_millis(300);

impl Holder {
    /// Before every input: what the time alone has decided since the last one.
    pub(super) fn begin(&mut self, now: Instant) {
        self.note_pause(now);
        self.end_lapsed_lease(now);
    }

    /// Silence that a paused process did not listen to is none. What was sent meanwhile waits in the
    /// kernel and may be read only after this: a BACKUP that trusted its timers would take over from
    /// a master that lives, and serve what it has missed.
    pub(in crate::node) fn note_pause(&mut self, now: Instant) {
        let pause = now.since(std::mem::replace(&mut self.ran_at, now));
        if pause > PAUSE_MIN.max(self.rules.interval / 2) {
            warn!("this node was paused for {} ms", pause.as_millis());
            self.seen.backup_since = now;
            self.woke_at = Some(now);
        }
    }

    /// What is read now may have been sent to this process before it was paused, and be past.
    pub(super) fn has_just_woken(&self, now: Instant) -> bool {
        self.woke_at.is_some_and(|at| now.since(at) <= PAUSE_MIN)
    }

    /// A master whose lease has run out, frozen or without a sign of the workers, is none any more:
    /// somebody else may hold the address already. This goes before every other input: an answer to
    /// another master would renew the lease, and requests that waited in the kernel since before
    /// the freeze would be executed with the newest version.
    fn end_lapsed_lease(&mut self, now: Instant) {
        if self.is_master() && self.lease_until.is_some_and(|until| now >= until) {
            let router = self.router.as_mut().expect("a master has a router");
            router.become_backup(now, Reason::Caller("the lease ran out"));
            self.drain(now);
        }
    }

    pub(super) fn may_claim(&self) -> bool {
        self.interface_up && !self.workers_hung && !self.leaving
    }

    pub(super) fn note_workers(&mut self, now: Instant) {
        let most = self.rules.interval.max(WORKERS_SILENT_MAX);
        let hung = now.since(self.workers_at) > most;
        if hung != self.workers_hung {
            self.workers_hung = hung;
            if hung {
                warn!("the workers show no sign of life: the address is not renewed");
            } else {
                info!("the workers are back");
                self.seen.backup_since = now;
                // A master has not renewed its lease meanwhile: the next interval may be too late.
                if let Some(router) = &mut self.router {
                    router.advertise_now(now);
                }
            }
        }
    }
}
