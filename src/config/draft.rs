//! The configuration as it was written: every setting optional, each with its origin.
//!
//! File and flags both become a [`Draft`]; the flags' draft goes over the file's, and only the
//! result is checked as a whole (`validate.rs`).

use super::address::ListenAddress;
use super::error::{ConfigError, Fault, Origin, Sourced};
use super::settings::{Acknowledge, HostPort, Protocol, VirtualAddress, VrrpVersion};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// One setting that may have been made.
pub(super) type Setting<T> = Option<Sourced<T>>;

/// What was written in one place, the file or the command line.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) memory: Setting<u64>,
    pub(super) threads: Setting<usize>,
    pub(super) listen: Option<Vec<Sourced<ListenAddress>>>,
    /// `-p`: `None` inside is "no TCP", 0 is "any free port".
    pub(super) port: Setting<Option<u16>>,
    pub(super) unix_socket: Setting<PathBuf>,
    pub(super) unix_socket_mode: Setting<u32>,
    /// 0 is off.
    pub(super) udp_port: Setting<u16>,
    pub(super) connections_max: Setting<usize>,
    pub(super) backlog: Setting<u32>,
    pub(super) item_size_max: Setting<u64>,
    pub(super) requests_per_event: Setting<usize>,
    pub(super) evict: Setting<bool>,
    pub(super) cas: Setting<bool>,
    pub(super) flush_enabled: Setting<bool>,
    pub(super) dump_enabled: Setting<bool>,
    pub(super) watch_enabled: Setting<bool>,
    pub(super) shutdown_enabled: Setting<bool>,
    pub(super) protocol: Setting<Protocol>,
    /// Zero is off.
    pub(super) idle_timeout: Setting<Duration>,
    pub(super) connections_max_fast: Setting<bool>,
    pub(super) auth_file: Setting<PathBuf>,
    pub(super) stats_prefix_delimiter: Setting<u8>,
    pub(super) verbosity: Setting<u8>,
    pub(super) user: Setting<String>,
    pub(super) daemonize: Setting<bool>,
    pub(super) pid_file: Setting<PathBuf>,
    pub(super) lock_memory: Setting<bool>,
    pub(super) core_dumps: Setting<bool>,
    pub(super) replication: Option<ReplicationDraft>,
    pub(super) vrrp: Option<VrrpDraft>,
    pub(super) admin: Setting<ListenAddress>,
    pub(super) notes: Vec<String>,
}

/// The section `replication`, or repcached's flags.
pub(super) struct ReplicationDraft {
    /// Where the section begins, for keys that are missing.
    pub(super) origin: Origin,
    pub(super) listen: Setting<ListenAddress>,
    pub(super) peer: Setting<HostPort>,
    pub(super) acknowledge: Setting<Acknowledge>,
    pub(super) acknowledge_timeout: Setting<Duration>,
    pub(super) secret_file: Setting<PathBuf>,
    pub(super) tls: Option<TlsDraft>,
    pub(super) node_id: Setting<u64>,
    pub(super) shared_port: bool,
}

/// The section `tls` of the link.
pub(super) struct TlsDraft {
    /// Where the section begins, for keys that are missing.
    pub(super) origin: Origin,
    pub(super) certificate: Setting<PathBuf>,
    pub(super) key: Setting<PathBuf>,
    pub(super) peer_certificate: Setting<PathBuf>,
}

/// The section `vrrp`.
pub(super) struct VrrpDraft {
    /// Where the section begins, for keys that are missing.
    pub(super) origin: Origin,
    pub(super) interface: Setting<String>,
    pub(super) virtual_router_id: Setting<u8>,
    pub(super) priority: Setting<u8>,
    pub(super) advertisement_interval: Setting<Duration>,
    pub(super) virtual_addresses: Option<Vec<Sourced<VirtualAddress>>>,
    pub(super) version: Setting<VrrpVersion>,
    pub(super) password: Setting<[u8; 8]>,
    pub(super) unicast_peer: Setting<IpAddr>,
    pub(super) join_hold: Setting<Duration>,
    pub(super) on_change: Setting<PathBuf>,
}

