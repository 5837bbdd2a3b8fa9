//! What a router tells of itself.

use super::{Config, Heard, Router, State, timers};
use std::time::Duration;

impl Router {
    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The priority that the next advertisement carries.
    pub fn priority(&self) -> u8 {
        self.priority
    }

    /// What this router was made of; its priority may have been overridden since.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The last advertisement that was handled since the start, also one that had no effect.
    pub fn last_advertisement(&self) -> Option<Heard> {
        self.last_advertisement
    }

    /// Skew_Time as of now.
    pub fn skew_time(&self) -> Duration {
        timers::skew_time(self.config.version, self.priority, self.master_interval())
    }

    /// Master_Down_Interval as of now.
    pub fn master_down_interval(&self) -> Duration {
        timers::master_down_interval(self.config.version, self.priority, self.master_interval())
    }

    pub(super) fn master_interval(&self) -> Duration {
        match self.state {
            State::Backup {
                master_interval, ..
            } => master_interval,
            State::Initialize | State::Master { .. } => self.config.interval,
        }
    }
}
