//! Limits of the process that have to be raised while it still may: core files (`-r`), open files
//! (`-c`), locked memory (`-k`).

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use super::ServeError;
use super::process::allow_connections;
use crate::config::Config;

const UNLIMITED: Rlimit = Rlimit {
    current: None,
    maximum: None,
};

/// Files that the server opens beside client connections: listeners, the link, VRRP, the admin
/// port and its clients, the guard, a program that it runs.
const OWN_FILES: usize = 40;
/// And for each worker, to wait and to be woken.
const OWN_FILES_PER_WORKER: usize = 4;

/// Raises what the configuration asks for, before privileges are dropped. Where the limit of open
/// files cannot be raised, fewer connections are accepted and the others are told so: memcached does
/// not start then, but a cache with fewer connections is worth more than none.
pub(super) fn raise(config: &mut Config) -> Result<(), ServeError> {
    if config.core_dumps {
        allow_core_files()?;
    }
    limit_connections(config);
    if config.lock_memory
        && let Err(reason) = lock_memory()
    {
        warn!("-k invalid, mlockall() failed: {reason}");
    }
    Ok(())
}

fn limit_connections(config: &mut Config) {
    let own = OWN_FILES + OWN_FILES_PER_WORKER * config.threads;
    let limit = allow_connections(config.connections_max, own);
    let room = usize::try_from(limit).unwrap_or(usize::MAX);
    let room = room.saturating_sub(own).max(1);
    if room < config.connections_max {
        warn!(
            "the limit of open files, {limit}, leaves room for {room} connections instead of {}: \
             raise it (LimitNOFILE= in the service, ulimit -n in a shell), or ask for fewer with -c",
            config.connections_max
        );
        config.connections_max = room;
    }
}

/// As large as the system allows; that it allows none is an error, as in memcached.
fn allow_core_files() -> Result<(), ServeError> {
    if setrlimit(Resource::Core, UNLIMITED).is_ok() {
        return Ok(());
    }
    let limit = getrlimit(Resource::Core);
    let highest = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if setrlimit(Resource::Core, highest).is_err() || limit.maximum == Some(0) {
        return Err(ServeError::Runtime(
            "failed to ensure corefile creation: the limit of core files is 0".to_owned(),
        ));
    }
    Ok(())
}

/// Locks what is in memory and what will be. The limit has to be lifted first: CAP_IPC_LOCK will be
/// gone when memory is allocated later, and an allocation that the limit refuses ends the process.
fn lock_memory() -> Result<(), String> {
    let _refused = setrlimit(Resource::Memlock, UNLIMITED);
    if let Some(limit) = getrlimit(Resource::Memlock).current {
        return Err(format!(
            "the limit of locked memory is {limit} bytes; set LimitMEMLOCK=infinity or start as root"
        ));
    }
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE)
        .map_err(|error| std::io::Error::from(error).to_string())
}
