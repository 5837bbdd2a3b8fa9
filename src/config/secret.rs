//! The file of the link's shared secret.

use super::error::{ConfigError, Sourced};
use super::private;
use super::settings::Secret;
use std::path::{Path, PathBuf};

/// Shortest secret in bytes that a HMAC challenge is worth.
const LENGTH_MIN: usize = 16;

/// Longest secret in bytes, so that a wrong path cannot fill the memory.
const LENGTH_MAX: u64 = 4096;

const HOW_TO_MAKE: &str =
    "create it on one host (head -c 32 /dev/urandom | base64) and copy it to the other";

/// The secret in `file`, whose relative path starts at `directory`. The line end behind it does
/// not count.
pub(super) fn secret(
    file: &Sourced<PathBuf>,
    directory: &Path,
    warnings: &mut Vec<String>,
) -> Result<Secret, ConfigError> {
    let path = directory.join(&file.value);
    let shown = path.display();
    let (mut bytes, mode) = private::read(&path, LENGTH_MAX + 3).map_err(|error| {
        file.refuse(
            format!("cannot read {shown}: {error}"),
            private::advice(&error, HOW_TO_MAKE),
        )
    })?;
    let end = bytes
        .iter()
        .rposition(|byte| !matches!(byte, b'\n' | b'\r'))
        .map_or(0, |at| at + 1);
    bytes.truncate(end);
    if bytes.len() < LENGTH_MIN || bytes.len() as u64 > LENGTH_MAX {
        return Err(file.refuse(
            format!("the secret in {shown} has {} bytes", bytes.len()),
            format!("use {LENGTH_MIN} to {LENGTH_MAX} bytes, the same on both hosts"),
        ));
    }
    private::warn("the secret", &path, mode, warnings);
    Ok(Secret(bytes))
}
