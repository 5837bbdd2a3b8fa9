//! What `stats` tells besides the store: counts of the server, settings, the process.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::adjustable::Adjustable;
use super::clients::Clients;
use super::observers::Observers;

/// What the server counts and how it is configured. Shared by all connections.
///
/// Whoever does a thing counts it here: the server what concerns sockets, connections the rest.
#[derive(Default, Debug)]
pub struct Facts {
    /// How the server is configured.
    pub settings: Settings,
    /// What administrative commands may change.
    pub adjustable: Mutex<Adjustable>,
    /// The clients and listeners that `stats conns` shows.
    pub clients: Clients,
    /// Who looks on: `stats detail` and `watch`.
    pub observers: Observers,
    /// A client said `shutdown`: the server polls this and leaves.
    pub shutdown: AtomicBool,
    /// Accepting is put off because `-c` was reached.
    pub is_not_accepting: AtomicBool,
    /// Client connections now.
    pub curr_connections: AtomicU64,
    /// Client connections since start.
    pub total_connections: AtomicU64,
    /// Connections turned away because `-c` was reached.
    pub rejected_connections: AtomicU64,
    /// Times that accepting was put off because `-c` was reached.
    pub listen_disabled_num: AtomicU64,
    /// Microseconds for which accepting was put off.
    pub time_in_listen_disabled_us: AtomicU64,
    /// Connections closed because they were idle.
    pub idle_kicks: AtomicU64,
    /// Buffers that the server reads into.
    pub read_buf_count: AtomicU64,
    /// Bytes of those buffers.
    pub read_buf_bytes: AtomicU64,
    /// Descriptors that are open for other things than clients.
    pub reserved_fds: AtomicU64,
    /// Bytes read from clients.
    pub bytes_read: AtomicU64,
    /// Bytes written to clients.
    pub bytes_written: AtomicU64,
    /// `flush_all` commands, refused ones among them.
    pub cmd_flush: AtomicU64,
    /// Meta commands. They are counted as what they do, too.
    pub cmd_meta: AtomicU64,
    /// Attempts to authenticate.
    pub auth_cmds: AtomicU64,
    /// Attempts to authenticate that failed.
    pub auth_errors: AtomicU64,
    /// Values refused for their size whose key the store was not asked to forget.
    pub store_too_large: AtomicU64,
    /// Times a connection gave way to others with requests left.
    pub conn_yields: AtomicU64,
}

impl Facts {
    /// The facts of a server that starts now.
    pub fn new(settings: Settings) -> Facts {
        let adjustable = Adjustable {
            verbosity: settings.verbosity.into(),
            ..Adjustable::default()
        };
        let observers = Observers::default();
        observers.show_detail(settings.stats_prefix_delimiter.is_some());
        Facts {
            settings,
            adjustable: Mutex::new(adjustable),
            observers,
            ..Facts::default()
        }
    }

    /// Adds to a count.
    pub fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    /// Reads a count.
    pub fn of(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    /// Starts all counts anew (`stats reset`). What is the case now stays as it is.
    pub fn reset(&self) {
        for counter in [
            &self.total_connections,
            &self.rejected_connections,
            &self.listen_disabled_num,
            &self.time_in_listen_disabled_us,
            &self.idle_kicks,
            &self.bytes_read,
            &self.bytes_written,
            &self.cmd_flush,
            &self.cmd_meta,
            &self.auth_cmds,
            &self.auth_errors,
            &self.store_too_large,
            &self.conn_yields,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
        self.observers.reset();
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
    /// `-D`. `None` is `:` with the collection of `stats detail` off at start.
    pub stats_prefix_delimiter: Option<u8>,
}

impl Settings {
    /// The byte that ends the prefix of a key.
    pub fn prefix_delimiter(&self) -> u8 {
        self.stats_prefix_delimiter.unwrap_or(b':')
    }
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
    /// Unix time in seconds.
    pub unix_time_s: u64,
}
