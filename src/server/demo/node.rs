//! One server of the demo as a child process: started, watched, started again, ended.

use super::directory::Directory;
use super::error::DemoError;
use super::ip::Ip;
use super::plan::{Host, Plan};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long an ended node stays down, so that the user can see the other one alone.
pub(super) const REST: Duration = Duration::from_secs(5);

/// Most of a log that is shown when a node does not start.
const TAIL_BYTES: u64 = 4096;
const TAIL_LINES: usize = 15;

/// A node and its process.
pub(super) struct Node {
    /// Who it is.
    pub(super) host: Host,
    /// Where its process prints.
    pub(super) log: PathBuf,
    config: PathBuf,
    binary: PathBuf,
    ip: Option<Ip>,
    phase: Phase,
}

enum Phase {
    Running { child: Child, since: Instant },
    Ended { at: Instant },
}

/// What became of a process.
pub(super) enum Change {
    /// It ended, in these words.
    Ended(String),
    /// It was started again and has this process id.
    Restarted(u32),
    /// It could not be started again, for this reason; the next attempt comes after [`REST`].
    NotRestarted(String),
}

impl Node {
    /// Writes the configuration of the host at `index` of `plan` into `directory` and starts the
    /// server.
    pub(super) fn start(
        plan: &Plan,
        index: usize,
        directory: &Directory,
    ) -> Result<Node, DemoError> {
        let host = plan.hosts[index].clone();
        let config = directory.write(&format!("{}.yaml", host.name), &plan.configuration(index))?;
        let binary = std::env::current_exe()
            .map_err(|error| DemoError::failed("cannot find this program's own file", &error))?;
        let ip = match host.namespace {
            Some(_) => Some(Ip::find()?),
            None => None,
        };
        let mut node = Node {
            log: directory.file(&format!("{}.log", host.name)),
            host,
            config,
            binary,
            ip,
            phase: Phase::Ended { at: Instant::now() },
        };
        let child = node
            .spawn()
            .map_err(|error| DemoError::failed("cannot start a node", &error))?;
        node.phase = Phase::Running {
            child,
            since: Instant::now(),
        };
        Ok(node)
    }

    /// The process id while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        match &self.phase {
            Phase::Running { child, .. } => Some(child.id()),
            Phase::Ended { .. } => None,
        }
    }

    /// How long the process has been running, or zero.
    pub(super) fn age(&self) -> Duration {
        match &self.phase {
            Phase::Running { since, .. } => since.elapsed(),
            Phase::Ended { .. } => Duration::ZERO,
        }
    }

    /// Notices an end, and starts a node again that has rested.
    pub(super) fn tend(&mut self, now: Instant) -> Option<Change> {
        match &mut self.phase {
            Phase::Running { child, .. } => {
                let status = child.try_wait().ok()??;
                self.phase = Phase::Ended { at: now };
                Some(Change::Ended(in_words(status)))
            }
            Phase::Ended { at } if now < *at + REST => None,
            Phase::Ended { .. } => Some(self.restart(now)),
        }
    }

    fn restart(&mut self, now: Instant) -> Change {
        match self.spawn() {
            Ok(child) => {
                let pid = child.id();
                self.phase = Phase::Running { child, since: now };
                Change::Restarted(pid)
            }
            Err(error) => {
                self.phase = Phase::Ended { at: now };
                Change::NotRestarted(error.to_string())
            }
        }
    }

    /// Asks the process to end, also when it is frozen. Does not wait.
    pub(super) fn ask_to_end(&self) {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
    }

    /// Waits for the end of the process until `deadline`, then kills it.
    pub(super) fn end(&mut self, deadline: Instant) {
        let Phase::Running { child, .. } = &mut self.phase else {
            return;
        };
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        // Without effect on a process that has been waited for.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// The last lines of the log.
    pub(super) fn log_tail(&self) -> String {
        let text = tail(&self.log).unwrap_or_else(|error| error.to_string());
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    fn signal(&self, signal: Signal) {
        let pid = self.pid().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        // The process is our unreaped child, so the id is still its own.
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
    }

    fn spawn(&self) -> io::Result<Child> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let mut command = self.command();
        command
            .arg("--config")
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C in the terminal is for the demo, which ends its nodes in order.
            .process_group(0);
        // SAFETY: between fork and exec only a system call without memory of its own is made.
        unsafe {
            // Should the demo be killed, nobody else would end the node.
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        command.spawn()
    }

    /// `ip netns exec` becomes the program that it is given, so the child is the server.
    fn command(&self) -> Command {
        match (&self.ip, self.host.namespace) {
            (Some(ip), Some(namespace)) => ip.command_in(namespace, &self.binary),
            _ => Command::new(&self.binary),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end(Instant::now());
    }
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = fs::metadata(path)?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
