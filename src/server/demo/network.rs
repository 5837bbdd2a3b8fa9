//! The demo's namespaces, the bridge between them, and this shell's end of it.

use super::super::log;
use super::End;
use super::error::DemoError;
use super::ip::Ip;
use super::plan::{Host, Plan};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The interface in the namespace of the shell; 15 characters, the longest name possible.
pub(super) const INTERFACE: &str = "twincached-demo";

/// Every namespace of the demo. Names no one else has: what stands in them is the demo's.
const NAMESPACES: [&str; 3] = [SWITCH, "twincached-demo-a", "twincached-demo-b"];
const SWITCH: &str = "twincached-demo-switch";

/// How long what is left in a namespace may take to end by itself: guards do, in a moment.
const GRACE: Duration = Duration::from_secs(1);

/// Removed when dropped. The processes in it have to be ended first.
pub(super) struct Network {
    ip: Ip,
}

impl Network {
    /// Builds it. Nothing may be left of an earlier one, see [`remove`].
    pub(super) fn build(ip: Ip, plan: &Plan, end: &End) -> Result<Network, DemoError> {
        // The first step shows whether namespaces are possible at all.
        ip.run(&format!("netns add {SWITCH}"))
            .map_err(DemoError::Denied)?;
        let network = Network { ip };
        for line in lines(plan) {
            end.check()?;
            network.ip.run(&line).map_err(DemoError::Failed)?;
        }
        Ok(network)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        remove(&self.ip);
    }
}

/// The steps after the namespace of the switch, as arguments of `ip`.
fn lines(plan: &Plan) -> Vec<String> {
    // Without snooping the bridge floods VRRP's multicast, as a switch without IGMP does.
    let mut lines = vec![
        format!("-n {SWITCH} link add bridge type bridge forward_delay 0 mcast_snooping 0"),
        format!("-n {SWITCH} link set bridge up"),
    ];
    for host in &plan.hosts {
        lines.extend(host_lines(host));
    }
    if let Some(network) = &plan.virtual_network {
        let shell = network.shell_address;
        lines.extend([
            format!("link add {INTERFACE} type veth peer name port-shell netns {SWITCH}"),
            format!("-n {SWITCH} link set port-shell master bridge up"),
            format!("address add {shell}/24 dev {INTERFACE}"),
            format!("link set {INTERFACE} up"),
        ]);
    }
    lines
}

fn host_lines(host: &Host) -> Vec<String> {
    let Host { name, address, .. } = host;
    let Some(namespace) = host.namespace else {
        return Vec::new();
    };
    vec![
        format!("netns add {namespace}"),
        format!("-n {SWITCH} link add port-{name} type veth peer name eth0 netns {namespace}"),
        format!("-n {SWITCH} link set port-{name} master bridge up"),
        format!("-n {namespace} link set lo up"),
        format!("-n {namespace} address add {address}/24 dev eth0"),
        format!("-n {namespace} link set eth0 up"),
    ]
}

/// Removes all of it, as far as it is there: the demo's own, or what a killed demo left behind.
/// Servers and guards that still run in it are given a moment and then killed; a shell that the
/// user opened in it keeps its network until it ends.
pub(super) fn remove(ip: &Ip) {
    let listed = ip.run("netns list").unwrap_or_default();
    // A line is `NAME` or `NAME (id: 3)`.
    let is_there = |name: &&str| {
        listed
            .lines()
            .any(|line| line.split(' ').next() == Some(*name))
    };
    let there: Vec<&str> = NAMESPACES.into_iter().filter(is_there).collect();
    end_processes(ip, &there);
    // Both ends of a veth pair go at once here, but only later with a namespace.
    let _ = ip.run(&format!("link del {INTERFACE}"));
    for namespace in there {
        if let Err(complaint) = ip.run(&format!("netns del {namespace}")) {
            log::tell(format_args!("twincached demo: {complaint}"));
        }
    }
}

fn end_processes(ip: &Ip, namespaces: &[&str]) {
    let deadline = Instant::now() + GRACE;
    loop {
        let pids: Vec<Pid> = namespaces.iter().flat_map(|name| pids(ip, name)).collect();
        if pids.is_empty() {
            return;
        }
        if Instant::now() > deadline {
            for pid in pids {
                let _ = kill_process(pid, Signal::KILL);
            }
            return;
        }
        sleep(Duration::from_millis(50));
    }
}

/// The processes of this program in a namespace.
fn pids(ip: &Ip, namespace: &str) -> Vec<Pid> {
    let listed = ip
        .run(&format!("netns pids {namespace}"))
        .unwrap_or_default();
    let own = fs::read("/proc/self/comm").unwrap_or_default();
    let is_ours = |pid: &&str| fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == own);
    listed
        .split_whitespace()
        .filter(is_ours)
        .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DemoOptions;

    #[test]
    fn every_namespace_that_is_built_is_also_removed() {
        let plan = Plan::in_namespaces(&DemoOptions::default());
        for host in &plan.hosts {
            let namespace = host.namespace.expect("it has one");
            assert!(NAMESPACES.contains(&namespace), "{namespace}");
        }
        assert_eq!(lines(&plan).len(), 18);
        assert!(INTERFACE.len() <= 15);
    }
}
