//! What a virtual router is made of, and the state it is in.

use super::event::Role;
use crate::packet::{Authentication, Version};
use crate::time::Instant;
use std::net::IpAddr;
use std::time::Duration;

/// What a virtual router is.
#[derive(Clone, Debug)]
pub struct Config {
    /// The version to speak.
    pub version: Version,
    /// The VRID, 1 to 255: the same on both routers, and unlike any other on this network.
    pub virtual_router_id: u8,
    /// 1 to 254; higher wins. 255 is for a router whose own addresses these are; 0 is taken as 1.
    pub priority: u8,
    /// The advertisement interval: whole seconds in version 2, hundredths in version 3.
    pub interval: Duration,
    /// The address we send from. Of two masters of one priority the higher address stays.
    pub primary_address: IpAddr,
    /// Preempt_Mode: whether a backup takes over from a living master of lower priority.
    pub preempt: bool,
    /// The virtual addresses.
    pub addresses: Vec<IpAddr>,
    /// Version 2 only.
    pub authentication: Authentication,
}

/// The state and exactly its own data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not started, or shut down.
    Initialize,
    /// Watches the master.
    Backup {
        /// When Master_Down_Timer fires; `None`: only the caller or an advertisement sets it again.
        master_down_at: Option<Instant>,
        /// Master_Adver_Interval: in version 3 that of the last advertisement, else our own.
        master_interval: Duration,
    },
    /// Holds the addresses and advertises.
    Master {
        /// When the next advertisement is due.
        advertise_at: Instant,
        /// When the next announcement is due.
        announce_at: Instant,
        /// Announcements sent since becoming master or since the last claim was fought off.
        announcements: u32,
    },
}

impl State {
    /// The state without its data.
    pub const fn role(&self) -> Role {
        match self {
            State::Initialize => Role::Initialize,
            State::Backup { .. } => Role::Backup,
            State::Master { .. } => Role::Master,
        }
    }
}

/// The last advertisement that was handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When.
    pub at: Instant,
    /// From whom.
    pub source: IpAddr,
    /// Its priority.
    pub priority: u8,
}
