//! The password file (`-Y`): read at start, and again on SIGHUP.
//!
//! Clients that are connected stay connected, whatever a new file says, as in memcached. A file
//! that cannot be read again leaves the passwords as they were.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use tracing::{error, info};

use super::ServeError;
use super::shared::Shared;
use crate::config::Config;
use crate::connection::Passwords;

/// A larger file is some other file.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The passwords, if there is a file. While the process is root, if it is.
pub(super) fn read(config: &Config) -> Result<Option<Passwords>, ServeError> {
    let path = config.auth_file.as_deref();
    path.map(from_file).transpose().map_err(ServeError::Runtime)
}

/// SIGHUP.
pub(super) fn read_again(config: &Config, shared: &Shared) {
    let Some(path) = &config.auth_file else {
        info!("SIGHUP: nothing to read again");
        return;
    };
    match from_file(path) {
        Ok(passwords) => {
            info!("SIGHUP: {} users in {}", passwords.len(), path.display());
            *shared.passwords.write() = Some(Arc::new(passwords));
        }
        Err(reason) => error!("SIGHUP: {reason}; the passwords stay as they were"),
    }
}

fn from_file(path: &Path) -> Result<Passwords, String> {
    let name = path.display();
    let unreadable = |error| format!("Could not open authfile [{name}] for reading: {error}");
    let mut text = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!(
            "Authfile [{name}] is larger than {FILE_BYTES_MAX} bytes"
        ));
    }
    Passwords::parse(&text).map_err(|malformed| format!("Authfile [{name}]: {malformed}"))
}
