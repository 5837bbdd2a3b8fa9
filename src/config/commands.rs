//! The commands beside serving: `check`, `clear`, `status`, `failover`, `demo`, and the guard.

use super::address::listen_address;
use super::error::{ConfigError, Fault, Origin, Sourced};
use super::settings::ADMIN_PORT;
use super::{DemoOptions, Invocation, guard, help, load, quantity};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The commands by name, for suggestions.
pub(super) const NAMES: &[&str] = &["check", "clear", "status", "failover", "demo"];

/// Shortest interval of the demo's pair, so that a busy machine does not fail over by itself.
const DEMO_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// The commands as the parser knows them.
pub(super) fn all() -> [Command; 6] {
    let file = |argument: Arg| argument.value_parser(value_parser!(OsString));
    let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let value = |name: &'static str| Arg::new(name).long(name);
    let help_flag = || switch("help").short('h');
    let admin = |name| {
        Command::new(name)
            .arg(value("admin"))
            .arg(file(value("config")))
    };
    let of_file = |name| {
        Command::new(name)
            .arg(file(Arg::new("FILE").required_unless_present("help")))
            .arg(help_flag())
    };
    [
        of_file("check"),
        of_file("clear"),
        admin("status").arg(switch("json")).arg(help_flag()),
        admin("failover").arg(switch("force")).arg(help_flag()),
        Command::new("demo")
            .arg(value("network"))
            .arg(value("advertisement-interval"))
            .arg(help_flag()),
        guard::command(),
    ]
    .map(|command| command.disable_help_flag(true).disable_version_flag(true))
}

/// What the command `name` asks for.
pub(super) fn read(name: &str, matches: &ArgMatches) -> Result<Invocation, ConfigError> {
    if name == "guard" {
        let password = std::env::var_os(guard::GUARD_PASSWORD_VARIABLE);
        return guard::read(matches, password).map(Invocation::Guard);
    }
    if matches.get_flag("help") {
        return Ok(Invocation::Help(help::help()));
    }
    match name {
        "check" => Ok(Invocation::Check(file_of(matches))),
        "clear" => Ok(Invocation::Clear(file_of(matches))),
        "status" => Ok(Invocation::Status {
            admin: admin(matches)?,
            json: matches.get_flag("json"),
        }),
        "failover" => Ok(Invocation::Failover {
            admin: admin(matches)?,
            force: matches.get_flag("force"),
        }),
        _ => demo(matches).map(Invocation::Demo),
    }
}

/// The argument FILE.
fn file_of(matches: &ArgMatches) -> PathBuf {
    let file = matches.get_one::<OsString>("FILE");
    file.map(PathBuf::from).unwrap_or_default()
}

/// Where the server of this host answers: `--admin`, the file of `--config`, or the usual address.
fn admin(matches: &ArgMatches) -> Result<SocketAddr, ConfigError> {
    if let Some(text) = matches.get_one::<String>("admin") {
        let origin = Origin::Flag("--admin".to_owned());
        let value = listen_address(text).map_err(|fault| origin.refuse(fault))?;
        return Sourced { value, origin }
            .one_socket(ADMIN_PORT)
            .map(reachable);
    }
    let Some(path) = matches.get_one::<OsString>("config").map(PathBuf::from) else {
        return Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), ADMIN_PORT));
    };
    match load(&path)?.admin {
        Some(address) => Ok(reachable(address)),
        None => Err(ConfigError::configuration(format_args!(
            "{} has no section admin, so the server does not answer\n  \
             = add `admin:` with `listen: 127.0.0.1:{ADMIN_PORT}` below",
            path.display()
        ))),
    }
}

/// A server that listens on every address is asked on the loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn demo(matches: &ArgMatches) -> Result<DemoOptions, ConfigError> {
    let mut options = DemoOptions::default();
    if let Some(text) = matches.get_one::<String>("network") {
        options.network = network(text).map_err(|fault| wrong("network", fault))?;
    }
    if let Some(text) = matches.get_one::<String>("advertisement-interval") {
        options.advertisement_interval =
            interval(text).map_err(|fault| wrong("advertisement-interval", fault))?;
    }
    Ok(options)
}

fn wrong(name: &str, fault: Fault) -> ConfigError {
    Origin::Flag(format!("demo --{name}")).refuse(fault)
}

fn network(text: &str) -> Result<Ipv4Addr, Fault> {
    match text.strip_suffix("/24").unwrap_or(text).parse::<Ipv4Addr>() {
        Ok(network) if network.octets()[3] == 0 && network.is_private() => Ok(network),
        _ => Err(Fault::new(
            format!("\"{text}\" is not a private network of 256 addresses"),
            "write one that nothing here uses, such as 10.77.11.0",
        )),
    }
}

/// Whole seconds run VRRP version 2, fractions of a second version 3.
fn interval(text: &str) -> Result<Duration, Fault> {
    let time = quantity::duration(text)?;
    let whole = time.subsec_nanos() == 0 && time.as_secs() <= 255;
    let hundredths = time.as_millis() <= 40_950 && time.as_nanos().is_multiple_of(10_000_000);
    if time >= DEMO_INTERVAL_MIN && (whole || hundredths) {
        return Ok(time);
    }
    Err(Fault::new(
        format!("{text} is not possible"),
        "write 1s, or a multiple of 10ms from 50ms on",
    ))
}
