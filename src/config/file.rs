//! The keys of the configuration file.

use super::address::{ListenAddress, host_port, listen_address, port, virtual_address};
use super::document::{self, Keys, Section};
use super::draft::{Draft, ReplicationDraft, Setting, TlsDraft, VrrpDraft};
use super::error::{ConfigError, Fault};
use super::quantity::{duration, size};
use super::settings::REPLICATION_PORT;
use super::values;
use std::path::Path;

const TOP: Keys = Keys {
    section: "",
    names: &[
        "memory",
        "threads",
        "listen",
        "unix_socket",
        "unix_socket_mode",
        "udp_port",
        "connections_max",
        "connections_max_fast",
        "backlog",
        "item_size_max",
        "requests_per_event",
        "evict",
        "cas",
        "flush_enabled",
        "dump_enabled",
        "watch_enabled",
        "shutdown_enabled",
        "protocol",
        "idle_timeout",
        "auth_file",
        "stats_prefix_delimiter",
        "verbosity",
        "user",
        "daemonize",
        "pid_file",
        "lock_memory",
        "core_dumps",
        "replication",
        "vrrp",
        "admin",
    ],
};

const REPLICATION: Keys = Keys {
    section: "replication",
    names: &[
        "listen",
        "peer",
        "acknowledge",
        "acknowledge_timeout",
        "secret_file",
        "tls",
        "node_id",
    ],
};

const TLS: Keys = Keys {
    section: "tls",
    names: &["certificate", "key", "peer_certificate"],
};

const VRRP: Keys = Keys {
    section: "vrrp",
    names: &[
        "interface",
        "virtual_router_id",
        "priority",
        "advertisement_interval",
        "virtual_addresses",
        "version",
        "password",
        "unicast_peer",
        "join_hold",
        "on_change",
    ],
};

const ADMIN: Keys = Keys {
    section: "admin",
    names: &["listen"],
};

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> Result<Draft, ConfigError> {
    draft(&document::open(path, &TOP, &[&REPLICATION, &TLS, &VRRP])?)
}

/// Reads `text` as if it were the file at `path`.
#[cfg(test)]
pub(super) fn read_text(path: &str, text: &str) -> Result<Draft, ConfigError> {
    draft(&document::open_text(
        path,
        text,
        &TOP,
        &[&REPLICATION, &TLS, &VRRP],
    )?)
}

fn draft(top: &Section) -> Result<Draft, ConfigError> {
    Ok(Draft {
        memory: top.text("memory", size)?,
        threads: top.text("threads", values::threads)?,
        listen: top.list("listen", listen_address)?,
        port: None,
        unix_socket: top.text("unix_socket", values::path)?,
        unix_socket_mode: top.text("unix_socket_mode", values::mode)?,
        udp_port: top.text("udp_port", port)?,
        connections_max: top.text("connections_max", values::connections_max)?,
        connections_max_fast: top.text("connections_max_fast", values::boolean)?,
        backlog: top.text("backlog", values::backlog)?,
        item_size_max: top.text("item_size_max", size)?,
        requests_per_event: top.text("requests_per_event", values::requests_per_event)?,
        evict: top.text("evict", values::boolean)?,
        cas: top.text("cas", values::boolean)?,
        flush_enabled: top.text("flush_enabled", values::boolean)?,
        dump_enabled: top.text("dump_enabled", values::boolean)?,
        watch_enabled: top.text("watch_enabled", values::boolean)?,
        shutdown_enabled: top.text("shutdown_enabled", values::boolean)?,
        protocol: top.text("protocol", values::protocol)?,
        idle_timeout: top.text("idle_timeout", values::idle_timeout)?,
        auth_file: top.text("auth_file", values::path)?,
        stats_prefix_delimiter: top.text("stats_prefix_delimiter", values::delimiter)?,
        verbosity: top.text("verbosity", values::verbosity)?,
        user: top.text("user", values::user)?,
        daemonize: top.text("daemonize", values::boolean)?,
        pid_file: top.text("pid_file", values::path)?,
        lock_memory: top.text("lock_memory", values::boolean)?,
        core_dumps: top.text("core_dumps", values::boolean)?,
        replication: replication(top)?,
        vrrp: vrrp(top)?,
        admin: admin(top)?,
        notes: Vec::new(),
    })
}

fn admin(top: &Section) -> Result<Setting<ListenAddress>, ConfigError> {
    let Some((section, origin)) = top.section(&ADMIN)? else {
        return Ok(None);
    };
    match section.text("listen", listen_address)? {
        None => Err(origin.refuse(Fault::new(
            "listen is missing",
            "add `listen: 127.0.0.1:11280`",
        ))),
        address => Ok(address),
    }
}

fn replication(top: &Section) -> Result<Option<ReplicationDraft>, ConfigError> {
    let Some((section, origin)) = top.section(&REPLICATION)? else {
        return Ok(None);
    };
    Ok(Some(ReplicationDraft {
        listen: section.text("listen", listen_address)?,
        peer: section.text("peer", |text| host_port(text, REPLICATION_PORT))?,
        acknowledge: section.text("acknowledge", values::acknowledge)?,
        acknowledge_timeout: section.text("acknowledge_timeout", values::acknowledge_timeout)?,
        secret_file: section.text("secret_file", values::path)?,
        tls: tls(&section)?,
        node_id: section.text("node_id", values::node_id)?,
        ..ReplicationDraft::new(origin)
    }))
}

fn tls(link: &Section) -> Result<Option<TlsDraft>, ConfigError> {
    let Some((section, origin)) = link.section(&TLS)? else {
        return Ok(None);
    };
    Ok(Some(TlsDraft {
        origin,
        certificate: section.text("certificate", values::path)?,
        key: section.text("key", values::path)?,
        peer_certificate: section.text("peer_certificate", values::path)?,
    }))
}

fn vrrp(top: &Section) -> Result<Option<VrrpDraft>, ConfigError> {
    let Some((section, origin)) = top.section(&VRRP)? else {
        return Ok(None);
    };
    Ok(Some(VrrpDraft {
        origin,
        interface: section.text("interface", values::interface)?,
        virtual_router_id: section.text("virtual_router_id", values::virtual_router_id)?,
        priority: section.text("priority", values::priority)?,
        advertisement_interval: section.text("advertisement_interval", duration)?,
        virtual_addresses: section.list("virtual_addresses", virtual_address)?,
        version: section.text("version", values::version)?,
        password: section.text("password", values::password)?,
        unicast_peer: section.text("unicast_peer", values::ip)?,
        join_hold: section.text("join_hold", duration)?,
        on_change: section.text("on_change", values::absolute_path)?,
    }))
}
