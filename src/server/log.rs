//! Log lines on standard error, as systemd and containers expect them.
//!
//! Where it cannot be written (a full disk, a pipe whose reader has gone) lines are lost and nothing
//! else happens, as with memcached. So nothing here or elsewhere says `eprintln!`, which panics then,
//! and a panic ends the process: on both hosts of a pair at once, if both disks fill up.

use std::fmt;
use std::io::{self, Write};

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
        .with_writer(io::stderr)
        // It would tell standard error, with a panic, that standard error cannot be written.
        .log_internal_errors(false)
        .init();
}

/// Says a line on standard error, without time and level: for commands, and for what has to be said
/// before or after logging.
pub fn tell(line: fmt::Arguments<'_>) {
    // Formatted first, so that lines of several processes do not mix.
    let _lost = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Says a line on standard output. A reader that has gone, as in `twincached status | head -1`, is
/// no reason to fail.
pub fn print(line: fmt::Arguments<'_>) {
    let _lost = io::stdout().write_all(format!("{line}\n").as_bytes());
}
