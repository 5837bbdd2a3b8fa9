//! A private directory for configuration files, the secret and logs.

use super::error::DemoError;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The process id follows.
const PREFIX: &str = "twincached-demo-";

/// Removed with all its content when dropped.
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Creates it below the temporary directory, readable by this user only, after removing those
    /// of demos that were killed.
    pub(super) fn create() -> Result<Directory, DemoError> {
        let parent = std::env::temp_dir();
        sweep(&parent);
        let path = parent.join(format!("{PREFIX}{}", std::process::id()));
        // An existing directory is an error, so nobody can have prepared this one.
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| DemoError::failed(&path.display().to_string(), &error))?;
        Ok(Directory { path })
    }

    /// The path of the file `name` in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file that only this user can read, and returns its path.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, DemoError> {
        let path = self.file(name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| DemoError::failed(&path.display().to_string(), &error))?;
        Ok(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A fresh secret of 64 characters for the two nodes.
pub(super) fn secret() -> Result<String, DemoError> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| DemoError::failed("/dev/urandom", &error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Removes the directories of this user whose process is gone. Best effort: they are only litter.
fn sweep(parent: &Path) {
    let own = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let Some(pid) = pid.and_then(|pid| pid.parse::<u32>().ok()) else {
            continue;
        };
        let ours = entry.metadata().is_ok_and(|data| data.uid() == own);
        if ours && !Path::new(&format!("/proc/{pid}")).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