impl Draft {
    /// This draft, the file's, with every setting replaced that `flags` makes too.
    pub(super) fn overridden_by(self, flags: Draft) -> Draft {
        Draft {
            listen: listen_with_port(flags.listen, self.listen, flags.port.is_some()),
            memory: flags.memory.or(self.memory),
            threads: flags.threads.or(self.threads),
            port: flags.port.or(self.port),
            unix_socket: flags.unix_socket.or(self.unix_socket),
            unix_socket_mode: flags.unix_socket_mode.or(self.unix_socket_mode),
            udp_port: flags.udp_port.or(self.udp_port),
            connections_max: flags.connections_max.or(self.connections_max),
            backlog: flags.backlog.or(self.backlog),
            item_size_max: flags.item_size_max.or(self.item_size_max),
            requests_per_event: flags.requests_per_event.or(self.requests_per_event),
            evict: flags.evict.or(self.evict),
            cas: flags.cas.or(self.cas),
            flush_enabled: flags.flush_enabled.or(self.flush_enabled),
            dump_enabled: flags.dump_enabled.or(self.dump_enabled),
            watch_enabled: flags.watch_enabled.or(self.watch_enabled),
            shutdown_enabled: flags.shutdown_enabled.or(self.shutdown_enabled),
            protocol: flags.protocol.or(self.protocol),
            idle_timeout: flags.idle_timeout.or(self.idle_timeout),
            connections_max_fast: flags.connections_max_fast.or(self.connections_max_fast),
            auth_file: flags.auth_file.or(self.auth_file),
            stats_prefix_delimiter: flags.stats_prefix_delimiter.or(self.stats_prefix_delimiter),
            verbosity: flags.verbosity.or(self.verbosity),
            user: flags.user.or(self.user),
            daemonize: flags.daemonize.or(self.daemonize),
            pid_file: flags.pid_file.or(self.pid_file),
            lock_memory: flags.lock_memory.or(self.lock_memory),
            core_dumps: flags.core_dumps.or(self.core_dumps),
            replication: match (self.replication, flags.replication) {
                (Some(file), Some(flags)) => Some(file.overridden_by(flags)),
                (file, flags) => flags.or(file),
            },
            vrrp: flags.vrrp.or(self.vrrp),
            admin: flags.admin.or(self.admin),
            notes: self.notes.into_iter().chain(flags.notes).collect(),
        }
    }
}

/// `-p` without `-l` moves the file's addresses to that port.
fn listen_with_port(
    flags: Option<Vec<Sourced<ListenAddress>>>,
    file: Option<Vec<Sourced<ListenAddress>>>,
    port_flag: bool,
) -> Option<Vec<Sourced<ListenAddress>>> {
    if flags.is_some() {
        return flags;
    }
    let mut addresses = file?;
    if port_flag {
        addresses
            .iter_mut()
            .for_each(|address| address.value.port = None);
    }
    Some(addresses)
}

impl ReplicationDraft {
    pub(super) fn new(origin: Origin) -> ReplicationDraft {
        ReplicationDraft {
            origin,
            listen: None,
            peer: None,
            acknowledge: None,
            acknowledge_timeout: None,
            secret_file: None,
            tls: None,
            node_id: None,
            shared_port: false,
        }
    }

    fn overridden_by(self, flags: ReplicationDraft) -> ReplicationDraft {
        ReplicationDraft {
            origin: flags.origin,
            listen: flags.listen.or(self.listen),
            peer: flags.peer.or(self.peer),
            acknowledge: flags.acknowledge.or(self.acknowledge),
            acknowledge_timeout: flags.acknowledge_timeout.or(self.acknowledge_timeout),
            secret_file: flags.secret_file.or(self.secret_file),
            tls: flags.tls.or(self.tls),
            node_id: flags.node_id.or(self.node_id),
            shared_port: flags.shared_port,
        }
    }
}

/// The setting, or its default.
pub(super) fn value<T: Clone>(setting: &Setting<T>, default: T) -> T {
    setting
        .as_ref()
        .map_or(default, |setting| setting.value.clone())
}

/// The setting without its origin.
pub(super) fn given<T>(setting: Setting<T>) -> Option<T> {
    setting.map(|setting| setting.value)
}

/// A setting without which its section says nothing; `example` shows it.
pub(super) fn required<'a, T>(
    setting: &'a Setting<T>,
    section: &Origin,
    example: &str,
) -> Result<&'a Sourced<T>, ConfigError> {
    setting.as_ref().ok_or_else(|| missing(section, example))
}

/// The message for a section without a key that it needs; `example` begins with the key.
pub(super) fn missing(section: &Origin, example: &str) -> ConfigError {
    let key = example.split(':').next().unwrap_or(example);
    section.refuse(Fault::new(
        format!("{key} is missing"),
        format!("add a line `{example}`"),
    ))
}
