//! One parser per setting: text to value, with the limits that the value has by itself.
//!
//! Limits that depend on another setting are checked in `validate.rs`, `replication.rs` and `vrrp.rs`. The sentences
//! that memcached has for a mistake are used where it has one.

use super::error::Fault;
use super::quantity::{duration, number};
use super::settings::{Acknowledge, PRIORITY_MAX, Protocol, VrrpVersion};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most worker threads. memcached has no limit; more than a few per core never help.
const THREADS_MAX: u64 = 1024;

/// Longest interface name in bytes (`IFNAMSIZ` - 1).
const INTERFACE_NAME_MAX: usize = 15;

/// Length of the password field of VRRP version 2 in bytes (RFC 2338 §5.3.10).
const PASSWORD_LENGTH: usize = 8;

pub(super) fn threads(text: &str) -> Result<usize, Fault> {
    positive(
        text,
        THREADS_MAX,
        "Number of threads must be greater than 0",
    )
}

pub(super) fn connections_max(text: &str) -> Result<usize, Fault> {
    positive(
        text,
        i32::MAX as u64,
        "Maximum connections must be greater than 0",
    )
}

pub(super) fn requests_per_event(text: &str) -> Result<usize, Fault> {
    positive(
        text,
        i32::MAX as u64,
        "Number of requests per event must be greater than 0",
    )
}

pub(super) fn backlog(text: &str) -> Result<u32, Fault> {
    positive(text, i32::MAX as u64, "the backlog must be greater than 0").map(|n| n as u32)
}

fn positive(text: &str, max: u64, zero: &str) -> Result<usize, Fault> {
    match number(text, 1, max) {
        Err(_) if text.parse() == Ok(0) => {
            Err(Fault::new(zero, format!("write a number from 1 to {max}")))
        }
        read => read.map(|number| number as usize),
    }
}

pub(super) fn verbosity(text: &str) -> Result<u8, Fault> {
    number(text, 0, 3).map(|n| n as u8)
}

pub(super) fn boolean(text: &str) -> Result<bool, Fault> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Ok(true),
        "false" | "no" | "off" => Ok(false),
        _ => Err(Fault::new(
            format!("\"{text}\" is not a yes or no"),
            "write true or false",
        )),
    }
}

/// An access mode in octal, as memcached's `-a`.
pub(super) fn mode(text: &str) -> Result<u32, Fault> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    match u32::from_str_radix(digits, 8) {
        Ok(mode @ 0..=0o777) => Ok(mode),
        _ => Err(Fault::new(
            format!("\"{text}\" is not an octal access mode"),
            "write three octal digits, such as 700 or 770",
        )),
    }
}

pub(super) fn protocol(text: &str) -> Result<Protocol, Fault> {
    match text {
        "auto" => Ok(Protocol::Auto),
        "ascii" | "text" => Ok(Protocol::Text),
        "binary" => Ok(Protocol::Binary),
        _ => Err(Fault::new(
            format!("Invalid value for binding protocol: {text}"),
            "should be one of auto, binary, or ascii",
        )),
    }
}

/// A time of whole seconds, as memcached's `idle_timeout`; zero is off.
pub(super) fn idle_timeout(text: &str) -> Result<Duration, Fault> {
    let time = duration(text)?;
    if time.subsec_nanos() != 0 {
        return Err(Fault::new(
            format!("{text} is not in whole seconds"),
            "write whole seconds, such as 30s, or 0s for no timeout",
        ));
    }
    Ok(time)
}

/// The delimiter of `-D`: memcached takes the first byte of what it is given.
pub(super) fn delimiter(text: &str) -> Result<u8, Fault> {
    text.bytes()
        .next()
        .ok_or_else(|| Fault::new("the delimiter is empty", "write one character"))
}

pub(super) fn path(text: &str) -> Result<PathBuf, Fault> {
    if text.is_empty() {
        return Err(Fault::new("the path is empty", "write the path of a file"));
    }
    Ok(PathBuf::from(text))
}

