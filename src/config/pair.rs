//! The rules of the sections `replication` and `vrrp`.

use super::address::ListenAddress;
use super::draft::{Draft, ReplicationDraft, Setting, VrrpDraft};
use super::error::{ConfigError, Fault, Origin, Sourced};
use super::settings::{
    Acknowledge, HostPort, PRIORITY_MAX, REPLICATION_PORT, Replication, Secret, VirtualAddress,
    Vrrp, VrrpVersion,
};
use super::tls;
use super::validate::{one_socket, value};
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_millis(250);
const ADVERTISEMENT_INTERVAL: Duration = Duration::from_secs(1);
const PRIORITY: u8 = 240;

/// Shortest secret in bytes that a HMAC challenge is worth.
const SECRET_LENGTH_MIN: usize = 16;

/// Longest secret file in bytes, so that a wrong path cannot fill the memory.
const SECRET_LENGTH_MAX: u64 = 4096;

/// Most addresses in one advertisement: the count field for IPv4 (RFC 3768 §5.3.5), the MTU of
/// Ethernet for IPv6.
const ADDRESSES_MAX_IPV4: usize = 255;
const ADDRESSES_MAX_IPV6: usize = 90;

/// The link of `draft`. Reads the files that it names, whose relative paths start at `directory`.
pub(super) fn replication(
    draft: &ReplicationDraft,
    directory: &Path,
    warnings: &mut Vec<String>,
) -> Result<Replication, ConfigError> {
    let listen = required(&draft.listen, &draft.origin, "listen: 10.0.0.1:11212")?;
    let peer = required(&draft.peer, &draft.origin, "peer: 10.0.0.2:11212")?;
    let listen = one_socket(listen, REPLICATION_PORT)?;
    if !draft.shared_port && dials_itself(&peer.value, listen) {
        return Err(peer.refuse(
            format!("{} is this host itself (listen is {listen})", peer.value),
            "write the other host's address",
        ));
    }
    let secret = match &draft.secret_file {
        Some(file) => Some(secret(file, directory, warnings)?),
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

/// repcached listens on every address; so does the link that its flags describe.
pub(super) fn repcached_listen(peer: &HostPort, port: u16) -> ListenAddress {
    let host = if peer.host.contains(':') {
        "::"
    } else {
        "0.0.0.0"
    };
    ListenAddress {
        host: Some(host.to_owned()),
        port: Some(port),
    }
}

fn required<'a, T>(
    setting: &'a Setting<T>,
    section: &Origin,
    example: &str,
) -> Result<&'a Sourced<T>, ConfigError> {
    setting.as_ref().ok_or_else(|| missing(section, example))
}

