//! The program `ip` of iproute2, and the check that the demo's network is not in use.

use super::error::DemoError;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Routes shorter than this stand for "everywhere", as the halves that a VPN lays over the default
/// route; they do not say that somebody uses the demo's network.
const PREFIX_LEN_MIN: u8 = 8;

/// `ip`, wherever it is installed.
#[derive(Clone)]
pub(super) struct Ip {
    program: PathBuf,
}

impl Ip {
    /// Looks for it also where `su` without a login shell would not.
    pub(super) fn find() -> Result<Ip, DemoError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path)
            .chain(["/usr/sbin", "/sbin", "/usr/bin"].map(PathBuf::from))
            .map(|directory| directory.join("ip"))
            .find(|program| program.is_file());
        found.map(|program| Ip { program }).ok_or_else(|| {
            DemoError::Failed(
                "the program `ip` is not installed (apt install iproute2, dnf install iproute)"
                    .to_owned(),
            )
        })
    }

    /// Runs it with the words of `line` and returns what it printed, or its own complaint.
    pub(super) fn run(&self, line: &str) -> Result<String, String> {
        let done = Command::new(&self.program)
            .args(line.split_whitespace())
            .stdin(Stdio::null())
            // Ctrl-C must not end it half way.
            .process_group(0)
            .output();
        match done {
            Ok(done) if done.status.success() => {
                Ok(String::from_utf8_lossy(&done.stdout).into_owned())
            }
            Ok(done) => {
                let complaint = String::from_utf8_lossy(&done.stderr);
                Err(format!("ip {line}: {}", complaint.trim()))
            }
            Err(error) => Err(format!("ip {line}: {error}")),
        }
    }

    /// A command that runs `program` in a namespace, as the same process.
    pub(super) fn command_in(&self, namespace: &str, program: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["netns", "exec", namespace]).arg(program);
        command
    }

    /// Fails if an address or a route of this machine lies in `network` or contains it.
    pub(super) fn refuse_used_network(&self, network: Ipv4Addr) -> Result<(), DemoError> {
        let routes = self
            .run("-4 -o route show table all")
            .map_err(DemoError::Failed)?;
        let Some(route) = routes.lines().find(|route| overlaps(route, network)) else {
            return Ok(());
        };
        Err(DemoError::Failed(format!(
            "{network}/24 is in use on this machine ({})\n  \
             = choose another network: twincached demo --network 192.168.77.0",
            route.trim()
        )))
    }
}

/// Whether the destination of a line of `ip route` and the 256 addresses of `network` overlap.
fn overlaps(route: &str, network: Ipv4Addr) -> bool {
    // Lines begin with the destination, or with a kind such as `local` before it.
    let destination = route.split_whitespace().take(2).find_map(destination);
    let Some((address, prefix_len)) = destination else {
        return false;
    };
    let shared = u32::from(prefix_len.min(24));
    let mask = u32::MAX.checked_shl(32 - shared).unwrap_or(0);
    prefix_len >= PREFIX_LEN_MIN && (address.to_bits() ^ network.to_bits()) & mask == 0
}

fn destination(word: &str) -> Option<(Ipv4Addr, u8)> {
    let (address, prefix_len) = word.split_once('/').unwrap_or((word, "32"));
    let prefix_len = prefix_len.parse().ok().filter(|length| *length <= 32)?;
    // `ip` shortens networks: 10.0.0.0/8 may stand as 10/8.
    let mut octets = [0; 4];
    for (index, part) in address.split('.').enumerate() {
        *octets.get_mut(index)? = part.parse().ok()?;
    }
    Some((octets.into(), prefix_len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_inside_and_around_the_network_are_seen() {
        let network = Ipv4Addr::new(10, 77, 11, 0);
        for route in [
            "10.77.11.0/24 dev eth0 proto kernel scope link src 10.77.11.5",
            "local 10.77.11.5 dev eth0 table local proto kernel scope host src 10.77.11.5",
            "10.0.0.0/8 via 10.8.0.1 dev tun0",
            "10/8 via 10.8.0.1 dev tun0",
            "blackhole 10.77.0.0/16",
            "10.77.11.64/26 dev eth1 scope link",
        ] {
            assert!(overlaps(route, network), "{route}");
        }
        for route in [
            "default via 192.0.2.1 dev eth0",
            "0.0.0.0/1 via 10.8.0.1 dev tun0",
            "10.77.12.0/24 dev eth0 scope link",
            "10.76.0.0/16 dev eth0",
            "local 127.0.0.0/8 dev lo table local",
            "unreachable default table 7",
            "",
        ] {
            assert!(!overlaps(route, network), "{route}");
        }
    }
}
