//! The node as a machine, from what is configured.

use std::net::IpAddr;
use std::time::Duration;

use tracing::info;
use vrrp::packet::{Authentication, Delivery, Expected, Receiver, Version};
use vrrp::router::{self, Router, master_down_interval};

use super::{Setup, proves_itself};
use crate::config::{Acknowledge, Config, VrrpVersion};
use crate::failover::{JOIN_HOLD_EXTRA, JOIN_HOLD_WITHOUT_VRRP, Rules};
use crate::node::{Holder, Node};
use crate::replication::{Options as PeerOptions, Peer, Settings};
use crate::server::ServeError;

impl Setup {
    pub(super) fn node(&self, config: &Config) -> Result<Node, ServeError> {
        let now = self.shared.clock.now();
        let store = self.shared.store.clone();
        let settings = self.told_settings(config);
        let peer = config.replication.as_ref().map(|replication| {
            if !proves_itself(replication) {
                info!(
                    "replication: no secret_file: only {} may connect, by its address",
                    replication.peer.host
                );
            }
            let options = PeerOptions {
                node_id: self.node_id,
                boot_id: rand::random(),
                acknowledge_peer: replication.acknowledge == Acknowledge::Peer,
                acknowledge_timeout: replication.acknowledge_timeout,
                secret: replication
                    .secret
                    .as_ref()
                    .map(|secret| secret.bytes().to_vec()),
                settings: settings.clone(),
            };
            Peer::new(options, &store)
        });
        let vrrp = config.vrrp.as_ref();
        let interface = vrrp.map_or_else(String::new, |vrrp| vrrp.interface.clone());
        let holder = Holder::new(now, self.rules(config), self.router(config)?);
        let holder = holder.on_interface(interface);
        let mut node = Node::new(now, store, peer, holder, settings);
        if let Some(network) = &self.network {
            node.set_interface_up(now, network.is_usable());
        }
        Ok(node)
    }

    /// What the hello tells of the configuration.
    fn told_settings(&self, config: &Config) -> Settings {
        let mut settings = Settings {
            memory: config.memory,
            item_size_max: config.item_size_max as u64,
            primary_address: self.network.as_ref().map(|network| network.source),
            ..Settings::default()
        };
        if let Some(vrrp) = &config.vrrp {
            settings.priority = vrrp.priority;
            settings.virtual_router_id = vrrp.virtual_router_id;
            settings.advertisement_interval_ms = vrrp.advertisement_interval.as_millis() as u32;
            settings.vrrp_version = match vrrp.version {
                VrrpVersion::Two => 2,
                VrrpVersion::Three => 3,
            };
            settings.virtual_addresses = vrrp
                .virtual_addresses
                .iter()
                .map(ToString::to_string)
                .collect();
            settings.virtual_addresses.sort();
        }
        settings
    }

    fn rules(&self, config: &Config) -> Rules {
        let has_peer = config.replication.is_some();
        match &config.vrrp {
            Some(vrrp) => {
                let interval = vrrp.advertisement_interval;
                let version = version_of(vrrp.version);
                let default =
                    master_down_interval(version, vrrp.priority, interval) + JOIN_HOLD_EXTRA;
                Rules {
                    version,
                    priority: vrrp.priority,
                    interval,
                    join_hold: vrrp.join_hold.unwrap_or(default),
                    has_peer,
                    node_id: self.node_id,
                }
            }
            None => Rules {
                version: Version::V2,
                priority: 0,
                interval: Duration::from_secs(1),
                join_hold: JOIN_HOLD_WITHOUT_VRRP,
                has_peer,
                node_id: self.node_id,
            },
        }
    }

    fn router(&self, config: &Config) -> Result<Option<(Router, Receiver, IpAddr)>, ServeError> {
        let (Some(vrrp), Some(network)) = (&config.vrrp, &self.network) else {
            return Ok(None);
        };
        let version = version_of(vrrp.version);
        let authentication = vrrp
            .password
            .map_or(Authentication::None, Authentication::Password);
        let addresses: Vec<_> = vrrp.virtual_addresses.iter().map(|v| v.address).collect();
        let delivery = match vrrp.unicast_peer {
            Some(peer) => Delivery::Unicast { peer },
            None => Delivery::Multicast,
        };
        let router = Router::new(router::Config {
            version,
            virtual_router_id: vrrp.virtual_router_id,
            priority: vrrp.priority,
            interval: vrrp.advertisement_interval,
            primary_address: network.source,
            preempt: false,
            addresses: addresses.clone(),
            authentication,
        });
        let router = router.map_err(|error| ServeError::Runtime(format!("vrrp: {error}")))?;
        let receiver = Receiver::new(Expected {
            version,
            virtual_router_id: vrrp.virtual_router_id,
            authentication,
            interval: vrrp.advertisement_interval,
            own_address: network.source,
            delivery,
            addresses,
        });
        Ok(Some((
            router,
            receiver,
            delivery.destination(network.source),
        )))
    }
}

const fn version_of(version: VrrpVersion) -> Version {
    match version {
        VrrpVersion::Two => Version::V2,
        VrrpVersion::Three => Version::V3,
    }
}
