//! The configuration as memcached's `stats settings` shows it.

use crate::config::{Config, Protocol};
use crate::connection::Settings;

/// `-l` as `stats settings` shows it: nothing where every address is listened on.
fn interfaces(config: &Config) -> String {
    if config.listen == Config::default().listen {
        return String::new();
    }
    let mut addresses: Vec<String> = Vec::new();
    for address in config.listen.iter().map(|listen| listen.ip().to_string()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses.join(",")
}

/// What `stats settings` shows.
pub(super) fn settings(config: &Config, tcp_port: u16) -> Settings {
    Settings {
        threads: config.threads,
        connections_max: config.connections_max,
        item_size_max: config.item_size_max,
        tcp_port,
        udp_port: config.udp_port.unwrap_or(0),
        interfaces: interfaces(config),
        socket_path: config
            .unix_socket
            .as_ref()
            .map(|socket| socket.path.display().to_string())
            .unwrap_or_default(),
        socket_mode: config
            .unix_socket
            .as_ref()
            .map_or(0o700, |socket| socket.mode),
        verbosity: config.verbosity,
        evict: config.evict,
        cas_enabled: config.cas,
        flush_enabled: config.flush_enabled,
        dump_enabled: config.dump_enabled,
        watch_enabled: config.watch_enabled,
        shutdown_enabled: config.shutdown_enabled,
        backlog: config.backlog,
        requests_per_event: config.requests_per_event,
        idle_timeout_s: config.idle_timeout.map_or(0, |timeout| timeout.as_secs()),
        connections_max_fast: config.connections_max_fast,
        protocol: match config.protocol {
            Protocol::Auto => "auto-negotiate",
            Protocol::Text => "ascii",
            Protocol::Binary => "binary",
        },
        authentication: config.auth_file.is_some(),
        stats_prefix_delimiter: config.stats_prefix_delimiter,
    }
}
