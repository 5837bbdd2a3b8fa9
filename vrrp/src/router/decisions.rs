//! What a caller may decide over the RFC's head.

use super::{Event, Reason, Router, State};
use crate::time::Instant;

/// Decisions of the caller: an extension of the RFC, for a caller with a second opinion.
impl Router {
    /// Advertises `priority` from the next advertisement on, and compares with it. 0 is taken as 1.
    ///
    /// A running Master_Down_Timer keeps its time; the next one has the new skew.
    pub fn set_priority(&mut self, priority: u8) {
        self.priority = priority.max(1);
    }

    /// In Backup: takes over at `at`, or with `None` never by itself. Elsewhere without effect.
    ///
    /// Holds until the next advertisement that resets the timer as the RFC says, so a caller that
    /// keeps a node from taking over says it again after each one.
    pub fn set_master_down_at(&mut self, at: Option<Instant>) {
        if let State::Backup { master_down_at, .. } = &mut self.state {
            *master_down_at = at;
        }
    }

    /// From Backup to Master at once. Elsewhere without effect.
    pub fn become_master(&mut self, now: Instant, reason: Reason) {
        match self.state {
            State::Backup { .. } => self.enter_master(now, reason),
            State::Initialize | State::Master { .. } => {}
        }
    }

    /// From Master to Backup without a word on the wire (no priority 0). Elsewhere without effect.
    pub fn become_backup(&mut self, now: Instant, reason: Reason) {
        match self.state {
            State::Master { .. } => self.demote(now, self.config.interval, reason),
            State::Initialize | State::Backup { .. } => {}
        }
    }

    /// As Master: advertises now and restarts the interval. Elsewhere without effect.
    pub fn advertise_now(&mut self, now: Instant) {
        if let State::Master { advertise_at, .. } = &mut self.state {
            *advertise_at = now + self.config.interval;
            self.events.push_back(Event::Advertise {
                priority: self.priority,
            });
        }
    }

    /// As Master: announces now and restarts the series of announcements, as after a claim by
    /// someone else. Elsewhere without effect.
    pub fn announce_now(&mut self, now: Instant) {
        self.announce(now, 0);
    }
}
