//! The Linux parts: the only place of this crate with system calls.
//!
//! - [`Interface`]: what the kernel knows of a network interface.
//! - [`VrrpSocket`]: advertisements out and in.
//! - [`Announcer`]: gratuitous ARP and unsolicited neighbour advertisements.
//! - [`Addresses`]: virtual addresses on and off the interface, as leases.
//! - [`Monitor`]: what happens to links and addresses meanwhile.
//!
//! Everything needs CAP_NET_RAW or CAP_NET_ADMIN except [`Interface`] and [`Monitor`]. An
//! [`Error`] says what was attempted and what would help. Nothing here waits longer than half a
//! second, nothing starts a thread, and descriptors are closed on exec.

mod addresses;
mod announce;
mod error;
mod hop_limit;
mod interface;
mod monitor;
mod netlink;
mod socket;

pub use addresses::{ADDRESS_MARK, Addresses, Held};
pub use announce::{Announcer, gratuitous_arp, neighbour_advertisement};
pub use error::Error;
pub use interface::Interface;
pub use monitor::{Monitor, NetworkEvent};
pub use socket::VrrpSocket;
