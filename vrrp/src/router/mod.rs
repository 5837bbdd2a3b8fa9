//! The state machine of a virtual router, without sockets and without a clock.
//!
//! ```text
//!                  +---------------+
//!       +--------->|  Initialize   |<-------------+
//!       |          +---------------+              |
//!       |             |         |                 |
//!       |   priority  |         | priority        |
//!       |   255       |         | below 255       | shutdown
//!       |             V         V                 |
//!  +---------------+  (startup)  +---------------+
//!  |    Master     |------------>|    Backup     |
//!  |               |<------------|               |
//!  +---------------+             +---------------+
//!      a better master is heard   (to Backup)
//!      Master_Down_Timer fires    (to Master)
//! ```
//!
//! Order of calls: [`Router::startup`], then for every input (`handle_advertisement`,
//! `handle_timeout`, or a decision of the caller) drain [`Router::poll_event`] before the next
//! input, and call [`Router::handle_timeout`] at [`Router::poll_timeout`].
//!
//! The rules are those of RFC 3768 §6.4 (version 2) and RFC 9568 §6.4 (version 3). The calls
//! below "Decisions of the caller" are an extension: they are for a caller that knows more than
//! VRRP tells it, over a replication link for example. Without them the machine is the RFC's.
//! Accept_Mode does not exist here: a master always accepts packets to its addresses.

mod decisions;
mod event;
mod reading;
mod state;
mod timers;

pub use event::{Event, Reason, Role};
pub use state::{Config, Heard, State};
pub use timers::{master_down_interval, skew_time};

use crate::packet::{Advertisement, EncodeError, PRIORITY_OWNER, PRIORITY_STOP, Version};
use crate::time::Instant;
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

/// The pauses between the first announcements of a new master: at 0, 0.2, 1, 2 and 5 s.
///
/// Several, because a switch or a client may miss the first one while ports come up.
const ANNOUNCE_PAUSES: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_millis(1000),
    Duration::from_millis(3000),
];
/// The pause between all further announcements, for caches that were cut off meanwhile.
const ANNOUNCE_PAUSE_LATER: Duration = Duration::from_secs(60);

/// One virtual router.
#[derive(Debug)]
pub struct Router {
    config: Config,
    /// Kept apart from the configured priority, which the caller may override.
    priority: u8,
    state: State,
    last_advertisement: Option<Heard>,
    events: VecDeque<Event>,
}

impl Router {
    /// A router in Initialize.
    ///
    /// The error says that its advertisements could not be encoded; from here on they can.
    pub fn new(config: Config) -> Result<Router, EncodeError> {
        let router = Router {
            priority: config.priority.max(1),
            state: State::Initialize,
            last_advertisement: None,
            events: VecDeque::new(),
            config,
        };
        router.advertisement(router.priority).check()?;
        let family = |address: &IpAddr| address.is_ipv4();
        if router.config.addresses.first().map(family)
            != Some(family(&router.config.primary_address))
        {
            return Err(EncodeError::AddressFamily);
        }
        Ok(router)
    }

    /// Starts: the address owner as Master, everyone else as Backup. RFC 3768 §6.4.1.
    ///
    /// Has no effect unless the state is Initialize.
    pub fn startup(&mut self, now: Instant) {
        match self.state {
            State::Initialize if self.priority == PRIORITY_OWNER => {
                self.enter_master(now, Reason::Started);
            }
            State::Initialize => self.enter_backup(now, self.config.interval, Reason::Started),
            State::Backup { .. } | State::Master { .. } => {}
        }
    }

    /// Stops. A master gives the addresses up and says so with priority 0. RFC 3768 §6.4.3.
    pub fn shutdown(&mut self, _now: Instant) {
        match self.state {
            State::Initialize => return,
            State::Backup { .. } => {}
            State::Master { .. } => {
                self.leave_master();
                self.events.push_back(Event::Advertise {
                    priority: PRIORITY_STOP,
                });
            }
        }
        self.change_state(State::Initialize, Reason::Shutdown);
    }

    /// An advertisement that a [`crate::packet::Receiver`] accepted.
    pub fn handle_advertisement(
        &mut self,
        now: Instant,
        source: IpAddr,
        advertisement: &Advertisement,
    ) {
        if self.state == State::Initialize {
            return;
        }
        let priority = advertisement.priority;
        self.last_advertisement = Some(Heard {
            at: now,
            source,
            priority,
        });
        // RFC 3768 §7.1: what reaches the address owner is not processed.
        if self.priority == PRIORITY_OWNER {
            return;
        }
        let master_interval = match self.config.version {
            Version::V2 => self.config.interval,
            Version::V3 => advertisement.interval,
        };
        match self.state {
            State::Initialize => {}
            State::Backup { .. } => self.hear_as_backup(now, priority, master_interval),
            State::Master { .. } => self.hear_as_master(now, source, priority, master_interval),
        }
    }

