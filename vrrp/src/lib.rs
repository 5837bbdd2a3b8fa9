//! VRRP, the Virtual Router Redundancy Protocol, as a library: two hosts agree which of them holds
//! an address.
//!
//! - [`packet`]: advertisements as bytes, for version 2 (RFC 3768) and version 3 (RFC 9568), and
//!   every check that a received one must pass.
//! - [`router`]: the state machine, without sockets and without a clock.
//! - [`linux`]: raw sockets, gratuitous ARP, addresses as leases, notifications.
//! - [`time`]: the time that the caller passes in.
//!
//! The first two are plain values and functions: the caller hands in what it received and what
//! time it is, and does what the router then asks for. A virtual router that nobody answers:
//!
//! ```
//! use std::net::IpAddr;
//! use std::time::Duration;
//! use vrrp::packet::{Authentication, Delivery, Version};
//! use vrrp::router::{Config, Event, Role, Router};
//! use vrrp::time::Instant;
//!
//! let own_address = IpAddr::from([10, 0, 0, 1]);
//! let mut router = Router::new(Config {
//!     version: Version::V2,
//!     virtual_router_id: 51,
//!     priority: 100,
//!     interval: Duration::from_secs(1),
//!     primary_address: own_address,
//!     preempt: false,
//!     addresses: vec![IpAddr::from([10, 0, 0, 100])],
//!     authentication: Authentication::None,
//! })?;
//!
//! router.startup(Instant::ZERO);
//! assert_eq!(router.state().role(), Role::Backup);
//! while router.poll_event().is_some() {}
//!
//! // A real caller waits until then, or until an advertisement comes, whichever is first.
//! let due = router.poll_timeout().expect("a backup waits for the master");
//! assert_eq!(due, Instant::from_nanos(3_609_375_000));
//! router.handle_timeout(due);
//!
//! // Order matters: the address is there before the first advertisement leaves.
//! assert_eq!(router.poll_event(), Some(Event::AddAddresses));
//! assert_eq!(router.poll_event(), Some(Event::Advertise { priority: 100 }));
//! let destination = Delivery::Multicast.destination(own_address);
//! let message = router.advertisement(100).encode(own_address, destination)?;
//! assert_eq!(message[..4], [0x21, 51, 100, 1]);
//! assert_eq!(router.poll_event(), Some(Event::Announce));
//! # Ok::<(), vrrp::packet::EncodeError>(())
//! ```
//!
//! On Linux the caller hands `message` to [`linux::VrrpSocket::send`], and what
//! [`linux::VrrpSocket::receive`] returns to a [`packet::Receiver`].
//!
//! Deliberately absent: the virtual router MAC address (the interface keeps its own; neighbours
//! learn the change from gratuitous ARP), several virtual routers in one state machine, and
//! Accept_Mode (a master always accepts packets to its addresses).

#[cfg(target_os = "linux")]
pub mod linux;
pub mod packet;
pub mod router;
pub mod time;
