//! From a draft to the configuration: defaults, and every rule that concerns two settings at once.

use super::address::ListenAddress;
use super::draft::{Draft, given, value};
use super::error::{ConfigError, Origin, Sourced};
use super::settings::{ADMIN_PORT, CLIENT_PORT, Config, Protocol, Replication, UnixSocket, Vrrp};
use super::{replication, vrrp};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// memcached's limits of `-I` in bytes.
const ITEM_SIZE_MIN: u64 = 1024;
const ITEM_SIZE_MAX: u64 = 1 << 30;

/// Threads above which memcached warns.
const THREADS_USUAL_MAX: usize = 64;

/// Access mode of the unix socket without `-a`.
const UNIX_SOCKET_MODE: u32 = 0o700;

/// The configuration that `draft` describes. `directory` is where the configuration file lies;
/// relative names of secret files are looked up there.
pub(super) fn config(draft: Draft, directory: &Path) -> Result<Config, ConfigError> {
    let base = Config::default();
    let mut warnings = Vec::new();
    let memory = value(&draft.memory, base.memory);
    let item_size_max = item_size_max(&draft, memory, base.item_size_max as u64)?;
    let threads = value(&draft.threads, base.threads);
    if threads > THREADS_USUAL_MAX {
        warnings.push(format!(
            "{threads} threads are not recommended; set the number of cores of this machine or less"
        ));
    }
    let protocol = protocol(&draft)?;
    let listen = client_sockets(&draft)?;
    let udp_port = udp_port(&draft)?;
    let admin = match &draft.admin {
        Some(address) => Some(address.one_socket(ADMIN_PORT)?),
        None => None,
    };
    let vrrp = draft.vrrp.as_ref();
    let vrrp = vrrp
        .map(|section| vrrp::vrrp(section, &mut warnings))
        .transpose()?;
    let replication = draft.replication.as_ref();
    let replication = replication
        .map(|section| replication::replication(section, directory, &mut warnings))
        .transpose()?;
    refuse_shared_sockets(&draft, &listen, replication.as_ref(), admin)?;
    vrrp::refuse_mixed_up_addresses(&draft, replication.as_ref(), vrrp.as_ref())?;
    warnings.extend(
        vrrp.iter()
            .flat_map(|vrrp| unreachable_addresses(vrrp, &listen)),
    );
    Ok(Config {
        memory,
        threads,
        listen,
        unix_socket: unix_socket(&draft),
        udp_port,
        connections_max: value(&draft.connections_max, base.connections_max),
        backlog: value(&draft.backlog, base.backlog),
        item_size_max,
        requests_per_event: value(&draft.requests_per_event, base.requests_per_event),
        evict: value(&draft.evict, base.evict),
        cas: value(&draft.cas, base.cas),
        flush_enabled: value(&draft.flush_enabled, base.flush_enabled),
        dump_enabled: value(&draft.dump_enabled, base.dump_enabled),
        watch_enabled: value(&draft.watch_enabled, base.watch_enabled),
        shutdown_enabled: value(&draft.shutdown_enabled, base.shutdown_enabled),
        protocol,
        idle_timeout: given(draft.idle_timeout).filter(|time| !time.is_zero()),
        connections_max_fast: value(&draft.connections_max_fast, base.connections_max_fast),
        auth_file: given(draft.auth_file),
        stats_prefix_delimiter: given(draft.stats_prefix_delimiter),
        verbosity: value(&draft.verbosity, base.verbosity),
        user: given(draft.user),
        daemonize: value(&draft.daemonize, base.daemonize),
        pid_file: given(draft.pid_file),
        lock_memory: value(&draft.lock_memory, base.lock_memory),
        core_dumps: value(&draft.core_dumps, base.core_dumps),
        replication,
        vrrp,
        admin,
        warnings,
        notes: draft.notes,
    })
}

/// memcached's rules for `-I`, in memcached's words. The mistake stands at `-m` where only that was
/// given.
fn item_size_max(draft: &Draft, memory: u64, default: u64) -> Result<usize, ConfigError> {
    let size = value(&draft.item_size_max, default);
    let fault = if size < ITEM_SIZE_MIN {
        (
            "Item max size cannot be less than 1024 bytes.",
            "write at least 1KiB",
        )
    } else if size > ITEM_SIZE_MAX {
        (
            "Cannot set item size limit higher than a gigabyte.",
            "write at most 1GiB",
        )
    } else if size > memory / 2 {
        (
            "Cannot set item size limit higher than 1/2 of memory max.",
            "raise memory (-m), or lower item_size_max (-I)",
        )
    } else {
        return Ok(size as usize);
    };
    let culprit = draft.item_size_max.as_ref().or(draft.memory.as_ref());
    Err(match culprit {
        Some(setting) => setting.refuse(fault.0, fault.1),
        None => ConfigError::usage(fault.0),
    })
}

