//! Who has which address and port: plain data from which the network is built and the nodes are
//! configured.

use super::error::DemoError;
use crate::config::{ADMIN_PORT, CLIENT_PORT, DemoOptions, REPLICATION_PORT};
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

/// VRID of the demo. It is alone on its bridge, so any would do.
const VIRTUAL_ROUTER_ID: u8 = 77;

/// First port of the pair on loopback addresses; the next candidates follow in steps.
const LOOPBACK_PORT: u16 = 21211;

/// The whole demo.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    /// `a` and `b`.
    pub(super) hosts: [Host; 2],
    /// What only namespaces can have; `None` on loopback addresses.
    pub(super) virtual_network: Option<VirtualNetwork>,
}

/// One host of the pair.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Host {
    /// `a` or `b`.
    pub(super) name: &'static str,
    /// Its own address.
    pub(super) address: Ipv4Addr,
    /// Network namespace in which it runs, if not in that of the demo.
    pub(super) namespace: Option<&'static str>,
    /// Port of memcached clients.
    pub(super) client_port: u16,
    /// Port of the replication link.
    pub(super) replication_port: u16,
    /// Port of `/status`.
    pub(super) admin_port: u16,
}

/// The network that joins the namespaces and this shell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct VirtualNetwork {
    /// The address that the hosts hand to each other.
    pub(super) virtual_address: Ipv4Addr,
    /// The address of this shell's end.
    pub(super) shell_address: Ipv4Addr,
    /// Interval of advertisements.
    pub(super) advertisement_interval: Duration,
}

impl Host {
    /// Where `/status` answers.
    pub(super) fn admin(&self) -> SocketAddr {
        SocketAddr::new(self.address.into(), self.admin_port)
    }

    fn replication(&self) -> SocketAddr {
        SocketAddr::new(self.address.into(), self.replication_port)
    }
}

impl Plan {
    /// The pair in namespaces: hosts .1 and .2, virtual address .100, this shell .254.
    pub(super) fn in_namespaces(options: &DemoOptions) -> Plan {
        let [first, second, third, _] = options.network.octets();
        let address = |last| Ipv4Addr::new(first, second, third, last);
        let host = |name, last, namespace| Host {
            name,
            address: address(last),
            namespace: Some(namespace),
            client_port: CLIENT_PORT,
            replication_port: REPLICATION_PORT,
            admin_port: ADMIN_PORT,
        };
        Plan {
            hosts: [
                host("a", 1, "twincached-demo-a"),
                host("b", 2, "twincached-demo-b"),
            ],
            virtual_network: Some(VirtualNetwork {
                virtual_address: address(100),
                shell_address: address(254),
                advertisement_interval: options.advertisement_interval,
            }),
        }
    }

    /// The pair on 127.0.0.1 and 127.0.0.2, on the first ports that are free on both.
    pub(super) fn on_loopback() -> Result<Plan, DemoError> {
        let candidates = (0..40).map(|step| LOOPBACK_PORT + step * 1000);
        let free = |plan: &Plan| plan.hosts.iter().all(ports_are_free);
        candidates
            .map(Plan::on_loopback_from)
            .find(free)
            .ok_or_else(|| {
                DemoError::Failed(
                    "no free ports found on the loopback addresses 127.0.0.1 and 127.0.0.2"
                        .to_owned(),
                )
            })
    }

    fn on_loopback_from(port: u16) -> Plan {
        let host = |name, last| Host {
            name,
            address: Ipv4Addr::new(127, 0, 0, last),
            namespace: None,
            client_port: port,
            replication_port: port + 1,
            admin_port: port + 69,
        };
        Plan {
            hosts: [host("a", 1), host("b", 2)],
            virtual_network: None,
        }
    }

    /// Where clients connect to the pair: the virtual address, or else host `a`.
    pub(super) fn client_address(&self) -> SocketAddr {
        let [first, _] = &self.hosts;
        let address = self
            .virtual_network
            .map_or(first.address, |network| network.virtual_address);
        SocketAddr::new(address.into(), first.client_port)
    }