    /// RFC 3768 §6.4.2, RFC 9568 §6.4.2.
    fn hear_as_backup(&mut self, now: Instant, priority: u8, heard_interval: Duration) {
        let State::Backup {
            master_down_at,
            master_interval,
        } = &mut self.state
        else {
            return;
        };
        let version = self.config.version;
        if priority == PRIORITY_STOP {
            let skew = skew_time(version, self.priority, *master_interval);
            *master_down_at = Some(now + skew);
        } else if !self.config.preempt || priority >= self.priority {
            *master_interval = heard_interval;
            let wait = master_down_interval(version, self.priority, heard_interval);
            *master_down_at = Some(now + wait);
        }
    }

    /// RFC 3768 §6.4.3, RFC 9568 §6.4.3.
    fn hear_as_master(
        &mut self,
        now: Instant,
        source: IpAddr,
        priority: u8,
        heard_interval: Duration,
    ) {
        if priority == PRIORITY_STOP {
            self.advertise_now(now);
            return;
        }
        let theirs = (
            priority.cmp(&self.priority),
            source.cmp(&self.config.primary_address),
        );
        match theirs {
            (Ordering::Greater, _) => {
                self.demote(now, heard_interval, Reason::HigherPriorityHeard);
            }
            (Ordering::Equal, Ordering::Greater) => {
                self.demote(now, heard_interval, Reason::HigherAddressHeard);
            }
            // RFC 3768 discards it. RFC 9568 §6.4.3 advertises at once so that the other one stops;
            // announcing too takes back what its announcement did to the neighbours' caches.
            (Ordering::Less, _) | (Ordering::Equal, Ordering::Less) => {
                self.advertise_now(now);
                self.announce_now(now);
            }
            // Our own packet. Answering it would never end.
            (Ordering::Equal, Ordering::Equal) => {}
        }
    }

    /// Whatever is due at `now`. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Initialize => {}
            State::Backup { master_down_at, .. } => {
                if master_down_at.is_some_and(|at| at <= now) {
                    self.enter_master(now, self.takeover_reason(now));
                }
            }
            State::Master {
                advertise_at,
                announce_at,
                announcements,
            } => {
                if advertise_at <= now {
                    self.advertise_now(now);
                }
                if announce_at <= now {
                    self.announce(now, announcements);
                }
            }
        }
    }

    fn takeover_reason(&self, now: Instant) -> Reason {
        match self.last_advertisement {
            Some(Heard {
                priority: PRIORITY_STOP,
                ..
            }) => Reason::PriorityZeroHeard,
            Some(Heard { priority, at, .. })
                if priority < self.priority && now.since(at) < self.master_down_interval() =>
            {
                Reason::Preempted
            }
            Some(_) | None => Reason::MasterDownTimer,
        }
    }

    /// When [`Router::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Initialize => None,
            State::Backup { master_down_at, .. } => master_down_at,
            State::Master {
                advertise_at,
                announce_at,
                ..
            } => Some(advertise_at.min(announce_at)),
        }
    }

    /// The next thing to do, in order.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The advertisement that [`Event::Advertise`] asks for.
    pub fn advertisement(&self, priority: u8) -> Advertisement {
        Advertisement {
            version: self.config.version,
            virtual_router_id: self.config.virtual_router_id,
            priority,
            interval: self.config.interval,
            addresses: self.config.addresses.clone(),
            authentication: self.config.authentication,
        }
    }
}

/// Entering and leaving. No path changes the state otherwise.
impl Router {
    pub(super) fn enter_master(&mut self, now: Instant, reason: Reason) {
        self.events.push_back(Event::AddAddresses);
        self.events.push_back(Event::Advertise {
            priority: self.priority,
        });
        self.events.push_back(Event::Announce);
        let master = State::Master {
            advertise_at: now + self.config.interval,
            announce_at: now + ANNOUNCE_PAUSES[0],
            announcements: 1,
        };
        self.change_state(master, reason);
    }

    fn leave_master(&mut self) {
        self.events.push_back(Event::RemoveAddresses);
    }

    pub(super) fn demote(&mut self, now: Instant, master_interval: Duration, reason: Reason) {
        self.leave_master();
        self.enter_backup(now, master_interval, reason);
    }

    fn enter_backup(&mut self, now: Instant, master_interval: Duration, reason: Reason) {
        let version = self.config.version;
        let wait = master_down_interval(version, self.priority, master_interval);
        let master_down_at = Some(now + wait);
        self.change_state(
            State::Backup {
                master_down_at,
                master_interval,
            },
            reason,
        );
    }

    fn change_state(&mut self, state: State, reason: Reason) {
        let from = self.state.role();
        self.state = state;
        self.events.push_back(Event::StateChanged {
            from,
            to: state.role(),
            reason,
        });
    }

    /// Announces as the one after `sent` others.
    pub(super) fn announce(&mut self, now: Instant, sent: u32) {
        if let State::Master {
            announce_at,
            announcements,
            ..
        } = &mut self.state
        {
            let pause = ANNOUNCE_PAUSES
                .get(sent as usize)
                .unwrap_or(&ANNOUNCE_PAUSE_LATER);
            *announce_at = now + *pause;
            *announcements = sent.saturating_add(1);
            self.events.push_back(Event::Announce);
        }
    }
}

#[cfg(test)]
mod tests;
