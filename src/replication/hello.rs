//! What two nodes tell each other first: who they are, what they have, how they are configured.

use std::net::IpAddr;

use super::wire::{Reader, Write};
use crate::command::{Conflicts, Standing, Version};

/// Opens every connection; the only frame whose form never changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Greeting {
    /// Oldest protocol version the sender speaks.
    pub version_oldest: u32,
    /// Newest protocol version the sender speaks.
    pub version_newest: u32,
    /// Random bytes that the other side's proof must answer.
    pub nonce: [u8; 32],
    /// The sender has a shared secret, sends a proof and demands one.
    pub secret: bool,
}

/// Marks the start of a connection between two nodes, so that a stranger is known at once.
const MAGIC: [u8; 8] = *b"TWINCACH";

impl Greeting {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.encode_proven(out);
    }

    /// The part that proofs of the secret cover. Fields that a later version appends do not belong
    /// to it: the other end may not know them.
    pub(super) fn encode_proven(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.put_u32(self.version_oldest);
        out.put_u32(self.version_newest);
        out.extend_from_slice(&self.nonce);
        out.put_u8(u8::from(self.secret));
    }

    /// Fields that a later version appends are ignored.
    pub(super) fn decode(mut reader: Reader<'_>) -> Option<Greeting> {
        if reader.take(MAGIC.len())? != MAGIC {
            return None;
        }
        Some(Greeting {
            version_oldest: reader.u32()?,
            version_newest: reader.u32()?,
            nonce: *reader.take(32)?.first_chunk()?,
            secret: reader.bool()?,
        })
    }
}

/// How a node is configured, for comparing with the peer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// Memory limit in bytes.
    pub memory: u64,
    /// Largest item in bytes.
    pub item_size_max: u64,
    /// Configured VRRP priority, 0 without VRRP.
    pub priority: u8,
    /// Virtual router id, 0 without VRRP.
    pub virtual_router_id: u8,
    /// Advertisement interval in milliseconds, 0 without VRRP.
    pub advertisement_interval_ms: u32,
    /// VRRP version, 0 without VRRP.
    pub vrrp_version: u8,
    /// Virtual addresses as text, sorted.
    pub virtual_addresses: Vec<String>,
    /// The address its advertisements come from; `None` without VRRP.
    pub primary_address: Option<IpAddr>,
}

impl Settings {
    /// What differs from the peer's, in words for the log. The priority may differ, and
    /// the address has to.
    pub fn differences(&self, peer: &Settings) -> Vec<String> {
        let pairs = [
            ("memory", self.memory.to_string(), peer.memory.to_string()),
            (
                "item_size_max",
                self.item_size_max.to_string(),
                peer.item_size_max.to_string(),
            ),
            (
                "virtual_router_id",
                self.virtual_router_id.to_string(),
                peer.virtual_router_id.to_string(),
            ),
            (
                "advertisement_interval (ms)",
                self.advertisement_interval_ms.to_string(),
                peer.advertisement_interval_ms.to_string(),
            ),
            (
                "VRRP version",
                self.vrrp_version.to_string(),
                peer.vrrp_version.to_string(),
            ),
            (
                "virtual_addresses",
                self.virtual_addresses.join(" "),
                peer.virtual_addresses.join(" "),
            ),
        ];
        let differing = pairs.into_iter().filter(|(_, ours, theirs)| ours != theirs);
        differing
            .map(|(name, ours, theirs)| format!("{name} is {ours} here and {theirs} on the peer"))
            .collect()
    }
}

fn put_standing(out: &mut Vec<u8>, standing: &Standing) {
    out.put_u8(u8::from(standing.master));
    out.put_u8(u8::from(standing.complete));
    out.put_u8(standing.effective_priority);
    out.put_u64(standing.master_for_ms);
}

fn take_standing(reader: &mut Reader<'_>) -> Option<Standing> {
    Some(Standing {
        master: reader.bool()?,
        complete: reader.bool()?,
        effective_priority: reader.u8()?,
        master_for_ms: reader.u64()?,
    })
}

