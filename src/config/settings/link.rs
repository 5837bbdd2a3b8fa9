//! The replication link.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

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
pub struct Secret(pub(in crate::config) Vec<u8>);

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
pub struct PrivateKey(pub(in crate::config) Vec<u8>);

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
