//! What the guard process is told: enough to give the virtual addresses up in the server's place.

use super::error::ConfigError;
use super::settings::{VirtualAddress, Vrrp, VrrpVersion};
use super::{address, quantity, values};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::ffi::OsString;
use std::net::IpAddr;
use std::time::Duration;

/// Environment variable that carries the VRRP password to the guard: arguments can be seen by every
/// user of the machine, the environment cannot.
pub const GUARD_PASSWORD_VARIABLE: &str = "TWINCACHED_GUARD_PASSWORD";

/// The arguments of the guard process. The server starts it as its own binary with
/// [`Guard::arguments`] and [`Guard::environment`]; [`parse`](super::parse) gives the same value
/// back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guard {
    /// Interface that holds the addresses.
    pub interface: String,
    /// The addresses to remove.
    pub addresses: Vec<VirtualAddress>,
    /// VRID of the advertisement with priority 0.
    pub virtual_router_id: u8,
    /// Version of the advertisement.
    pub version: VrrpVersion,
    /// Interval that the advertisement states.
    pub advertisement_interval: Duration,
    /// Password of a version 2 advertisement.
    pub password: Option<[u8; 8]>,
    /// Where to send it instead of the multicast group.
    pub unicast_peer: Option<IpAddr>,
}

impl From<&Vrrp> for Guard {
    fn from(vrrp: &Vrrp) -> Guard {
        Guard {
            interface: vrrp.interface.clone(),
            addresses: vrrp.virtual_addresses.clone(),
            virtual_router_id: vrrp.virtual_router_id,
            version: vrrp.version,
            advertisement_interval: vrrp.advertisement_interval,
            password: vrrp.password,
            unicast_peer: vrrp.unicast_peer,
        }
    }
}

impl Guard {
    /// The arguments after the program name.
    pub fn arguments(&self) -> Vec<OsString> {
        let version = match self.version {
            VrrpVersion::Two => "2",
            VrrpVersion::Three => "3",
        };
        let mut arguments = vec![
            "guard".to_owned(),
            format!("--interface={}", self.interface),
            format!("--virtual-router-id={}", self.virtual_router_id),
            format!("--vrrp-version={version}"),
            format!(
                "--advertisement-interval={}ms",
                self.advertisement_interval.as_millis()
            ),
        ];
        arguments.extend(
            self.addresses
                .iter()
                .map(|address| format!("--address={address}")),
        );
        arguments.extend(
            self.unicast_peer
                .map(|peer| format!("--unicast-peer={peer}")),
        );
        arguments.into_iter().map(OsString::from).collect()
    }

    /// The variable to set for the guard, if there is a password.
    pub fn environment(&self) -> Option<(&'static str, OsString)> {
        use std::os::unix::ffi::OsStringExt;
        let password = self.password?;
        let end = password
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(password.len());
        Some((
            GUARD_PASSWORD_VARIABLE,
            OsString::from_vec(password[..end].to_vec()),
        ))
    }
}

/// The command as the parser knows it. Not in the help: only the server starts a guard.
pub(super) fn command() -> Command {
    let value = |name: &'static str| Arg::new(name).long(name).required(true);
    Command::new("guard")
        .arg(value("interface"))
        .arg(value("virtual-router-id"))
        .arg(value("vrrp-version"))
        .arg(value("advertisement-interval"))
        .arg(value("address").action(ArgAction::Append))
        .arg(value("unicast-peer").required(false))
}

/// The guard of a command line; `password` is what the environment holds.
pub(super) fn read(matches: &ArgMatches, password: Option<OsString>) -> Result<Guard, ConfigError> {
    let text = |name: &str| {
        matches
            .get_one::<String>(name)
            .map(String::as_str)
            .unwrap_or_default()
    };
    let wrong = |name: &'static str| {
        move |fault| super::error::Origin::Flag(format!("guard --{name}")).refuse(fault)
    };
    let addresses = matches.get_many::<String>("address").into_iter().flatten();
    let addresses = addresses.map(|text| address::virtual_address(text));
    let unicast_peer = matches
        .get_one::<String>("unicast-peer")
        .map(|text| values::ip(text));
    let password = password.map(|password| values::password(&password.to_string_lossy()));
    Ok(Guard {
        interface: values::interface(text("interface")).map_err(wrong("interface"))?,
        addresses: addresses
            .collect::<Result<_, _>>()
            .map_err(wrong("address"))?,
        virtual_router_id: values::virtual_router_id(text("virtual-router-id"))
            .map_err(wrong("virtual-router-id"))?,
        version: values::version(text("vrrp-version")).map_err(wrong("vrrp-version"))?,
        advertisement_interval: quantity::duration(text("advertisement-interval"))
            .map_err(wrong("advertisement-interval"))?,
        password: password.transpose().map_err(wrong("password"))?,
        unicast_peer: unicast_peer.transpose().map_err(wrong("unicast-peer"))?,
    })
}
