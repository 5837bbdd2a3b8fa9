//! The addresses that the peer's name stands for, and who waits at the door while they are found.
//!
//! A peer that is configured by a name may change its address, and may call before we have called
//! it. So a connection from an unknown address waits while the name is looked up, outside this
//! thread: one a second, however many strangers call.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::TcpStream;
use vrrp::time::Instant;

use super::resolver::Resolver;
use crate::config::HostPort;

/// A name is looked up again for an unknown address after this long.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(1);
/// Connections that wait for a lookup; the oldest makes room for a new one.
const WAITING_MAX: usize = 8;

/// A connection and where it came from.
pub(super) type Caller = (TcpStream, SocketAddr);
type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// What is known of the peer's addresses.
pub(super) struct PeerAddresses {
    /// The peer's name, if it is configured by a name.
    name: Option<HostPort>,
    addresses: Vec<IpAddr>,
    lookup: Option<Lookup>,
    looked_up_at: Option<Instant>,
    waiting: VecDeque<Caller>,
    resolver: Resolver,
}

impl PeerAddresses {
    /// From the configuration: an address is known, a name stands for none yet.
    pub fn of(peer: Option<&HostPort>, resolver: Resolver) -> PeerAddresses {
        let address = peer.and_then(|peer| peer.host.parse().ok());
        PeerAddresses {
            name: peer.filter(|_| address.is_none()).cloned(),
            addresses: address.into_iter().collect(),
            lookup: None,
            looked_up_at: None,
            waiting: VecDeque::new(),
            resolver,
        }
    }

    /// Whether this is an address of the peer, as far as is known.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// A lookup for dialling has given these.
    pub fn learn(&mut self, addresses: Vec<IpAddr>) {
        if self.name.is_some() {
            self.addresses = addresses;
        }
    }

    /// Whether a lookup could make an unknown address the peer's.
    pub fn may_change(&self, now: Instant) -> bool {
        let lately = |at: Instant| now.since(at) < LOOKUP_INTERVAL;
        let asked = self.lookup.is_none() && self.looked_up_at.is_some_and(lately);
        self.name.is_some() && !asked
    }

    /// Lets a connection wait until the name was looked up. Returns one that has to go instead.
    pub fn hold(&mut self, now: Instant, caller: Caller) -> Option<Caller> {
        if self.lookup.is_none()
            && let Some(name) = self.name.clone()
        {
            self.looked_up_at = Some(now);
            let resolver = self.resolver.clone();
            self.lookup = Some(Box::pin(async move {
                let found = resolver.look_up(name).await?;
                let addresses = found.iter().map(|found| found.ip().to_canonical());
                Ok(addresses.collect())
            }));
        }
        self.waiting.push_back(caller);
        if self.waiting.len() > WAITING_MAX {
            return self.waiting.pop_front();
        }
        None
    }

    /// Those who waited, once the name was looked up.
    pub fn poll_looked_up(&mut self, task: &mut Context<'_>) -> Poll<Vec<Caller>> {
        let Some(lookup) = &mut self.lookup else {
            return Poll::Pending;
        };
        let found = ready!(lookup.as_mut().poll(task));
        self.lookup = None;
        if let Ok(addresses) = found {
            self.addresses = addresses;
        }
        Poll::Ready(self.waiting.drain(..).collect())
    }
}
