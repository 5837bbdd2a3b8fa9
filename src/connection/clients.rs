//! The connections that `stats conns` shows.
//!
//! Whoever accepts a connection adds it and keeps the [`Client`] as long as it is open. Between two
//! listings a closed one only leaves a dead entry under its id, which the next connection of that
//! id replaces.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use vrrp::time::Instant;

/// All open connections and listening sockets, by id.
#[derive(Default, Debug)]
pub struct Clients(Mutex<BTreeMap<u32, Weak<Client>>>);

/// One of them. Its numbers are written by its owner and read by anyone.
#[derive(Debug)]
pub struct Client {
    /// Its descriptor.
    pub id: u32,
    /// Where it comes from; of a listening socket, where it listens.
    pub address: Endpoint,
    /// Where it was accepted; `None` for a listening socket.
    pub listener: Option<Endpoint>,
    /// Seconds since zero of its last request.
    used_at_s: AtomicU32,
    state: AtomicU8,
}

/// An address in memcached's form, such as `tcp:127.0.0.1:11211`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// TCP, `tcp:` or `tcp6:`.
    Tcp(SocketAddr),
    /// UDP, `udp:` or `udp6:`.
    Udp(SocketAddr),
    /// A unix socket, `unix:` and its path.
    Unix(Arc<str>),
}

/// What a connection is doing, in the names of memcached's connection states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ClientState {
    /// Accepts connections.
    Listening,
    /// Waits for a request.
    Reading,
    /// Executes requests.
    Executing,
    /// Waits until the peer has acknowledged a mutation.
    Waiting,
    /// Waits until the client takes its answers.
    Writing,
    /// Watches the log.
    Watching,
}

impl Clients {
    /// Adds a connection that was accepted at `listener`, or a listening socket without one.
    pub fn add(
        &self,
        now: Instant,
        id: u32,
        address: Endpoint,
        listener: Option<Endpoint>,
    ) -> Arc<Client> {
        let state = match listener {
            Some(_) => ClientState::Reading,
            None => ClientState::Listening,
        };
        let client = Arc::new(Client {
            id,
            address,
            listener,
            used_at_s: AtomicU32::new(seconds(now)),
            state: AtomicU8::new(state as u8),
        });
        self.0.lock().insert(id, Arc::downgrade(&client));
        client
    }

    /// Those that are open, by id.
    pub fn open(&self) -> Vec<Arc<Client>> {
        let mut clients = self.0.lock();
        clients.retain(|_, client| client.strong_count() > 0);
        clients.values().filter_map(Weak::upgrade).collect()
    }
}

impl Client {
    /// It sent something.
    pub fn used(&self, now: Instant) {
        self.used_at_s.store(seconds(now), Ordering::Relaxed);
    }

    /// Seconds since it last sent something.
    pub fn idle_s(&self, now: Instant) -> u32 {
        seconds(now).saturating_sub(self.used_at_s.load(Ordering::Relaxed))
    }

    /// It goes on with something else.
    pub fn set_state(&self, state: ClientState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// What it is doing, in memcached's words.
    pub fn state(&self) -> &'static str {
        match self.state.load(Ordering::Relaxed) {
            0 => "conn_listening",
            1 => "conn_read",
            2 => "conn_parse_cmd",
            3 => "conn_io_queue",
            4 => "conn_mwrite",
            _ => "conn_watch",
        }
    }
}

impl Endpoint {
    /// The transport as `watch connevents` names it.
    pub const fn transport(&self) -> &'static str {
        match self {
            Endpoint::Tcp(_) => "tcp",
            Endpoint::Udp(_) => "udp",
            Endpoint::Unix(_) => "local",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = |address: &SocketAddr| if address.is_ipv6() { "6" } else { "" };
        match self {
            Endpoint::Tcp(address) => write!(f, "tcp{}:{address}", version(address)),
            Endpoint::Udp(address) => write!(f, "udp{}:{address}", version(address)),
            Endpoint::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

fn seconds(now: Instant) -> u32 {
    u32::try_from(now.as_millis() / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(text: &str) -> Endpoint {
        Endpoint::Tcp(text.parse().expect("an address"))
    }

    #[test]
    fn endpoints_are_written_as_memcached_writes_them() {
        let udp = Endpoint::Udp("[::1]:11211".parse().expect("an address"));
        for (endpoint, expected) in [
            (tcp("127.0.0.1:11211"), "tcp:127.0.0.1:11211"),
            (tcp("[::1]:40000"), "tcp6:[::1]:40000"),
            (udp, "udp6:[::1]:11211"),
            (Endpoint::Unix("/run/cache".into()), "unix:/run/cache"),
        ] {
            assert_eq!(endpoint.to_string(), expected);
        }
    }

    #[test]
    fn a_client_is_listed_while_someone_holds_it() {
        let clients = Clients::default();
        let now = Instant::from_millis(1_000);
        let listener = clients.add(now, 3, tcp("127.0.0.1:11211"), None);
        let gone = clients.add(now, 9, tcp("127.0.0.1:40000"), Some(tcp("127.0.0.1:11211")));
        drop(gone);
        let open = clients.open();
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].id, open[0].state()), (3, "conn_listening"));
        assert_eq!(listener.idle_s(Instant::from_millis(5_500)), 4);
    }
}
