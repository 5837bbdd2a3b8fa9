//! Flags (memcached's and repcached's) and the YAML file become one validated [`Config`].
//!
//! ```text
//! command_line.rs, flags.rs, suboptions.rs ─┐
//!                                           ├─> draft.rs ───> validate.rs, ────────> settings/
//! file.rs, document.rs ─────────────────────┘   (as written,  replication.rs,        (Config)
//!                                                with origins) vrrp.rs
//! ```
//!
//! What is read stays raw, with the place where it stood, until both sources are laid over each
//! other; only then is it checked as a whole, so that a rule about two settings holds whoever made
//! them, and its message still points at a flag or a line. Reading touches the system three times:
//! the configuration file, the files of the secret, the certificates and the key that it names, and
//! the resolver for listening addresses given by name. Nothing is printed here, and nothing is
//! opened for the server.

mod address;
mod command_line;
mod commands;
mod document;
mod draft;
mod error;
mod file;
mod flag_table;
mod flags;
mod guard;
mod help;
mod private;
mod quantity;
mod replication;
mod secret;
mod settings;
mod suboptions;
#[cfg(test)]
mod tests;
mod tls;
mod validate;
mod values;
mod vrrp;

pub use error::ConfigError;
pub use guard::{GUARD_PASSWORD_VARIABLE, Guard};
pub use settings::{
    ADMIN_PORT, Acknowledge, CLIENT_PORT, Config, HostPort, PRIORITY_MAX, PrivateKey, Protocol,
    REPLICATION_PORT, Replication, Secret, Tls, UnixSocket, VirtualAddress, Vrrp, VrrpVersion,
};

use draft::Draft;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the command line asks the program to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Invocation {
    /// Run the server.
    Serve(Box<Config>),
    /// Read this configuration file with [`load`] and say what is wrong with it.
    Check(PathBuf),
    /// Remove virtual addresses of this configuration file that nobody serves any more.
    Clear(PathBuf),
    /// Show the state of the server that answers at `admin`.
    Status {
        /// Where to ask.
        admin: SocketAddr,
        /// Print the answer as it came instead of for people.
        json: bool,
    },
    /// Make the server that answers at `admin` hand the virtual address over.
    Failover {
        /// Where to ask.
        admin: SocketAddr,
        /// Also when the peer is not in sync.
        force: bool,
    },
    /// Run a complete pair on this machine.
    Demo(DemoOptions),
    /// Be the guard of a server.
    Guard(Guard),
    /// Print this text and a line break, exit 0.
    Help(String),
    /// Print this text and a line break, exit 0.
    Version(String),
}

/// How the demo's pair is set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DemoOptions {
    /// Network with a 24-bit prefix in which the hosts and the virtual address lie.
    pub network: Ipv4Addr,
    /// Interval of advertisements: whole seconds for VRRP version 2, multiples of 10 ms from 50 ms
    /// on for version 3.
    pub advertisement_interval: Duration,
}

impl Default for DemoOptions {
    fn default() -> DemoOptions {
        DemoOptions {
            network: Ipv4Addr::new(10, 77, 11, 0),
            advertisement_interval: Duration::from_secs(1),
        }
    }
}

/// Reads the command line, program name first as in [`std::env::args_os`], and the configuration
/// file that it names.
///
/// # Errors
///
/// The first mistake found. No state of the system has been changed.
pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Invocation, ConfigError> {
    let matches = command_line::matches(args)?;
    if let Some((name, matches)) = matches.subcommand() {
        return commands::read(name, matches);
    }
    if matches.get_count("help") > 0 {
        return Ok(Invocation::Help(help::help()));
    }
    if matches.get_count("version") > 0 {
        return Ok(Invocation::Version(help::version()));
    }
    if matches.get_count("license") > 0 {
        return Ok(Invocation::Help(help::license()));
    }
    let flags = flags::draft(&matches)?;
    let file = flags::config_file(&matches);
    let draft = match &file {
        Some(path) => file::read(path)?.overridden_by(flags),
        None => flags,
    };
    let directory = file
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or(Path::new(""));
    validate::config(draft, directory).map(|config| Invocation::Serve(Box::new(config)))
}

/// Reads a configuration file as the server would without further flags.
///
/// # Errors
///
/// The first mistake in the file, or in a secret, certificate or key that it names; exit code 78.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let draft: Draft = file::read(path)?;
    validate::config(draft, path.parent().unwrap_or(Path::new("")))
}

/// Reads a configuration file without the link's section: for who clears an address, and cannot read
/// the secret. systemd gives its credentials to the server alone, not to `ExecStopPost`.
///
/// # Errors
///
/// The first mistake in the rest of the file; exit code 78.
pub fn load_without_link(path: &Path) -> Result<Config, ConfigError> {
    let mut draft: Draft = file::read(path)?;
    draft.replication = None;
    validate::config(draft, path.parent().unwrap_or(Path::new("")))
}
