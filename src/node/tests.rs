//! The machine in virtual time. This file is what its tests are made with.

mod duties;
mod flood;
mod hearing;
mod leaving;
mod succession;
mod twins;
mod two_routers;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use vrrp::packet::{Advertisement, Authentication, Delivery, Expected, Receiver, Version};
use vrrp::router::{self, Router};

use super::*;
use crate::command::Standing;
use crate::failover::Rules;
use crate::store::Options;

const VIRTUAL: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 100));
const SECOND: Duration = Duration::from_secs(1);

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// Where host `index` advertises from.
fn address(index: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1 + index as u8))
}

/// The address side of host `index`, which has not started.
fn holder(now: Instant, index: usize, priority: u8, has_peer: bool) -> Holder {
    let router = Router::new(router::Config {
        version: Version::V2,
        virtual_router_id: 51,
        priority,
        interval: SECOND,
        primary_address: address(index),
        preempt: false,
        addresses: vec![VIRTUAL],
        authentication: Authentication::None,
    });
    let receiver = Receiver::new(Expected {
        version: Version::V2,
        virtual_router_id: 51,
        authentication: Authentication::None,
        interval: SECOND,
        own_address: address(index),
        delivery: Delivery::Multicast,
        addresses: vec![VIRTUAL],
    });
    let rules = Rules {
        version: Version::V2,
        priority,
        interval: SECOND,
        join_hold: Duration::from_millis(5_062),
        has_peer,
        node_id: index as u64,
    };
    let group = Delivery::Multicast.destination(address(index));
    let vrrp = Some((router.expect("encodable"), receiver, group));
    Holder::new(now, rules, vrrp)
}

/// An IPv4 packet around a VRRP message of host `from`.
fn packet(from: usize, message: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0xc0, 0, 20 + message.len() as u8, 0, 1, 0, 0];
    packet.extend([255, 112, 0, 0, 10, 0, 0, 1 + from as u8, 224, 0, 0, 18]);
    packet.extend(message);
    packet
}

/// An advertisement of host `from`, as it arrives.
fn advertisement(from: usize, priority: u8) -> Vec<u8> {
    advertisement_of(from, priority, VIRTUAL)
}

fn advertisement_of(from: usize, priority: u8, held: IpAddr) -> Vec<u8> {
    let advertised = Advertisement {
        version: Version::V2,
        virtual_router_id: 51,
        priority,
        interval: SECOND,
        addresses: vec![held],
        authentication: Authentication::None,
    };
    let group = Delivery::Multicast.destination(address(from));
    let message = advertised.encode(address(from), group);
    packet(from, &message.expect("encodable"))
}

fn store(replicated: bool) -> Arc<Store> {
    Arc::new(Store::new(&Options {
        memory: 8 << 20,
        item_size_max: 1 << 20,
        threads: 1,
        hash_seed: [1, 2, 3, 4],
        zero_unix_ms: 1_700_000_000_000,
        evict: true,
        replicated,
    }))
}

/// A node without a replication peer: VRRP alone.
fn node() -> Node {
    let holder = holder(at(1_000), 0, 240, false);
    Node::new(at(1_000), store(false), None, holder, Settings::default())
}

/// What is logged meanwhile.
fn lines(during: impl FnOnce()) -> Vec<String> {
    let (sender, written) = std::sync::mpsc::channel();
    let subscriber = tracing_subscriber::fmt()
        .without_time()
        .with_writer(move || Line(sender.clone()))
        .finish();
    tracing::subscriber::with_default(subscriber, during);
    written.try_iter().collect()
}

/// A line of the log, written at once.
struct Line(std::sync::mpsc::Sender<String>);

impl std::io::Write for Line {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let _reader_is_gone = self.0.send(String::from_utf8_lossy(line).into_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The names of what is to be done.
fn named(action: &Action) -> &'static str {
    match action {
        Action::OpenPorts => "open",
        Action::PutAddresses { .. } => "put",
        Action::ResetConnections => "reset",
        Action::RemoveAddresses => "remove",
        Action::Advertise(message) if message[2] == 0 => "priority 0",
        Action::Advertise(_) => "advertise",
        Action::Announce => "announce",
        Action::Changed { .. } => "changed",
        Action::Hold(Hold::Mutations) => "hold",
        Action::Hold(Hold::Everything) => "hold all",
        Action::Hold(Hold::Nothing) => "release",
        Action::CloseConnections => "close",
        Action::Exit => "exit",
        Action::Dial | Action::CloseSession(_) | Action::Wake => "link",
    }
}

fn actions(node: &mut Node) -> Vec<&'static str> {
    std::iter::from_fn(|| node.poll_action())
        .map(|action| named(&action))
        .collect()
}

/// Lets time pass in steps of 50 ms with living workers.
fn run(node: &mut Node, from: u64, to: u64) -> Vec<&'static str> {
    let mut seen = Vec::new();
    for millis in (from..=to).step_by(50) {
        node.set_workers_at(at(millis));
        node.handle_timeout(at(millis));
        seen.extend(actions(node));
    }
    seen
}

fn master() -> Node {
    let mut node = node();
    node.start(at(1_000));
    run(&mut node, 1_000, 4_500);
    assert!(node.holder.is_master());
    node
}
