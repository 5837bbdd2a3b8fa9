//! One demo per machine: its namespaces have fixed names.

use super::error::DemoError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};

/// Only root can write there, and only root builds namespaces.
const PATH: &str = "/run/twincached-demo.lock";

/// Held while a demo in namespaces is alive. The kernel releases it with the process, however that
/// ends; the file stays.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says which process has it.
    pub(super) fn take() -> Result<Lock, DemoError> {
        let failed = |error: std::io::Error| DemoError::failed(PATH, &error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(PATH)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy(file)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Lock { _file: file })
    }
}

fn busy(file: File) -> DemoError {
    let mut owner = String::new();
    // Enough for a process id; a reason without it is good enough too.
    let _ = file.take(32).read_to_string(&mut owner);
    DemoError::Failed(format!(
        "another demo is running on this machine (pid {}); end it first",
        owner.trim()
    ))
}