/// The message for a section without a key that it needs; `example` begins with the key.
fn missing(section: &Origin, example: &str) -> ConfigError {
    let key = example.split(':').next().unwrap_or(example);
    section.refuse(Fault::new(
        format!("{key} is missing"),
        format!("add a line `{example}`"),
    ))
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

fn secret(
    file: &Sourced<PathBuf>,
    directory: &Path,
    warnings: &mut Vec<String>,
) -> Result<Secret, ConfigError> {
    let path = directory.join(&file.value);
    let shown = path.display();
    let (mut bytes, mode) = read_secret(&path).map_err(|error| {
        file.refuse(
            format!("cannot read {shown}: {error}"),
            "create it on one host (head -c 32 /dev/urandom | base64) and copy it to the other",
        )
    })?;
    let end = bytes
        .iter()
        .rposition(|byte| !matches!(byte, b'\n' | b'\r'))
        .map_or(0, |at| at + 1);
    bytes.truncate(end);
    if bytes.len() < SECRET_LENGTH_MIN || bytes.len() as u64 > SECRET_LENGTH_MAX {
        return Err(file.refuse(
            format!("the secret in {shown} has {} bytes", bytes.len()),
            format!("use {SECRET_LENGTH_MIN} to {SECRET_LENGTH_MAX} bytes, the same on both hosts"),
        ));
    }
    if mode & 0o004 != 0 {
        warnings.push(format!(
            "every user can read the secret: run chmod 600 {shown}"
        ));
    }
    Ok(Secret(bytes))
}

/// The start of the file, enough to see whether it is too long, and its access mode.
fn read_secret(path: &Path) -> io::Result<(Vec<u8>, u32)> {
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    let mut bytes = Vec::new();
    file.take(SECRET_LENGTH_MAX + 3).read_to_end(&mut bytes)?;
    Ok((bytes, mode))
}

/// The virtual router of `draft`.
pub(super) fn vrrp(draft: &VrrpDraft, warnings: &mut Vec<String>) -> Result<Vrrp, ConfigError> {
    let interface = required(&draft.interface, &draft.origin, "interface: eth0")?;
    let router = required(
        &draft.virtual_router_id,
        &draft.origin,
        "virtual_router_id: 51",
    )?;
    let version = value(&draft.version, VrrpVersion::Two);
    let virtual_addresses = virtual_addresses(draft, version)?;
    let advertisement_interval = advertisement_interval(draft, version, warnings)?;
    if let (Some(password), VrrpVersion::Three) = (&draft.password, version) {
        return Err(password.refuse(
            "version 3 has no authentication",
            "remove the password, or write version: 2",
        ));
    }
    Ok(Vrrp {
        interface: interface.value.clone(),
        virtual_router_id: router.value,
        priority: priority(draft, warnings),
        advertisement_interval,
        unicast_peer: unicast_peer(draft, &virtual_addresses)?,
        virtual_addresses,
        version,
        password: draft.password.as_ref().map(|password| password.value),
        join_hold: draft.join_hold.as_ref().map(|hold| hold.value),
        on_change: draft
            .on_change
            .as_ref()
            .map(|program| program.value.clone()),
    })
}

fn priority(draft: &VrrpDraft, warnings: &mut Vec<String>) -> u8 {
    let priority = value(&draft.priority, PRIORITY);
    if priority > PRIORITY_MAX {
        warnings.push(format!(
            "priority {priority} is used as {PRIORITY_MAX}: \
             the node that takes over needs room above"
        ));
    }
    priority.min(PRIORITY_MAX)
}

fn virtual_addresses(
    draft: &VrrpDraft,
    version: VrrpVersion,
) -> Result<Vec<VirtualAddress>, ConfigError> {
    let Some(list) = &draft.virtual_addresses else {
        return Err(missing(&draft.origin, "virtual_addresses: [10.0.0.100/32]"));
    };
    let mut addresses: Vec<VirtualAddress> = Vec::with_capacity(list.len());
    for entry in list {
        let VirtualAddress { address, .. } = entry.value;
        if address.is_ipv6() && version == VrrpVersion::Two {
            return Err(entry.refuse("version 2 is for IPv4 only", "write version: 3 for IPv6"));
        }
        if addresses.iter().any(|earlier| earlier.address == address) {
            return Err(entry.refuse(
                format!("{address} is listed twice"),
                "remove one of the two",
            ));
        }
        if addresses
            .first()
            .is_some_and(|first| first.address.is_ipv4() != address.is_ipv4())
        {
            return Err(entry.refuse(
                "a virtual router has addresses of one family",
                "list only IPv4 or only IPv6 addresses",
            ));
        }
        let max = if address.is_ipv4() {
            ADDRESSES_MAX_IPV4
        } else {
            ADDRESSES_MAX_IPV6
        };
        if addresses.len() == max {
            return Err(entry.refuse(
                "too many addresses for one advertisement",
                format!("list at most {max}"),
            ));
        }
        addresses.push(entry.value);
    }
    Ok(addresses)
}

/// RFC 3768 §5.3.7 gives version 2 one byte of seconds, RFC 9568 §5.2.7 version 3 twelve bits of
/// centiseconds.
fn advertisement_interval(
    draft: &VrrpDraft,
    version: VrrpVersion,
    warnings: &mut Vec<String>,
) -> Result<Duration, ConfigError> {
    let Some(interval) = &draft.advertisement_interval else {
        return Ok(ADVERTISEMENT_INTERVAL);
    };
    let time = interval.value;
    match version {
        VrrpVersion::Two if time.subsec_nanos() != 0 || !(1..=255).contains(&time.as_secs()) => {
            return Err(interval.refuse(
                "version 2 counts whole seconds, 1s to 255s",
                "write whole seconds, or add version: 3 for fractions",
            ));
        }
        VrrpVersion::Three
            if !time.as_nanos().is_multiple_of(10_000_000)
                || !(1..=4095).contains(&(time.as_millis() / 10)) =>
        {
            return Err(interval.refuse(
                "version 3 counts hundredths of a second, 10ms to 40.95s",
                "write a multiple of 10ms, such as 200ms",
            ));
        }
        VrrpVersion::Two | VrrpVersion::Three => {}
    }
    if time < Duration::from_secs(1) {
        warnings.push(
            "advertisement_interval is below 1s, but the kernel counts address lifetimes in whole \
             seconds: a host that freezes whole may hold the address longer than takeover needs"
                .to_owned(),
        );
    }
    Ok(time)
}

fn unicast_peer(
    draft: &VrrpDraft,
    addresses: &[VirtualAddress],
) -> Result<Option<IpAddr>, ConfigError> {
    let Some(peer) = &draft.unicast_peer else {
        return Ok(None);
    };
    let ip = peer.value;
    if addresses.iter().any(|address| address.address == ip) {
        return Err(is_virtual(peer, ip));
    }
    if addresses
        .iter()
        .any(|address| address.address.is_ipv4() != ip.is_ipv4())
    {
        return Err(peer.refuse(
            format!("{ip} is not of the family of the virtual addresses"),
            "write the other host's own address of the same family",
        ));
    }
    Ok(Some(ip))
}

fn is_virtual<T>(setting: &Sourced<T>, ip: IpAddr) -> ConfigError {
    setting.refuse(
        format!("{ip} is a virtual address, which moves between the hosts"),
        "write an address that belongs to one host",
    )
}

/// The link connects the hosts' own addresses: the virtual one is on either.
pub(super) fn refuse_virtual_address_as_own(
    draft: &Draft,
    replication: Option<&Replication>,
    vrrp: Option<&Vrrp>,
) -> Result<(), ConfigError> {
    let (Some(replication), Some(vrrp), Some(section)) = (replication, vrrp, &draft.replication)
    else {
        return Ok(());
    };
    let moves = |ip: &IpAddr| {
        vrrp.virtual_addresses
            .iter()
            .any(|address| address.address == *ip)
    };
    let peer = replication.peer.host.parse().ok().filter(moves);
    if let (Some(ip), Some(setting)) = (peer, &section.peer) {
        return Err(is_virtual(setting, ip));
    }
    let listen = Some(replication.listen.ip()).filter(moves);
    if let (Some(ip), Some(setting)) = (listen, &section.listen) {
        return Err(is_virtual(setting, ip));
    }
    Ok(())
}
