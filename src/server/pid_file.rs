//! The file with the process id (`-P`).

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Readable for everyone, whatever the umask leaves of it.
const MODE: u32 = 0o644;

/// A file that holds our process id. It is removed with this value, unless another process has
/// taken it over.
pub(super) struct PidFile {
    path: PathBuf,
}

/// A process that runs already, as an earlier file of that name says.
pub(super) type Running = Option<u32>;

impl PidFile {
    /// Writes the file, through a temporary one so that no reader sees half of it. As memcached,
    /// an earlier file is replaced, also one whose process runs: the caller warns.
    pub fn write(path: &Path) -> io::Result<(PidFile, Running)> {
        let running = content(path).filter(|pid| is_running(*pid));
        let mut name = path.as_os_str().to_owned();
        name.push(".tmp");
        let temporary = PathBuf::from(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(MODE);
        let mut file = options.open(&temporary)?;
        writeln!(file, "{}", std::process::id())?;
        drop(file);
        fs::rename(&temporary, path)?;
        let path = path.to_owned();
        Ok((PidFile { path }, running))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if content(&self.path) == Some(std::process::id())
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(
                "could not remove the pid file {}: {error}",
                self.path.display()
            );
        }
    }
}

fn content(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn is_running(pid: u32) -> bool {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| {
        !matches!(
            rustix::process::test_kill_process(pid),
            Err(rustix::io::Errno::SRCH)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> PathBuf {
        let name = format!("twincached-pid-file-{}", rand::random::<u64>());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).expect("the temporary directory can be written");
        directory
    }

    #[test]
    fn the_file_holds_the_process_id_and_goes_with_its_owner() {
        let directory = directory();
        let path = directory.join("pid");
        let (file, running) = PidFile::write(&path).expect("the directory exists");
        assert_eq!(running, None);
        let text = fs::read_to_string(&path).expect("it was written");
        assert_eq!(text, format!("{}\n", std::process::id()));
        drop(file);
        assert!(!path.exists());
        fs::remove_dir(directory).expect("nothing else is left in it");
    }

    #[test]
    fn a_file_that_another_process_took_over_stays() {
        let directory = directory();
        let path = directory.join("pid");
        fs::write(&path, "1\n").expect("the directory exists");
        let (file, running) = PidFile::write(&path).expect("the directory exists");
        assert_eq!(running, Some(1));
        fs::write(&path, "1\n").expect("the directory exists");
        drop(file);
        assert_eq!(fs::read_to_string(&path).expect("it stays"), "1\n");
        fs::remove_dir_all(directory).expect("it is ours");
    }
}
