//! What the process may do, and as whom.
//!
//! Root is needed for ports below 1024, for limits and to become another user. After that only
//! VRRP needs anything: CAP_NET_RAW for its sockets and CAP_NET_ADMIN for the address. So the
//! process becomes the user of `-u` as soon as the ports of the clients are bound, and keeps these
//! two, if VRRP is configured, and nothing else. The bounding set is reduced to them and
//! no_new_privs is set, so that no program started from here gets more back, not even as root.
//!
//! Capabilities and identity belong to threads. [`assume`] and [`settle`] come before the first
//! thread is started; then the thread that works with the network is, which keeps the two; then
//! [`drop_all`] takes them from the main thread and so from all that it starts: nothing that reads
//! the bytes of clients or of the peer, and no program of `vrrp.on_change`, has any. They are ambient,
//! so that the guard, which the network thread starts anew should it die, has them.
//!
//! A process that stays root (memcached refuses to, unless `-u root` is given; here it is a
//! warning) may read and remove what belongs to root, but is bound by the access rights of
//! everything else.

use std::ffi::{CStr, CString};
use std::io;

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use tracing::warn;

use super::ServeError;
use crate::config::Config;

/// For the address and the sockets of VRRP.
const VRRP: CapabilitySet = CapabilitySet::NET_RAW.union(CapabilitySet::NET_ADMIN);
/// Until the last port is bound.
const START: CapabilitySet = CapabilitySet::NET_BIND_SERVICE;

/// Whom to become.
pub(super) struct User {
    uid: libc::uid_t,
    gid: libc::gid_t,
    name: String,
}

/// The user of `-u`; `None` unless started as root, as in memcached.
pub(super) fn user(config: &Config) -> Result<Option<User>, ServeError> {
    let Some(name) = config.user.as_ref().filter(|_| is_root()) else {
        return Ok(None);
    };
    let unknown = || ServeError::Runtime(format!("can't find the user {name} to switch to"));
    let c_name = CString::new(name.as_str()).map_err(|_| unknown())?;
    let (uid, gid) = look_up(&c_name).ok_or_else(unknown)?;
    let name = name.clone();
    Ok(Some(User { uid, gid, name }))
}

/// Becomes the user and gives up what is not needed any more.
pub(super) fn assume(user: Option<&User>, config: &Config) -> Result<(), ServeError> {
    let keep = kept(config);
    if is_root() && user.is_none() {
        let rest = if keep.is_empty() {
            "every capability is dropped"
        } else {
            "every capability but CAP_NET_RAW and CAP_NET_ADMIN is dropped"
        };
        warn!("running as root: {rest}; use -u USER to be another user as well");
    }
    reduce_bounding_set(keep);
    if let Some(user) = user {
        become_user(user, config).map_err(|error| {
            let name = &user.name;
            ServeError::Runtime(format!("failed to assume identity of user {name}: {error}"))
        })?;
    }
    reduce_to(keep | START, keep).map_err(failed)?;
    rustix::thread::set_no_new_privs(true).map_err(failed)?;
    for capability in keep.iter() {
        // Without it in our hands there is nothing to hand on: opening the network will say so.
        let _missing = rustix::thread::configure_capability_in_ambient_set(capability, true);
    }
    if config.core_dumps {
        // A process that changed its user writes no core file unless it says so.
        let _refused =
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable);
    }
    Ok(())
}

/// The thread that needs capabilities is at work: this one, and what it starts, needs none.
pub(super) fn drop_all() -> Result<(), ServeError> {
    let nothing = CapabilitySet::empty();
    // The ambient set follows: it never has what is not permitted and inheritable.
    reduce_to(nothing, nothing).map_err(failed)
}

/// Every port is bound.
pub(super) fn settle(config: &Config) -> Result<(), ServeError> {
    let keep = kept(config);
    reduce_to(keep, keep).map_err(failed)
}

fn failed(error: rustix::io::Errno) -> ServeError {
    let error = io::Error::from(error);
    ServeError::Runtime(format!("cannot drop capabilities: {error}"))
}

/// For the guard: makes effective what it was given, so that a program whose file is only
/// permitted its capabilities (`setcap ...+p`) has them there too. Such a file also starts where
/// they are not to be had, which one with `+ep` does not; the server's own part is [`assume`].
pub(super) fn take_up() {
    let taken = capabilities(None).and_then(|held| {
        let effective = held.permitted;
        set_capabilities(None, CapabilitySets { effective, ..held })
    });
    if let Err(error) = taken {
        warn!("cannot take up capabilities: {}", io::Error::from(error));
    }
}

fn kept(config: &Config) -> CapabilitySet {
    match config.vrrp {
        Some(_) => VRRP,
        None => CapabilitySet::empty(),
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root() || rustix::process::getuid().is_root()
}

/// Uid and gid of a user.
fn look_up(name: &CStr) -> Option<(libc::uid_t, libc::gid_t)> {
    // SAFETY: the name is terminated, no other thread runs yet, and what is returned is read
    // before the next call could overwrite it.
    unsafe {
        let entry = libc::getpwnam(name.as_ptr()).as_ref()?;
        Some((entry.pw_uid, entry.pw_gid))
    }
}

fn become_user(user: &User, config: &Config) -> io::Result<()> {
    if let Some(socket) = &config.unix_socket {
        std::os::unix::fs::chown(&socket.path, Some(user.uid), Some(user.gid))?;
    }
    rustix::thread::set_keep_capabilities(true)?;
    // SAFETY: no pointer but one to an empty list.
    let done = unsafe {
        libc::setgroups(0, std::ptr::null()) == 0
            && libc::setgid(user.gid) == 0
            && libc::setuid(user.uid) == 0
    };
    let outcome = if done {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    };
    rustix::thread::set_keep_capabilities(false)?;
    outcome
}

/// Nothing that is executed from now on has more than `keep`. Without CAP_SETPCAP the set stays:
/// then this process had little to begin with.
fn reduce_bounding_set(keep: CapabilitySet) {
    for capability in (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
        if !keep.contains(capability) {
            let _absent = rustix::thread::remove_capability_from_bounding_set(capability);
        }
    }
}

/// Keeps at most `permitted`, and hands on at most `inheritable`.
fn reduce_to(permitted: CapabilitySet, inheritable: CapabilitySet) -> rustix::io::Result<()> {
    let held = capabilities(None)?.permitted;
    set_capabilities(
        None,
        CapabilitySets {
            effective: held & permitted,
            permitted: held & permitted,
            inheritable: held & inheritable,
        },
    )
}