/// With an auth file only text clients can prove who they are, so nothing else is spoken.
fn protocol(draft: &Draft) -> Result<Protocol, ConfigError> {
    let protocol = value(&draft.protocol, Protocol::Auto);
    match (&draft.auth_file, protocol) {
        (Some(auth_file), Protocol::Binary) => Err(auth_file.refuse(
            "You cannot allow the BINARY protocol while using ascii authentication tokens.",
            "leave out -B binary, or leave out -Y",
        )),
        (Some(_), _) => Ok(Protocol::Text),
        (None, protocol) => Ok(protocol),
    }
}

fn unix_socket(draft: &Draft) -> Option<UnixSocket> {
    let path = draft.unix_socket.as_ref()?.value.clone();
    Some(UnixSocket {
        path,
        mode: value(&draft.unix_socket_mode, UNIX_SOCKET_MODE),
    })
}

/// memcached serves a unix socket or the network, not both.
fn client_sockets(draft: &Draft) -> Result<Vec<SocketAddr>, ConfigError> {
    if draft.unix_socket.is_some() {
        return Ok(Vec::new());
    }
    let Some(port) = value(&draft.port, Some(CLIENT_PORT)) else {
        return Ok(Vec::new());
    };
    let flag = Origin::Flag("-l, --listen".to_owned());
    let any = [Sourced {
        value: ListenAddress::ANY,
        origin: flag,
    }];
    let mut sockets: Vec<SocketAddr> = Vec::new();
    for address in draft.listen.as_deref().unwrap_or(&any) {
        let found = address
            .value
            .resolve(port)
            .map_err(|fault| address.origin.refuse(fault))?;
        if let Some(twice) = found
            .iter()
            .find(|socket| sockets.contains(socket) && socket.port() != 0)
        {
            return Err(address.refuse(format!("{twice} is listed twice"), "remove one of the two"));
        }
        sockets.extend(found);
    }
    Ok(sockets)
}

fn udp_port(draft: &Draft) -> Result<Option<u16>, ConfigError> {
    let Some(port) = draft.udp_port.as_ref().filter(|port| port.value != 0) else {
        return Ok(None);
    };
    if draft.auth_file.is_some() {
        return Err(port.refuse(
            "Cannot use UDP with ascii authentication enabled (-U 0 to disable)",
            "leave out the UDP port, or leave out the auth file",
        ));
    }
    Ok((draft.unix_socket.is_none()).then_some(port.value))
}

/// Clients, the peer and the admin interface each need a port of their own.
fn refuse_shared_sockets(
    draft: &Draft,
    clients: &[SocketAddr],
    replication: Option<&Replication>,
    admin: Option<SocketAddr>,
) -> Result<(), ConfigError> {
    let link = replication.map(|replication| replication.listen);
    let of_clients = |socket: SocketAddr| clients.iter().any(|client| overlap(*client, socket));
    let link_origin = draft
        .replication
        .as_ref()
        .and_then(|section| section.listen.as_ref());
    if let (Some(socket), Some(setting)) = (link.filter(|link| of_clients(*link)), link_origin) {
        return Err(setting.refuse(
            format!("{socket} is where clients connect"),
            "give the replication link a port of its own, such as 11212",
        ));
    }
    let taken = |admin: &SocketAddr| of_clients(*admin) || link.is_some_and(|l| overlap(l, *admin));
    if let (Some(socket), Some(setting)) = (admin.filter(taken), &draft.admin) {
        return Err(setting.refuse(
            format!("{socket} is used by the clients or by the replication link"),
            "give the admin interface a port of its own, such as 127.0.0.1:11280",
        ));
    }
    Ok(())
}

/// Whether the kernel would refuse to open both.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let every = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port()
        && a.port() != 0
        && a.is_ipv4() == b.is_ipv4()
        && (every || a.ip() == b.ip())
}

/// Virtual addresses on which no client could connect.
fn unreachable_addresses(vrrp: &Vrrp, listen: &[SocketAddr]) -> Vec<String> {
    let served = |ip: IpAddr| {
        listen.iter().any(|socket| {
            socket.ip() == ip || socket.ip().is_unspecified() && socket.is_ipv4() == ip.is_ipv4()
        })
    };
    let unserved = vrrp
        .virtual_addresses
        .iter()
        .filter(|address| !served(address.address));
    let warning = |address| {
        format!(
            "no client socket listens on the virtual address {address}; \
             listen on 0.0.0.0 (or [::]) or name it in listen"
        )
    };
    unserved.map(|address| warning(address.address)).collect()
}
