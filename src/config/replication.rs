//! The rules of the section `replication`.

use super::draft::{ReplicationDraft, required, value};
use super::error::ConfigError;
use super::settings::{Acknowledge, HostPort, REPLICATION_PORT, Replication};
use super::{secret, tls};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_millis(250);

/// The link of `draft`. Reads the files that it names, whose relative paths start at `directory`.
pub(super) fn replication(
    draft: &ReplicationDraft,
    directory: &Path,
    warnings: &mut Vec<String>,
) -> Result<Replication, ConfigError> {
    let listen = required(&draft.listen, &draft.origin, "listen: 10.0.0.1:11212")?;
    let peer = required(&draft.peer, &draft.origin, "peer: 10.0.0.2:11212")?;
    let listen = listen.one_socket(REPLICATION_PORT)?;
    if !draft.shared_port && dials_itself(&peer.value, listen) {
        return Err(peer.refuse(
            format!("{} is this host itself (listen is {listen})", peer.value),
            "write the other host's address",
        ));
    }
    let secret = match &draft.secret_file {
        Some(file) => Some(secret::secret(file, directory, warnings)?),
        None => None,
    };
    let tls = draft.tls.as_ref();
    let tls = tls.map(|section| tls::tls(section, directory, warnings));
    Ok(Replication {
        listen,
        peer: peer.value.clone(),
        acknowledge: value(&draft.acknowledge, Acknowledge::Peer),
        acknowledge_timeout: value(&draft.acknowledge_timeout, ACKNOWLEDGE_TIMEOUT),
        secret,
        tls: tls.transpose()?,
        node_id: draft.node_id.as_ref().map(|id| id.value),
        shared_port: draft.shared_port,
    })
}

/// Names are not resolved here, so only an address (or `localhost`) can be seen to be our own.
fn dials_itself(peer: &HostPort, listen: SocketAddr) -> bool {
    let ip: IpAddr = match peer.host.parse() {
        Ok(ip) => ip,
        Err(_) if peer.host == "localhost" => Ipv4Addr::LOCALHOST.into(),
        Err(_) => return false,
    };
    let own = ip == listen.ip() || listen.ip().is_unspecified() && ip.is_loopback();
    own && peer.port == listen.port()
}
