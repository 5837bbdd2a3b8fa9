//! The guard: a tiny child process that gives the address up if the server dies.
//!
//! It is started before any socket is opened, so it holds none of the server's descriptors, and
//! reads a pipe whose other end only the server has. One byte tells whether the server is master.
//! When the pipe ends without a farewell, the server is dead, however it died: the guard waits until
//! nothing of it is left and removes the addresses. If the server was master, it sends priority 0
//! before, and waits a moment for the new one. The lease does the same later, should the guard die
//! too.

mod farewell;

use std::ffi::CStr;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, getppid, pidfd_open};
use tracing::warn;
use vrrp::linux::{Addresses, Interface};

use self::farewell::Farewell;
use super::{log, privileges};
use crate::config::Guard;

const MASTER: u8 = b'M';
const BACKUP: u8 = b'B';
const FAREWELL: u8 = b'F';
/// A guard that was told to end has this long; one that is stopped would never do it.
const FAREWELL_MAX: Duration = Duration::from_millis(500);
/// How often it is looked whether it has.
const FAREWELL_POLL: Duration = Duration::from_millis(5);

/// How long the guard waits for the end of a server whose pipe has ended: milliseconds, and more with
/// thousands of connections to close on a busy host. The other host need not wait for it.
const END_MAX: Duration = Duration::from_millis(500);

/// The server's end.
pub(super) struct GuardProcess {
    guard: Guard,
    child: Child,
    pipe: Option<ChildStdin>,
    master: bool,
}

impl GuardProcess {
    /// Starts the guard as another run of this program.
    pub fn start(guard: &Guard) -> io::Result<GuardProcess> {
        // Not by its name: that may lead through a directory closed to the user of `-u`, or to a
        // newer version by now.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("twincached")
            .args(guard.arguments())
            .envs(guard.environment())
            .stdin(Stdio::piped());
        // Ctrl-C in a terminal goes to the whole foreground group: the guard outlives the server.
        command.process_group(0);
        let mut child = command.spawn()?;
        let pipe = child.stdin.take();
        Ok(GuardProcess {
            guard: guard.clone(),
            child,
            pipe,
            master: false,
        })
    }

    /// Starts another guard if this one has died. Call it at each renewal of the lease.
    pub fn revive(&mut self) {
        let Ok(Some(status)) = self.child.try_wait() else {
            return;
        };
        // Said once, tried at each renewal.
        if self.pipe.take().is_some() {
            warn!("the guard has died ({status}): another one is started");
        }
        if let Ok(started) = GuardProcess::start(&self.guard) {
            *self = started;
        }
    }

    /// Tells the guard what to do should the server die from now on.
    pub fn set_master(&mut self, master: bool) {
        if self.master != master {
            self.master = master;
            self.tell(if master { MASTER } else { BACKUP });
        }
    }

    fn tell(&mut self, byte: u8) {
        let written = self.pipe.as_mut().map(|pipe| pipe.write_all(&[byte]));
        if let Some(Err(error)) = written {
            warn!("the guard is gone ({error}): only the lease protects the address now");
            self.pipe = None;
        }
    }
}

impl Drop for GuardProcess {
    /// The server leaves in order: the guard has nothing to do.
    fn drop(&mut self) {
        self.tell(FAREWELL);
        self.pipe = None;
        let until = Instant::now() + FAREWELL_MAX;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() >= until {
                let _gone = self.child.kill();
                let _status = self.child.wait();
                return;
            }
            thread::sleep(FAREWELL_POLL);
        }
    }
}

/// The guard's own life.
pub fn run(guard: &Guard) -> ExitCode {
    // Executed as /proc/self/exe, it would be listed as `exe`.
    let _unnamed = rustix::thread::set_name(c"twincached");
    privileges::take_up();
    // What it says is written when it has nothing else to do.
    log::queue();
    // A signal to the whole process group is for the server; the guard outlives it.
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: ignoring a signal touches no memory.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    let server = getppid().and_then(|parent| pidfd_open(parent, PidfdFlags::empty()).ok());
    // Looked up now, so that it is found under another name too should it be renamed.
    let index = Interface::find(&guard.interface).map(|found| found.index);
    let mut master = false;
    let mut byte = [0];
    loop {
        match io::stdin().read(&mut byte) {
            Ok(0) => break,
            Ok(_) => match byte[0] {
                MASTER => master = true,
                BACKUP => master = false,
                FAREWELL => return ExitCode::SUCCESS,
                _ => {}
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let code = match give_up(guard, index.ok(), server.as_ref(), master) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::tell(format_args!("twincached guard: {error}"));
            ExitCode::FAILURE
        }
    };
    log::flush();
    code
}

/// Waits until the kernel has closed all of the server's sockets, which it may do after it has
/// closed the pipe. Until then it resets connections, also those that nobody has accepted yet, and
/// for that it needs the address: without it, the clients would wait for their own timeouts.
fn await_end(server: &OwnedFd) {
    let timeout = Timespec::try_from(END_MAX).expect("half a second fits");
    // Readable once every thread has ended. A failure costs those clients time, nothing else.
    let _ended = poll(&mut [PollFd::new(server, PollFlags::IN)], Some(&timeout));
}

/// The server is dead: as master tells the others and lets one of them take over, then removes the
/// addresses.
fn give_up(
    guard: &Guard,
    index: Option<u32>,
    server: Option<&OwnedFd>,
    master: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let name = index.and_then(present_name);
    let interface = Interface::find(name.as_deref().unwrap_or(&guard.interface))?;
    let mut addresses = Addresses::open()?;
    let mut farewell = master.then(|| Farewell::open(guard, &interface));
    if let Some(server) = server {
        await_end(server);
    }
    let mut succeeded = false;
    if let Some(Ok(farewell)) = &mut farewell
        && farewell.say().is_ok()
    {
        succeeded = farewell.await_successor();
    }
    for address in &guard.addresses {
        addresses.remove(interface.index, address.address, address.prefix_len)?;
    }
    let Some(farewell) = farewell else {
        return Ok(());
    };
    log::tell(format_args!(
        "twincached guard: the server died as master; its address is removed"
    ));
    let farewell = farewell?;
    if succeeded {
        // A new master that hears it announces once more: both have answered ARP until now.
        farewell.say()?;
    }
    Ok(())
}

/// What the interface of this number is called now; `None` if it was deleted.
fn present_name(index: u32) -> Option<String> {
    let mut name = [0; libc::IF_NAMESIZE];
    // SAFETY: the buffer has the length that the call demands; it writes a terminated name.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr()) };
    let name = name.map(|byte| byte as u8);
    let name = CStr::from_bytes_until_nul(&name).ok()?;
    (!found.is_null()).then(|| name.to_string_lossy().into_owned())
}
