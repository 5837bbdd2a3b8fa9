//! Log lines on standard error, as systemd and containers expect them.

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// Starts logging. `verbosity` is the number of `-v`: from two on everything is told.
pub fn start(verbosity: u8) {
    let level = match verbosity {
        0 | 1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(false)
        .with_timer(SystemTime)
        .with_writer(std::io::stderr)
        .init();
}