/// Introduces a node to its proven peer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hello {
    /// Identifies the node; configured or random. Breaks ties.
    pub node_id: u64,
    /// Random at each start: another boot id is another, empty, process.
    pub boot_id: u64,
    /// Unix time in milliseconds as the node reckons it.
    pub clock_ms: u64,
    /// Items up to this version are flushed.
    pub watermark: Version,
    /// Number of the last change of each of its shards.
    pub newest: Vec<u64>,
    /// The boot of the receiver that `applied` speaks of, 0 if it knows none.
    pub applied_boot: u64,
    /// For each shard of that boot, the position up to which the node has applied.
    pub applied: Vec<u64>,
    /// What failover needs to know.
    pub standing: Standing,
    /// How it is configured.
    pub settings: Settings,
}

impl Hello {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.node_id);
        out.put_u64(self.boot_id);
        out.put_u64(self.clock_ms);
        out.put_u64(self.watermark);
        out.put_u64s(&self.newest);
        out.put_u64(self.applied_boot);
        out.put_u64s(&self.applied);
        put_standing(out, &self.standing);
        let settings = &self.settings;
        out.put_u64(settings.memory);
        out.put_u64(settings.item_size_max);
        out.put_u8(settings.priority);
        out.put_u8(settings.virtual_router_id);
        out.put_u32(settings.advertisement_interval_ms);
        out.put_u8(settings.vrrp_version);
        out.put_u32(settings.virtual_addresses.len() as u32);
        settings
            .virtual_addresses
            .iter()
            .for_each(|address| out.put_bytes(address.as_bytes()));
        let primary = settings.primary_address.map(|address| address.to_string());
        out.put_bytes(primary.unwrap_or_default().as_bytes());
    }

    pub(super) fn decode(mut reader: Reader<'_>) -> Option<Hello> {
        Some(Hello {
            node_id: reader.u64()?,
            boot_id: reader.u64()?,
            clock_ms: reader.u64()?,
            watermark: reader.version()?,
            newest: reader.u64s()?,
            applied_boot: reader.u64()?,
            applied: reader.u64s()?,
            standing: take_standing(&mut reader)?,
            settings: Settings {
                memory: reader.u64()?,
                item_size_max: reader.u64()?,
                priority: reader.u8()?,
                virtual_router_id: reader.u8()?,
                advertisement_interval_ms: reader.u32()?,
                vrrp_version: reader.u8()?,
                virtual_addresses: {
                    let count = reader.u32()?;
                    (0..count.min(256))
                        .map(|_| reader.text())
                        .collect::<Option<_>>()?
                },
                primary_address: reader.text()?.parse().ok(),
            },
        })
    }
}

/// Every 100 ms: a sign of life, and what changes slowly.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Heartbeat {
    /// The sender's monotonic clock in nanoseconds.
    pub sent_at_ns: u64,
    /// Unix time in milliseconds as the node reckons it.
    pub clock_ms: u64,
    /// Items up to this version are flushed.
    pub watermark: Version,
    /// What failover needs to know.
    pub standing: Standing,
    /// Items of the receiver that the sender had to refuse, since its start.
    pub refused: u64,
    /// Conflicts that the sender counted since its start.
    pub conflicts: Conflicts,
    /// The receiver is master, and none of its advertisements reach the sender.
    pub unheard: bool,
}

impl Heartbeat {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.sent_at_ns);
        out.put_u64(self.clock_ms);
        out.put_u64(self.watermark);
        put_standing(out, &self.standing);
        let Conflicts { lost, won } = self.conflicts;
        if self.refused > 0 || lost > 0 || won > 0 || self.unheard {
            out.put_u64(self.refused);
            out.put_u64(lost);
            out.put_u64(won);
        }
        if self.unheard {
            out.put_u8(1);
        }
    }

    /// Fields that a later version appends are ignored; the last four are left out while they say
    /// nothing.
    pub(super) fn decode(mut reader: Reader<'_>) -> Option<Heartbeat> {
        Some(Heartbeat {
            sent_at_ns: reader.u64()?,
            clock_ms: reader.u64()?,
            watermark: reader.version()?,
            standing: take_standing(&mut reader)?,
            refused: reader.u64().unwrap_or(0),
            conflicts: Conflicts {
                lost: reader.u64().unwrap_or(0),
                won: reader.u64().unwrap_or(0),
            },
            unheard: reader.u8().is_some_and(|told| told > 0),
        })
    }
}
