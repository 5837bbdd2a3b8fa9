//! The validated configuration: plain data that the rest of the program takes as true.
//!
//! Nothing here can be inconsistent when it comes from [`parse`](super::parse) or
//! [`load`](super::load); both check every limit that the fields state.

mod link;
mod vrrp;

pub use link::{Acknowledge, HostPort, PrivateKey, Replication, Secret, Tls};
pub use vrrp::{VirtualAddress, Vrrp, VrrpVersion};

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Port of memcached clients.
pub const CLIENT_PORT: u16 = 11211;

/// Port of the replication link, repcached's default.
pub const REPLICATION_PORT: u16 = 11212;

/// Port of the admin interface.
pub const ADMIN_PORT: u16 = 11280;

/// Highest priority a router is configured with. Above it stands only the takeover priority, which
/// may rise to 254, and 255 belongs to the address owner, which does not exist here.
pub const PRIORITY_MAX: u8 = 250;

/// Everything one server needs to know. [`Config::default`] is what `twincached` without arguments
/// uses: a memcached on port 11211.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Memory for items in bytes (`-m`, default 64 MiB). At least twice `item_size_max`.
    pub memory: u64,
    /// Worker threads (`-t`, default 4), 1 to 1024.
    pub threads: usize,
    /// TCP sockets for clients (`-l`, `-p`). The default is port 11211 on `0.0.0.0` and on `[::]`;
    /// the latter is for IPv6 only and is left out where the kernel has no IPv6. Empty when a unix
    /// socket is used or `-p 0` is given. Port 0 lets the kernel choose.
    pub listen: Vec<SocketAddr>,
    /// Unix socket for clients (`-s`); it replaces the network sockets, as in memcached.
    pub unix_socket: Option<UnixSocket>,
    /// UDP port on the addresses of `listen` (`-U`, off by default).
    pub udp_port: Option<u16>,
    /// Client connections at a time (`-c`, default 1024).
    pub connections_max: usize,
    /// Length of the kernel's queue of unaccepted connections (`-b`, default 1024).
    pub backlog: u32,
    /// Largest item in bytes (`-I`, default 1 MiB), 1 KiB to 1 GiB.
    pub item_size_max: usize,
    /// Requests of one connection that are processed before another gets its turn (`-R`, default
    /// 20).
    pub requests_per_event: usize,
    /// Make room by evicting (`-M` turns it off; then a full cache answers with an error).
    pub evict: bool,
    /// Give out cas tokens (`-C` turns it off).
    pub cas: bool,
    /// Allow `flush_all` (`-F` turns it off).
    pub flush_enabled: bool,
    /// Allow `stats cachedump` and `lru_crawler metadump` (`-X` without a number turns it off).
    pub dump_enabled: bool,
    /// Allow `watch` (`-W` turns it off).
    pub watch_enabled: bool,
    /// Allow `shutdown` (`-A` turns it on).
    pub shutdown_enabled: bool,
    /// Protocol of the clients (`-B`). Text whenever `auth_file` is set.
    pub protocol: Protocol,
    /// Close a connection that has been idle for so long (`-o idle_timeout`, off by default), in
    /// whole seconds as memcached counts.
    pub idle_timeout: Option<Duration>,
    /// At the connection limit, answer new connections with an error and close them, instead of
    /// letting them wait (`-o maxconns_fast`, on by default).
    pub connections_max_fast: bool,
    /// File of `user:password` lines for the text protocol (`-Y`). Not read here: the server reads
    /// it at start and on SIGHUP.
    pub auth_file: Option<PathBuf>,
    /// Delimiter between prefix and rest of a key in `stats detail` (`-D`). `None` is `:` with the
    /// collection off; a value turns the collection on from the start.
    pub stats_prefix_delimiter: Option<u8>,
    /// Verbosity, the number of `-v`.
    pub verbosity: u8,
    /// User to become when started as root (`-u`).
    pub user: Option<String>,
    /// Detach from the terminal (`-d`).
    pub daemonize: bool,
    /// File for the process id (`-P`).
    pub pid_file: Option<PathBuf>,
    /// Lock all memory (`-k`).
    pub lock_memory: bool,
    /// Raise the core file limit to its maximum (`-r`).
    pub core_dumps: bool,
    /// The other host of the pair, if there is one.
    pub replication: Option<Replication>,
    /// The virtual router, if there is one.
    pub vrrp: Option<Vrrp>,
    /// Where `/status`, `/metrics`, `/healthz` and `/readyz` answer; off by default.
    pub admin: Option<SocketAddr>,
    /// Things that are allowed but that the user should know; print them at every start.
    pub warnings: Vec<String>,
    /// Flags that were accepted without effect; print them at `-v`.
    pub notes: Vec<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            memory: 64 << 20,
            threads: 4,
            listen: vec![
                SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), CLIENT_PORT),
                SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), CLIENT_PORT),
            ],
            unix_socket: None,
            udp_port: None,
            connections_max: 1024,
            backlog: 1024,
            item_size_max: 1 << 20,
            requests_per_event: 20,
            evict: true,
            cas: true,
            flush_enabled: true,
            dump_enabled: true,
            watch_enabled: true,
            shutdown_enabled: false,
            protocol: Protocol::Auto,
            idle_timeout: None,
            connections_max_fast: true,
            auth_file: None,
            stats_prefix_delimiter: None,
            verbosity: 0,
            user: None,
            daemonize: false,
            pid_file: None,
            lock_memory: false,
            core_dumps: false,
            replication: None,
            vrrp: None,
            admin: None,
            warnings: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// A unix socket for clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnixSocket {
    /// Where the socket is created.
    pub path: PathBuf,
    /// Its access mode (`-a`, default `0o700`).
    pub mode: u32,
}

/// What clients may speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Decided by the first byte of each connection.
    Auto,
    /// Text, classic and meta.
    Text,
    /// Binary.
    Binary,
}
