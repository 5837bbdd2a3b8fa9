//! The validated configuration: plain data that the rest of the program takes as true.
//!
//! Nothing here can be inconsistent when it comes from [`parse`](super::parse) or
//! [`load`](super::load); both check every limit that the fields state.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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

/// The replication link to the other host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replication {
    /// Where the peer may dial.
    pub listen: SocketAddr,
    /// Where to dial the peer. The name is resolved at each attempt.
    pub peer: HostPort,
    /// When a client gets its reply (default [`Acknowledge::Peer`]).
    pub acknowledge: Acknowledge,
    /// How long a reply waits for the peer before the pair degrades (default 250 ms), 1 ms to 60 s.
    pub acknowledge_timeout: Duration,
    /// The shared secret. Without it and without TLS only the configured peer's address is accepted.
    pub secret: Option<Secret>,
    /// Encrypts the link and proves both ends by their certificates.
    pub tls: Option<Tls>,
    /// Identity of this host in the pair, different on both. Without one the server chooses.
    pub node_id: Option<u64>,
    /// Both nodes may be configured with the same port on one host, as repcached's `-x` and `-X`
    /// allow: that `listen` is in use is then no error, the other node has it and is dialled.
    pub shared_port: bool,
}

/// A host and a TCP port, not resolved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostPort {
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// The port, not 0.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HostPort { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

/// What an answered mutation means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acknowledge {
    /// Both hosts have it. Survives the sudden death of either.
    Peer,
    /// This host has it and will send it. Faster, and the last moments are lost with the host.
    Local,
}

/// A shared secret of at least 16 bytes. Its debug form shows only the length.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(super) Vec<u8>);

impl Secret {
    /// The secret itself.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// Certificates and key of the link, each as DER, checked to be usable and to belong together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tls {
    /// The certificate that this host shows.
    pub certificate: Vec<u8>,
    /// Its key.
    pub key: PrivateKey,
    /// The one certificate that is accepted of the peer.
    pub peer_certificate: Vec<u8>,
}

/// A private key as DER. Its debug form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(pub(super) Vec<u8>);

impl PrivateKey {
    /// The key itself: PKCS #8, PKCS #1 or SEC 1.
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey")
    }
}

/// The virtual router that holds the virtual addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vrrp {
    /// Network interface by name, at most 15 bytes. Whether it exists is seen at start.
    pub interface: String,
    /// VRID, 1 to 255, unique on the network segment.
    pub virtual_router_id: u8,
    /// Priority, 1 to [`PRIORITY_MAX`] (default 240).
    pub priority: u8,
    /// Time between advertisements (default 1 s). Version 2: whole seconds, 1 to 255. Version 3:
    /// multiples of 10 ms, 10 ms to 40.95 s.
    pub advertisement_interval: Duration,
    /// The addresses that move between the hosts, all of one family, at least one.
    pub virtual_addresses: Vec<VirtualAddress>,
    /// Protocol version; IPv6 needs version 3.
    pub version: VrrpVersion,
    /// Simple text password of version 2, padded with zeros (RFC 2338 §5.3.10).
    pub password: Option<[u8; 8]>,
    /// Send advertisements to this address instead of the multicast group.
    pub unicast_peer: Option<IpAddr>,
    /// How long a node that has just started waits for a sign of a peer before it claims the
    /// address. `None` is Master_Down_Interval + 2 s.
    pub join_hold: Option<Duration>,
    /// Program to run at each state change, an absolute path.
    pub on_change: Option<PathBuf>,
}

/// Version of the VRRP protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VrrpVersion {
    /// RFC 3768: IPv4, whole seconds, optional password.
    Two,
    /// RFC 5798 and 9568: IPv4 or IPv6, centiseconds.
    Three,
}

/// An address that moves between the hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VirtualAddress {
    /// The address.
    pub address: IpAddr,
    /// Prefix length it is added with, by default 32 or 128: no route comes with it.
    pub prefix_len: u8,
}

impl fmt::Display for VirtualAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}
