//! The process as the system sees it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::connection::Process;

/// For `stats`.
pub fn figures() -> Process {
    // SAFETY: an all-zero rusage is valid, and getrusage only fills it in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let micros = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Process {
        pid: std::process::id(),
        user_us: micros(usage.ru_utime),
        system_us: micros(usage.ru_stime),
        unix_time_s: unix.map_or(0, |since| since.as_secs()),
    }
}

/// Raises the limit of open files so that `connections` fit, as far as the system allows; tells the
/// limit. `own` are files that the server needs beside them.
pub fn allow_connections(connections: usize, own: usize) -> u64 {
    let wanted = connections as u64 + own as u64;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return limit.current.unwrap_or(u64::MAX);
    }
    let maximum = limit.maximum.unwrap_or(u64::MAX);
    // What is beyond the hard limit takes a privilege.
    for (current, maximum) in [(wanted, maximum.max(wanted)), (maximum, maximum)] {
        let raised = Rlimit {
            current: Some(current.min(maximum)),
            maximum: limit.maximum.map(|_| maximum),
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            break;
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
