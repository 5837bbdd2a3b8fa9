//! What the kernel knows: where threads run, what they cost, what they hold.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use crate::error::{Doing, Failure};

/// CPU time of a process.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Cpu {
    pub user: Duration,
    pub system: Duration,
}

impl Cpu {
    /// Both together.
    pub fn total(self) -> Duration {
        self.user + self.system
    }

    /// What came to it since `earlier`.
    pub fn since(self, earlier: Cpu) -> Cpu {
        Cpu {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// Binds this thread, and what it starts from now on, to one core.
pub fn pin(core: usize) -> Result<(), Failure> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).doing(&format!("two cores are needed; binding to core {core}"))
}

/// Gives this thread its core as soon as it wants it. False where that is not allowed.
pub fn run_before_others() -> bool {
    let priority = libc::sched_param { sched_priority: 1 };
    // SAFETY: the call reads the parameter that it is given and nothing else; 0 is this thread.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority) == 0 }
}

/// Allows as many descriptors as this process may have.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // With a lower limit a case with many connections fails and says so.
    let _kept = setrlimit(Resource::Nofile, raised);
}

/// CPU time that all threads of a process have used, in steps of a clock tick (10 ms).
pub fn cpu_of(process: u32) -> Result<Cpu, Failure> {
    let path = format!("/proc/{process}/stat");
    let text = fs::read_to_string(&path).doing(&path)?;
    cpu_of_stat(&text).ok_or_else(|| unreadable(&path))
}

/// Fields 14 and 15, counted behind the name, which may hold spaces.
fn cpu_of_stat(text: &str) -> Option<Cpu> {
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user = fields.next()?.parse().ok()?;
    let system = fields.next()?.parse().ok()?;
    Some(Cpu {
        user: ticks(user),
        system: ticks(system),
    })
}

/// CPU time that this thread has used.
pub fn cpu_of_this_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// CPU time that this process has used.
pub fn cpu_of_this_process() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Time in which a core was not idle, whoever used it, since the machine started.
pub fn busy_time_of(core: usize) -> Result<Duration, Failure> {
    let text = fs::read_to_string("/proc/stat").doing("/proc/stat")?;
    busy_time(&text, core).ok_or_else(|| unreadable("/proc/stat"))
}

/// user, nice, system, (idle, iowait,) irq, softirq, steal.
fn busy_time(text: &str, core: usize) -> Option<Duration> {
    let name = format!("cpu{core} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name))?;
    let fields: Vec<u64> = line
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    let busy = fields.get(..3)?.iter().chain(fields.get(5..8)?).sum();
    Some(ticks(busy))
}

/// Resident bytes of a process.
pub fn resident_bytes(process: u32) -> Result<u64, Failure> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path).doing(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| unreadable(&path))
}

/// The processor's name and the kernel's version.
pub fn description() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |model| {
        model.trim_matches(['\t', ':', ' '])
    });
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, Linux {}", kernel.trim())
}

fn ticks(count: u64) -> Duration {
    Duration::from_nanos(count * 1_000_000_000 / clock_ticks_per_second())
}

fn unreadable(path: &str) -> Failure {
    Failure::System {
        doing: path.to_owned(),
        error: io::ErrorKind::InvalidData.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_a_name_with_spaces() {
        let text = "17 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 250 0 0 20 0 4 0 99";
        let expected = Cpu {
            user: Duration::from_millis(1500),
            system: Duration::from_millis(2500),
        };
        assert_eq!(cpu_of_stat(text), Some(expected));
    }

    #[test]
    fn a_core_is_busy_with_everything_but_idling() {
        let text =
            "cpu  9 9 9 9\ncpu0 100 10 200 5000 300 20 30 40 0 0\ncpu1 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(busy_time(text, 0), Some(Duration::from_secs(4)));
        assert_eq!(busy_time(text, 2), None);
    }
}
