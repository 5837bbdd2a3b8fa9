//! The one clock of the process.

use rustix::time::{ClockId, clock_gettime};
use vrrp::time::Instant;

/// Nanoseconds since the process started, time in which the machine was suspended included, so
/// that a host that slept knows it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero_ns: u64,
    zero_unix_ms: u64,
}

impl Clock {
    /// Zero is one second ago, so that no event of this process happens at [`Instant::ZERO`].
    pub fn start() -> Clock {
        let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let unix_ms = unix.map_or(0, |since| since.as_millis() as u64);
        Clock {
            zero_ns: boot_time_ns().saturating_sub(1_000_000_000),
            zero_unix_ms: unix_ms.saturating_sub(1_000),
        }
    }

    /// Now.
    pub fn now(&self) -> Instant {
        Instant::from_nanos(boot_time_ns().saturating_sub(self.zero_ns))
    }

    /// Unix time of zero in milliseconds.
    pub const fn zero_unix_ms(&self) -> u64 {
        self.zero_unix_ms
    }

    /// How long from now until `at`.
    pub fn until(&self, at: Instant) -> std::time::Duration {
        at.since(self.now())
    }
}

fn boot_time_ns() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
