//! `vrrp.on_change`: a program of the operator, run at each state change and never waited for.
//!
//! It runs without capabilities, as a thread without any starts it. Several may run at once, if one
//! takes longer than the time between two changes; one that hangs occupies a place for good.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use tracing::warn;
use vrrp::router::Role;

use crate::node::role_name;

/// So many runs may be under way. Each is a process and a thread that waits for it.
const RUNNING_MAX: usize = 16;

/// The program.
pub(super) struct Hook {
    program: PathBuf,
    /// Counted by its clones: one for each run that is under way.
    running: Arc<()>,
}

impl Hook {
    /// The program at this path.
    pub fn new(program: PathBuf) -> Hook {
        let running = Arc::new(());
        Hook { program, running }
    }

    /// Runs it with state, reason and effective priority as arguments.
    pub fn run(&self, role: Role, reason: &str, priority: u8) {
        let program = self.program.clone();
        let name = program.display().to_string();
        if Arc::strong_count(&self.running) > RUNNING_MAX {
            warn!("on_change {name}: {RUNNING_MAX} runs hang, so it is not run for this change");
            return;
        }
        let mut command = Command::new(program);
        command
            .args([role_name(role), reason, &priority.to_string()])
            .stdin(Stdio::null());
        let place = self.running.clone();
        // Already the start may hang, on a file system that does not answer.
        let started = thread::Builder::new()
            .name("hook".to_owned())
            .spawn(move || {
                wait_for(&mut command);
                drop(place);
            });
        if let Err(error) = started {
            warn!("on_change {name}: {error}");
        }
    }
}

fn wait_for(command: &mut Command) {
    let outcome = command.status();
    let name = command.get_program().to_string_lossy();
    match outcome {
        Ok(status) if status.success() => {}
        Ok(status) => warn!("on_change {name}: it ended with {status}"),
        Err(error) => warn!("on_change {name}: {error}"),
    }
}
