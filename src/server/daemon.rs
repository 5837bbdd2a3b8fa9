//! Where the server runs: here, or with `-d` in a child that has left the terminal.
//!
//! As memcached: with `-d` the child leads a session of its own, works in `/` (with `-r` it stays
//! where it was started, so that a core file lands there) and has `/dev/null` for its standard
//! streams, so that log lines go nowhere, unless `-v` keeps them. Unlike memcached the command
//! waits until the server runs: what is wrong at start is told on the terminal and in the exit
//! code, and names of files keep their meaning although the directory changes.
//!
//! The fork happens before the first thread starts and before anything is opened.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{ServeError, log, panics};
use crate::config::Config;

/// What the child says when it runs. Everything before it is for the user.
const RUNS: u8 = 0;

/// Runs the server until it ends, or with `-d` until it has started.
pub fn run(mut config: Config) -> ExitCode {
    let launcher = match Launcher::of(&mut config) {
        Ok(Side::Server(launcher)) => launcher,
        Ok(Side::Command(code)) => return code,
        Err(error) => {
            log::tell(format_args!(
                "twincached: failed to daemon() in order to daemonize: {error}"
            ));
            return ExitCode::FAILURE;
        }
    };
    log::start(config.verbosity);
    panics::end_the_process();
    let code = match super::serve(config, &launcher) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            launcher.fail(&error);
            ExitCode::FAILURE
        }
    };
    log::flush();
    code
}

/// Which of the two processes this is after a fork.
enum Side {
    Server(Launcher),
    Command(ExitCode),
}

/// The way to whoever started the server.
pub(super) struct Launcher {
    /// To the command that waits; `None` without `-d`.
    pipe: Option<PipeWriter>,
    /// Nobody sees the standard error.
    silent: bool,
}

impl Launcher {
    fn of(config: &mut Config) -> io::Result<Side> {
        if !config.daemonize {
            let (pipe, silent) = (None, false);
            return Ok(Side::Server(Launcher { pipe, silent }));
        }
        let silent = config.verbosity == 0;
        if silent {
            let warnings = config.warnings.iter();
            warnings.for_each(|warning| log::tell(format_args!("twincached: {warning}")));
        }
        keep_meaning(config)?;
        let (reader, pipe) = io::pipe()?;
        // SAFETY: this process has a single thread, so the child may go on as any process.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                drop(reader);
                leave_terminal(silent, config.core_dumps)?;
                let pipe = Some(pipe);
                Ok(Side::Server(Launcher { pipe, silent }))
            }
            child => {
                drop(pipe);
                wait(reader, child).map(Side::Command)
            }
        }
    }

    /// The server runs.
    pub(super) fn succeed(&self) {
        self.tell(&[RUNS]);
    }

    /// Something the user should know although the server starts.
    pub(super) fn warn(&self, message: &str) {
        tracing::error!("{message}");
        if self.silent {
            self.tell(format!("twincached: {message}\n").as_bytes());
        }
    }

    fn fail(&self, error: &ServeError) {
        if self.silent {
            self.tell(format!("twincached: {error}\n").as_bytes());
        } else {
            log::tell(format_args!("twincached: {error}"));
        }
    }

    fn tell(&self, bytes: &[u8]) {
        if let Some(mut pipe) = self.pipe.as_ref() {
            // The command may have been interrupted, or may have heard that the server runs.
            let _unheard = pipe.write_all(bytes);
        }
    }
}

/// Relative names would mean something else in `/`.
fn keep_meaning(config: &mut Config) -> io::Result<()> {
    let socket = config.unix_socket.as_mut().map(|socket| &mut socket.path);
    let paths = [config.pid_file.as_mut(), config.auth_file.as_mut(), socket];
    for path in paths.into_iter().flatten() {
        let absolute: PathBuf = std::path::absolute(&*path)?;
        *path = absolute;
    }
    Ok(())
}

fn leave_terminal(silent: bool, stay: bool) -> io::Result<()> {
    rustix::process::setsid()?;
    if !stay {
        std::env::set_current_dir("/")?;
    }
    if silent {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdin(null.as_fd())?;
        rustix::stdio::dup2_stdout(null.as_fd())?;
        rustix::stdio::dup2_stderr(null.as_fd())?;
    }
    Ok(())
}

/// Waits until the server runs or has failed, and tells which.
fn wait(mut reader: PipeReader, child: libc::pid_t) -> io::Result<ExitCode> {
    let mut buffer = [0; 512];
    loop {
        let count = reader.read(&mut buffer)?;
        let heard = &buffer[..count];
        let runs = heard.contains(&RUNS);
        let message = heard.strip_suffix(&[RUNS]).unwrap_or(heard);
        // Whether it is heard or not, the server runs or does not.
        let _lost = io::stderr().write_all(message);
        if runs {
            return Ok(ExitCode::SUCCESS);
        }
        if count == 0 {
            return exit_code(child);
        }
    }
}

fn exit_code(child: libc::pid_t) -> io::Result<ExitCode> {
    let pid = rustix::process::Pid::from_raw(child);
    let status = rustix::process::waitpid(pid, rustix::process::WaitOptions::empty())?;
    let code = status.and_then(|(_, status)| status.exit_status());
    // Killed by a signal: there is no code.
    Ok(ExitCode::from(
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
    ))
}
