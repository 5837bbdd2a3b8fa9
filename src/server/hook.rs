//! `vrrp.on_change`: a program of the operator, run at each state change and never waited for.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use tracing::warn;
use vrrp::router::Role;

use crate::node::role_name;

/// The program.
pub(super) struct Hook(pub PathBuf);

impl Hook {
    /// Runs it with state, reason and effective priority as arguments.
    pub fn run(&self, role: Role, reason: &str, priority: u8) {
        let child = Command::new(&self.0)
            .args([role_name(role), reason, &priority.to_string()])
            .stdin(Stdio::null())
            .spawn();
        match child {
            // Somebody has to collect its exit status; a thread may wait as long as it runs.
            Ok(mut child) => drop(std::thread::spawn(move || child.wait())),
            Err(error) => warn!("on_change {}: {error}", self.0.display()),
        }
    }
}