    /// The configuration file of the host at `index`. It names the secret file `secret` beside it.
    pub(super) fn configuration(&self, index: usize) -> String {
        let (host, peer) = (&self.hosts[index], &self.hosts[1 - index]);
        // In a namespace the virtual address has to be listened on too.
        let listen = match host.namespace {
            Some(_) => Ipv4Addr::UNSPECIFIED,
            None => host.address,
        };
        let mut text = format!(
            "memory: 64MiB\n\
             threads: 2\n\
             listen: [\"{listen}:{}\"]\n\
             replication:\n  \
               listen: {}\n  \
               peer: {}\n  \
               acknowledge: peer\n  \
               secret_file: secret\n\
             admin:\n  \
               listen: {}\n",
            host.client_port,
            host.replication(),
            peer.replication(),
            host.admin(),
        );
        if let Some(network) = &self.virtual_network {
            // The first one wins when both start together, so that the demo begins the same way.
            let priority = [240, 200][index];
            text.push_str(&network.configuration(priority));
        }
        text
    }
}

impl VirtualNetwork {
    fn configuration(&self, priority: u8) -> String {
        let interval = self.advertisement_interval;
        let mut text = format!(
            "vrrp:\n  \
               interface: eth0\n  \
               virtual_router_id: {VIRTUAL_ROUTER_ID}\n  \
               priority: {priority}\n  \
               advertisement_interval: {}ms\n  \
               virtual_addresses: [{}/32]\n",
            interval.as_millis(),
            self.virtual_address,
        );
        if interval.subsec_nanos() != 0 {
            // Version 2 counts whole seconds.
            let _ = writeln!(text, "  version: 3");
        }
        text
    }
}

/// Whether a node could listen on all ports of `host` now.
fn ports_are_free(host: &Host) -> bool {
    [host.client_port, host.replication_port, host.admin_port]
        .into_iter()
        .all(|port| TcpListener::bind((host.address, port)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// What the server makes of the configuration of `plan`'s host `index`.
    fn read(plan: &Plan, index: usize) -> config::Config {
        static READS: AtomicU32 = AtomicU32::new(0);
        let number = READS.fetch_add(1, Ordering::Relaxed);
        let name = format!("twincached-plan-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).expect("a directory");
        std::fs::write(directory.join("secret"), "0123456789abcdef").expect("a file");
        let file = directory.join("node.yaml");
        std::fs::write(&file, plan.configuration(index)).expect("a file");
        let read = config::load(&file);
        std::fs::remove_dir_all(&directory).expect("it is there");
        read.unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn hosts_in_namespaces_are_configured_as_each_others_peer() {
        let plan = Plan::in_namespaces(&DemoOptions::default());
        let expected = "\
memory: 64MiB
threads: 2
listen: [\"0.0.0.0:11211\"]
replication:
  listen: 10.77.11.2:11212
  peer: 10.77.11.1:11212
  acknowledge: peer
  secret_file: secret
admin:
  listen: 10.77.11.2:11280
vrrp:
  interface: eth0
  virtual_router_id: 77
  priority: 200
  advertisement_interval: 1000ms
  virtual_addresses: [10.77.11.100/32]
";
        assert_eq!(plan.configuration(1), expected);
        assert_eq!(plan.client_address().to_string(), "10.77.11.100:11211");
        let config = read(&plan, 0);
        assert_eq!(config.vrrp.expect("it is configured").priority, 240);
    }

    #[test]
    fn fractions_of_a_second_take_version_3() {
        let plan = Plan::in_namespaces(&DemoOptions {
            network: Ipv4Addr::new(192, 168, 7, 0),
            advertisement_interval: Duration::from_millis(1200),
        });
        let vrrp = read(&plan, 1).vrrp.expect("it is configured");
        assert_eq!(vrrp.version, config::VrrpVersion::Three);
        assert_eq!(vrrp.advertisement_interval, Duration::from_millis(1200));
    }

    #[test]
    fn a_pair_on_loopback_has_no_virtual_address() {
        let plan = Plan::on_loopback_from(21211);
        let config = read(&plan, 1);
        assert_eq!(config.vrrp, None);
        assert_eq!(
            config.listen,
            ["127.0.0.2:21211".parse().expect("an address")]
        );
        let replication = config.replication.expect("it is configured");
        assert_eq!(replication.peer.to_string(), "127.0.0.1:21212");
        assert_eq!(plan.hosts[0].admin().to_string(), "127.0.0.1:21280");
    }
}
