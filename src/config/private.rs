//! Files that nobody else should read: the secret and the private key.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The first `length_max` bytes of a file, and its access mode.
pub(super) fn read(path: &Path, length_max: u64) -> io::Result<(Vec<u8>, u32)> {
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    let mut bytes = Vec::new();
    file.take(length_max).read_to_end(&mut bytes)?;
    Ok((bytes, mode))
}

/// Warns if every user of this host can read `what`.
pub(super) fn warn(what: &str, path: &Path, mode: u32, warnings: &mut Vec<String>) {
    if mode & 0o004 != 0 {
        warnings.push(format!(
            "every user can read {what}: run chmod 600 {}",
            path.display()
        ));
    }
}

/// What to do about a file that cannot be read, where `make` says how such a file is made. One that
/// is there must not be made anew: the other host has it too.
pub(super) fn advice<'a>(error: &io::Error, make: &'a str) -> &'a str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "it is there: let the user of the server read it, under systemd with LoadCredential="
        }
        _ => make,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_may_not_be_read_is_not_to_be_made_anew() {
        let told = |error| advice(&io::Error::from_raw_os_error(error), "make it");
        assert_eq!(told(libc::ENOENT), "make it");
        assert_eq!(
            told(libc::EACCES),
            "it is there: let the user of the server read it, under systemd with LoadCredential="
        );
    }
}
