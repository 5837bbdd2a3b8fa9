//! A process on a core of its own, and what it prints.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Doing, Failure};
use crate::machine;
use crate::options::Cores;

/// A process with a directory of its own, which holds what it prints.
pub(super) struct Process {
    pub(super) child: Child,
    name: String,
    directory: PathBuf,
    /// What it prints, read up to where [`Process::news`] was called last.
    printed: File,
}

impl Process {
    pub(super) fn start(
        program: &Path,
        cores: Cores,
        core: usize,
        arguments: impl FnOnce(&Path) -> Result<Vec<OsString>, Failure>,
    ) -> Result<Process, Failure> {
        let directory = new_directory()?;
        let arguments = arguments(&directory)?;
        let output = File::create(directory.join("output")).doing("creating a file")?;
        let also = output.try_clone().doing("creating a file")?;
        // The child inherits the core of the thread that starts it.
        machine::pin(core)?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(also)
            .spawn();
        machine::pin(cores.load)?;
        let name = program.display().to_string();
        let printed = File::open(directory.join("output")).doing("opening a file")?;
        Ok(Process {
            child: child.doing(&format!("starting {name}"))?,
            name,
            directory,
            printed,
        })
    }

    /// What it has printed since the last call.
    pub(super) fn news(&mut self) -> Result<String, Failure> {
        let mut news = Vec::new();
        let read = self.printed.read_to_end(&mut news);
        read.doing("reading what a server prints")?;
        Ok(String::from_utf8_lossy(&news).into_owned())
    }

    /// It did not start.
    pub(super) fn failure(&self) -> Failure {
        Failure::Server {
            name: self.name.clone(),
            output: fs::read_to_string(self.directory.join("output")).unwrap_or_default(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It holds nothing worth a farewell. What fails here had ended before.
        let _ended = self.child.kill();
        let _status = self.child.wait();
        let _removed = fs::remove_dir_all(&self.directory);
    }
}

fn new_directory() -> Result<PathBuf, Failure> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("twincached-bench-{}-{number}", std::process::id());
    let path = env::temp_dir().join(name);
    fs::create_dir(&path).doing("creating a directory")?;
    Ok(path)
}
