//! Log lines on standard error, as systemd and containers expect them.
//!
//! Where it cannot be written (a full disk, a pipe whose reader has gone) lines are lost and nothing
//! else happens, as with memcached. So nothing here or elsewhere says `eprintln!`, which panics then,
//! and a panic ends the process: on both hosts of a pair at once, if both disks fill up.
//!
//! Where whoever reads it has stopped to read, a write takes for ever. A node that waits for that
//! loses its address, and so may its peer, with the same log; so one thread writes, and nobody waits
//! for it. Lines are queued from [`start`] or [`queue`] on; [`write`](fn@write) starts the thread, and
//! [`flush`] belongs at the end of the process.

mod lines;

use std::fmt;
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::time::SystemTime;

use self::lines::Lines;

/// The end of a process waits so long for its last lines to be read.
const FLUSH_MAX: Duration = Duration::from_secs(1);

static LINES: Lines = Lines::new();

/// Starts logging. `verbosity` is the number of `-v`: from two on everything is told.
pub fn start(verbosity: u8) {
    let level = match verbosity {
        0 | 1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    queue();
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(false)
        .with_timer(SystemTime)
        .with_writer(|| Queued)
        // It would tell standard error, with a panic, that standard error cannot be written.
        .log_internal_errors(false)
        .init();
}

/// From now on nothing that is said waits for whoever reads it.
pub fn queue() {
    LINES.open();
}

/// Starts the thread that writes. It has the identity and the capabilities of the one that starts
/// it, and nothing may be forked after it. Until then lines wait in the queue.
///
/// # Errors
///
/// There can be no more threads.
pub fn write() -> io::Result<()> {
    if LINES.take_writing() {
        let write = || LINES.write_for_ever(&mut io::stderr());
        let started = thread::Builder::new().name("log".to_owned()).spawn(write);
        started.inspect_err(|_| LINES.give_writing_back())?;
    }
    Ok(())
}

/// Waits until everything that was said is written, at most a second.
pub fn flush() {
    flush_within(FLUSH_MAX);
}

/// As [`flush`], with another bound.
pub fn flush_within(limit: Duration) {
    match write() {
        Ok(()) => LINES.wait_until_written(limit),
        Err(_) => LINES.write_what_waits(&mut io::stderr()),
    }
}

/// Says a line on standard error, without time and level: for commands, and for what has to be said
/// before or after logging.
pub fn tell(line: fmt::Arguments<'_>) {
    // Formatted first, so that lines of several processes do not mix.
    let line = format!("{line}\n");
    if !LINES.push(line.as_bytes()) {
        let _lost = io::stderr().write_all(line.as_bytes());
    }
}

/// Says a line on standard output. A reader that has gone, as in `twincached status | head -1`, is
/// no reason to fail.
pub fn print(line: fmt::Arguments<'_>) {
    let _lost = io::stdout().write_all(format!("{line}\n").as_bytes());
}

/// Where logging writes each line in one piece.
struct Queued;

impl Write for Queued {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
