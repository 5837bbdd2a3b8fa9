//! A panic anywhere ends the process.
//!
//! It means that a rule of ours was broken, so nothing that this process holds can be trusted any
//! more. What is left of it must not go on: a node without its address thread would believe in a
//! lease that nobody renews, and a connection that ended half way through a change would leave a
//! store that the peer copies. The end of the process is what everything else is made for: the
//! guard removes the address, and the peer, which has all data, takes over.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::thread;
use std::time::Duration;

use super::log;

/// The report of a panic may take so long where nobody reads it: other threads go on meanwhile.
const REPORT_MAX: Duration = Duration::from_millis(200);

/// From now on a panic is reported as always, and then the process ends with SIGABRT.
pub fn end_the_process() {
    // The report that was there writes itself, and would wait for whoever reads it.
    std::panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        log::tell(format_args!("\nthread '{name}' {panic}"));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            log::tell(format_args!("stack backtrace:\n{trace}"));
        }
        log::flush_within(REPORT_MAX);
        std::process::abort();
    }));
}
