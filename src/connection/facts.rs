//! What `stats` tells besides the store: counts of the server, settings, the process.

use std::sync::atomic::{AtomicU64, Ordering};

/// What the server counts and how it is configured. Shared by all connections.
#[derive(Default, Debug)]
pub struct Facts {
    /// How the server is configured.
    pub settings: Settings,
    /// Client connections now.
    pub curr_connections: AtomicU64,
    /// Client connections since start.
    pub total_connections: AtomicU64,
    /// Connections turned away because `-c` was reached.
    pub rejected_connections: AtomicU64,
    /// Times that accepting was put off because `-c` was reached.
    pub listen_disabled_num: AtomicU64,
    /// Connections closed because they were idle.
    pub idle_kicks: AtomicU64,
    /// Bytes read from clients.
    pub bytes_read: AtomicU64,
    /// Bytes written to clients.
    pub bytes_written: AtomicU64,
    /// `flush_all` commands.
    pub cmd_flush: AtomicU64,
    /// Times a connection gave way to others with requests left.
    pub conn_yields: AtomicU64,
}

impl Facts {
    /// Adds to a count.
    pub fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    /// Reads a count.
    pub fn of(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

/// Settings as `stats settings` shows them.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `-t`.
    pub threads: usize,
    /// `-c`.
    pub connections_max: usize,
    /// `-I` in bytes.
    pub item_size_max: usize,
    /// `-p`; 0 without a TCP port.
    pub tcp_port: u16,
    /// `-U`; 0 when off.
    pub udp_port: u16,
    /// `-l`, or empty.
    pub interfaces: String,
    /// `-s`, or empty.
    pub socket_path: String,
    /// `-a`.
    pub socket_mode: u32,
    /// Number of `-v`.
    pub verbosity: u8,
    /// No `-M`.
    pub evict: bool,
    /// No `-C`.
    pub cas_enabled: bool,
    /// No `-F`.
    pub flush_enabled: bool,
    /// No `-X`.
    pub dump_enabled: bool,
    /// No `-W`.
    pub watch_enabled: bool,
    /// `-A`.
    pub shutdown_enabled: bool,
    /// `-b`.
    pub backlog: u32,
    /// `-R`.
    pub requests_per_event: usize,
    /// `-o idle_timeout` in seconds; 0 is none.
    pub idle_timeout_s: u64,
    /// `-o maxconns_fast`.
    pub connections_max_fast: bool,
    /// `-B`: `auto-negotiate`, `ascii` or `binary`.
    pub protocol: &'static str,
    /// `-Y`.
    pub authentication: bool,
}

/// The process as the system sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// User CPU time in microseconds.
    pub user_us: u64,
    /// System CPU time in microseconds.
    pub system_us: u64,
    /// Open file limit or connection limit, whichever is known.
    pub unix_time_s: u64,
}