pub(super) fn absolute_path(text: &str) -> Result<PathBuf, Fault> {
    if !Path::new(text).is_absolute() {
        return Err(Fault::new(
            format!("\"{text}\" is not an absolute path"),
            "write the whole path, beginning with /",
        ));
    }
    path(text)
}

pub(super) fn user(text: &str) -> Result<String, Fault> {
    if text.is_empty() {
        return Err(Fault::new("the user is empty", "write the name of a user"));
    }
    Ok(text.to_owned())
}

pub(super) fn acknowledge(text: &str) -> Result<Acknowledge, Fault> {
    match text {
        "peer" => Ok(Acknowledge::Peer),
        "local" => Ok(Acknowledge::Local),
        _ => Err(Fault::new(
            format!("\"{text}\" is not a mode of acknowledgement"),
            "write peer (reply when both hosts have it) or local (reply at once)",
        )),
    }
}

pub(super) fn acknowledge_timeout(text: &str) -> Result<Duration, Fault> {
    let time = duration(text)?;
    if (Duration::from_millis(1)..=Duration::from_secs(60)).contains(&time) {
        return Ok(time);
    }
    Err(Fault::new(
        format!("{text} is out of range"),
        "write a time from 1ms to 60s",
    ))
}

pub(super) fn node_id(text: &str) -> Result<u64, Fault> {
    number(text, 0, u64::MAX)
}

pub(super) fn interface(text: &str) -> Result<String, Fault> {
    let unfit = |c: char| c.is_whitespace() || c.is_control() || c == '/';
    if text.is_empty() || text.len() > INTERFACE_NAME_MAX || text.contains(unfit) {
        return Err(Fault::new(
            format!("\"{text}\" is not the name of a network interface"),
            "write a name that `ip link` shows, such as eth0",
        ));
    }
    Ok(text.to_owned())
}

pub(super) fn virtual_router_id(text: &str) -> Result<u8, Fault> {
    let wrong = match number(text, 0, 255) {
        Ok(0) => "0 is not a virtual router".to_owned(),
        Ok(id) => return Ok(id as u8),
        Err(_) => format!("\"{text}\" is not a virtual router"),
    };
    Err(Fault::new(
        wrong,
        "write a number from 1 to 255, the same on both hosts",
    ))
}

/// 1 to 255; what lies above [`PRIORITY_MAX`] is lowered later, with a warning.
pub(super) fn priority(text: &str) -> Result<u8, Fault> {
    match number(text, 1, 255) {
        Ok(priority) => Ok(priority as u8),
        Err(_) => Err(Fault::new(
            format!("\"{text}\" is not a priority"),
            format!("write a number from 1 to {PRIORITY_MAX}"),
        )),
    }
}

pub(super) fn version(text: &str) -> Result<VrrpVersion, Fault> {
    match text {
        "2" => Ok(VrrpVersion::Two),
        "3" => Ok(VrrpVersion::Three),
        _ => Err(Fault::new(
            format!("VRRP has no version \"{text}\""),
            "write 2 (whole seconds, IPv4) or 3 (fractions of a second, IPv6)",
        )),
    }
}

/// The password as it stands in the packet: padded with zeros.
pub(super) fn password(text: &str) -> Result<[u8; PASSWORD_LENGTH], Fault> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > PASSWORD_LENGTH || bytes.contains(&0) {
        return Err(Fault::new(
            format!("the password has {} bytes", bytes.len()),
            "write 1 to 8 bytes, the same on both hosts; VRRP carries no more",
        ));
    }
    let mut padded = [0; PASSWORD_LENGTH];
    padded[..bytes.len()].copy_from_slice(bytes);
    Ok(padded)
}

pub(super) fn ip(text: &str) -> Result<IpAddr, Fault> {
    let right = "write the other host's own address, such as 10.0.0.2";
    let Ok(ip) = text.parse::<IpAddr>() else {
        return Err(Fault::new(
            format!("\"{text}\" is not an IP address"),
            right,
        ));
    };
    if ip.is_unspecified() || ip.is_multicast() {
        return Err(Fault::new(
            format!("{ip} is not the address of one host"),
            right,
        ));
    }
    Ok(ip)
}
