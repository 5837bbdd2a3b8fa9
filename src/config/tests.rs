//! The whole way from text or arguments to the configuration or to the complete message.

mod command_lines;
mod commands;
mod files;
mod link_mistakes;
mod mistakes;
mod router_mistakes;
mod tls;

use super::*;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// The two keys that every section `replication` needs.
const LINK: &str = "replication:\n  listen: 10.0.0.1:11212\n  peer: 10.0.0.2:11212\n";

/// The three keys that every section `vrrp` needs.
const ROUTER: &str =
    "vrrp:\n  interface: eth0\n  virtual_router_id: 51\n  virtual_addresses: [10.0.0.100]\n";

/// What `load` makes of a file `pair.yaml` with this text.
fn read(text: &str) -> Result<Config, ConfigError> {
    validate::config(file::read_text("pair.yaml", text)?, Path::new(""))
}

fn accepted(text: &str) -> Config {
    read(text).unwrap_or_else(|error| panic!("{text:?} is refused: {error}"))
}

/// The complete message for a file with a mistake, whose exit code must be 78.
fn refused(text: &str) -> String {
    let error = read(text).expect_err(text);
    assert_eq!(error.exit_code(), 78, "{text:?}");
    error.to_string()
}

/// Checks that each text gives the message beside it.
fn check_mistakes(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(refused(text), *expected, "for the file\n{text}");
    }
}

/// What `parse` makes of a command line, split at spaces.
fn invoke(line: &str) -> Result<Invocation, ConfigError> {
    let words = line.split_ascii_whitespace().map(OsString::from);
    parse(std::iter::once(OsString::from("twincached")).chain(words))
}

fn served(line: &str) -> Config {
    match invoke(line) {
        Ok(Invocation::Serve(config)) => *config,
        other => panic!("{line:?} does not serve: {other:?}"),
    }
}

/// A file of a test's own, removed when it goes out of scope.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(content: &[u8], mode: u32) -> TemporaryFile {
        use std::os::unix::fs::PermissionsExt;
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("twincached-config-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).expect("the temporary directory is writable");
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, permissions).expect("the file is ours");
        TemporaryFile(path)
    }

    fn path(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // A leftover in the temporary directory harms nobody.
        let _ = std::fs::remove_file(&self.0);
    }
}
