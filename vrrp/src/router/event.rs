//! What the machine tells its caller.

use std::fmt;

/// The state without its data, for events and for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Not started, or shut down.
    Initialize,
    /// Watches the master.
    Backup,
    /// Holds the addresses and advertises.
    Master,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::Initialize => "INITIALIZE",
            Role::Backup => "BACKUP",
            Role::Master => "MASTER",
        })
    }
}

/// Why the state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `startup` was called.
    Started,
    /// Nothing was heard for Master_Down_Interval.
    MasterDownTimer,
    /// The master said that it stops, and nobody took over within Skew_Time.
    PriorityZeroHeard,
    /// The master lives, and its priority is below ours (Preempt_Mode).
    Preempted,
    /// Another master has a higher priority.
    HigherPriorityHeard,
    /// Another master has our priority and a higher primary address.
    HigherAddressHeard,
    /// `shutdown` was called.
    Shutdown,
    /// The caller decided, for the reason it gives.
    Caller(&'static str),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Reason::Started => "started",
            Reason::MasterDownTimer => "the master fell silent",
            Reason::PriorityZeroHeard => "the master said that it stops",
            Reason::Preempted => "the master has a lower priority",
            Reason::HigherPriorityHeard => "a master of higher priority was heard",
            Reason::HigherAddressHeard => {
                "a master of the same priority and a higher address was heard"
            }
            Reason::Shutdown => "shut down",
            Reason::Caller(reason) => reason,
        })
    }
}

/// What the caller must do, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Send an advertisement of this priority now.
    Advertise {
        /// 0 when the master stops.
        priority: u8,
    },
    /// Put the virtual addresses on the interface.
    AddAddresses,
    /// Take the virtual addresses off the interface.
    RemoveAddresses,
    /// Send a gratuitous ARP (IPv4) or an unsolicited neighbour advertisement (IPv6) for every
    /// virtual address.
    Announce,
    /// The state is now another. Comes last, when everything else of the change was asked for.
    StateChanged {
        /// Before.
        from: Role,
        /// Now.
        to: Role,
        /// Why.
        reason: Reason,
    },
}
