//! The process as the system sees it.

use rustix::process::{Resource, getrlimit, setrlimit};

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

/// Raises the limit of open files so that `connections` fit, as far as the system allows. False
/// if they do not.
pub fn allow_connections(connections: usize) -> bool {
    let wanted = connections as u64 + 64;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return true;
    }
    let maximum = limit.maximum.map_or(wanted, |maximum| maximum.max(wanted));
    limit.current = Some(wanted);
    let raised = rustix::process::Rlimit {
        maximum: Some(maximum),
        ..limit
    };
    setrlimit(Resource::Nofile, raised).is_ok() || setrlimit(Resource::Nofile, limit).is_ok()
}
