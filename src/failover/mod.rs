//! Policy: may this node hold the address, when may it claim it, and with which priority.
//!
//! Pure functions of what the node has [`Seen`]. The VRRP router keeps its own rules; the node
//! asks here for the priority to advertise, for the moment at which a BACKUP claims the address,
//! and who yields when two masters meet.
//!
//! Three ideas carry it. *Complete*: a node that has been in sync since its boot holds all data;
//! an incomplete one advertises less and waits longer. *Nobody preempts*, except a complete node
//! an incomplete master. *The link is a second witness*: heartbeats count as advertisements, and
//! their silence shortens the wait.

mod seen;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::net::IpAddr;
use std::time::Duration;

use vrrp::packet::Version;
use vrrp::router::{master_down_interval, skew_time};
use vrrp::time::Instant;

pub use self::seen::{PeerSeen, Seen};

/// An incomplete node advertises this much less than its priority.
pub const INCOMPLETE_DROP: u8 = 100;
/// Highest priority of a node that took over; 255 belongs to an address owner.
pub const TAKEOVER_PRIORITY_MAX: u8 = 254;
/// A heartbeat older than this no longer speaks for the peer.
pub const HEARTBEAT_FRESH: Duration = Duration::from_millis(300);
/// What a master says of being complete counts so long after the hello: it may have become so by it.
pub const MEETING: Duration = Duration::from_millis(500);
/// What the join hold adds to Master_Down_Interval by default.
pub const JOIN_HOLD_EXTRA: Duration = Duration::from_secs(2);
/// Join hold of a node without VRRP.
pub const JOIN_HOLD_WITHOUT_VRRP: Duration = Duration::from_secs(1);

/// What does not change while the node runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Version of VRRP that is spoken.
    pub version: Version,
    /// Configured priority.
    pub priority: u8,
    /// Advertisement interval of this node.
    pub interval: Duration,
    /// How long an incomplete node looks for a peer before it claims the address.
    pub join_hold: Duration,
    /// A replication peer is configured.
    pub has_peer: bool,
    /// Identifies this node; breaks the last tie.
    pub node_id: u64,
}

/// The priority to advertise.
pub fn effective_priority(rules: &Rules, seen: &Seen, now: Instant) -> u8 {
    if !counts_as_complete(rules, seen, now) {
        return incomplete_priority(rules);
    }
    seen.takeover_priority
        .unwrap_or(rules.priority)
        .max(rules.priority)
}

/// The priority that heartbeats tell. Whoever hears one is a peer with a link, so a node that has no
/// data says so, also one that counts as complete because it has only met neighbours without a link.
pub fn priority_told(rules: &Rules, seen: &Seen, now: Instant) -> u8 {
    if rules.has_peer && !seen.complete {
        return incomplete_priority(rules);
    }
    effective_priority(rules, seen, now)
}

fn incomplete_priority(rules: &Rules) -> u8 {
    rules.priority.saturating_sub(INCOMPLETE_DROP).max(1)
}

/// The priority of a complete node that takes over: above whatever was heard, so that an old
/// master that was cut off or frozen yields when it hears it.
pub fn takeover_priority(rules: &Rules, seen: &Seen) -> u8 {
    let heard = seen
        .priority_heard
        .saturating_add(1)
        .min(TAKEOVER_PRIORITY_MAX);
    rules.priority.max(heard)
}

/// Whether the node holds all data, or has nobody to get data from: no peer is configured, or
/// what is heard is a neighbour without a replication link (keepalived).
pub fn counts_as_complete(rules: &Rules, seen: &Seen, now: Instant) -> bool {
    seen.complete || !rules.has_peer || has_foreign_neighbour(rules, seen, now)
}

/// Advertisements come, but within the join hold no hello ever did.
fn has_foreign_neighbour(rules: &Rules, seen: &Seen, now: Instant) -> bool {
    !seen.hello_ever && seen.advertisement_at.is_some() && now >= seen.started_at + rules.join_hold
}

/// When a BACKUP claims the address, and by which rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The moment, unless something is heard before.
    pub at: Instant,
    /// The rule in words, for log and status.
    pub reason: &'static str,
}

/// When a BACKUP claims the address, unless something is heard before.
pub fn claim(rules: &Rules, seen: &Seen, now: Instant) -> Claim {
    let priority = effective_priority(rules, seen, now);
    let skew = skew_time(rules.version, priority, master_interval(rules, seen));
    let complete = counts_as_complete(rules, seen, now);
    if complete && yields_to_complete(rules, seen, now) {
        return Claim {
            at: now,
            reason: "the master is incomplete, this node is complete",
        };
    }
    if let Some(died_at) = seen.master_died_at {
        // The link or a refused port confirmed it: a complete node need not wait for others.
        let at = if complete { died_at } else { died_at + skew };
        let reason = match seen.master_handed_over {
            true => "the master has handed over",
            false => "the master's process is gone",
        };
        return Claim { at, reason };
    }
    if let Some(left_at) = seen.priority_zero_at {
        return Claim {
            at: left_at + skew,
            reason: "the master left (priority 0)",
        };
    }
    if !complete {
        let sign = seen
            .peer_sign_at
            .unwrap_or(seen.started_at)
            .max(seen.backup_since);
        return Claim {
            at: sign + rules.join_hold,
            reason: "no peer was heard for the join hold",
        };
    }
    claim_by_silence(rules, seen, now, skew)
}

/// The interval that a BACKUP waits by: in version 3 the one that the master last told (RFC 9568
/// Master_Adver_Interval), in version 2, which rejects another interval, its own.
fn master_interval(rules: &Rules, seen: &Seen) -> Duration {
    match (rules.version, seen.advertised_interval) {
        (Version::V3, Some(interval)) => interval,
        _ => rules.interval,
    }
}

/// A complete BACKUP has heard nothing of a master for long enough.
fn claim_by_silence(rules: &Rules, seen: &Seen, now: Instant, skew: Duration) -> Claim {
    let sign = seen
        .master_sign_at
        .unwrap_or(seen.started_at)
        .max(seen.backup_since);
    let (missed, reason) = if link_is_silent_witness(rules, seen) {
        (2, "advertisements and link fell silent together")
    } else {
        (3, "no advertisement for Master_Down_Interval")
    };
    let interval = master_interval(rules, seen);
    let at = sign + interval * missed + skew;
    match seen.fresh_peer(now) {
        // Neither holds the address: the better one goes first, the other lets it.
        Some(peer) if !peer.standing.master && outranked_at_rest(rules, seen, peer, now) => Claim {
            at: at + interval,
            reason,
        },
        _ => Claim { at, reason },
    }
}

/// The link fell silent together with the advertisements: two missed ones are enough. It counts
/// only if the link was alive within an interval before the last sign of the master, and if that
/// was the peer.
fn link_is_silent_witness(rules: &Rules, seen: &Seen) -> bool {
    match (seen.link_heard_at, seen.master_sign_at) {
        _ if seen.is_third_master() => false,
        (Some(link), Some(sign)) => {
            link <= sign && sign.since(link) <= master_interval(rules, seen)
        }
        _ => false,
    }
}

/// The master is incomplete: its heartbeat says so, or it advertises exactly what its hello's
/// priority becomes when it is.
fn yields_to_complete(rules: &Rules, seen: &Seen, now: Instant) -> bool {
    if !seen.complete || !rules.has_peer {
        return false;
    }
    if let Some(peer) = seen.fresh_peer(now) {
        // Meeting an empty node completes a master, and it says so with its next heartbeat.
        let met = seen.hello_at.is_none_or(|at| now.since(at) >= MEETING);
        return met && peer.standing.master && !peer.standing.complete;
    }
    let Some(hello_priority) = seen.hello_priority else {
        return false;
    };
    let recent = seen
        .advertisement_at
        .is_some_and(|at| now.since(at) < rules.interval);
    let dropped = hello_priority.saturating_sub(INCOMPLETE_DROP).max(1);
    recent
        && !seen.advertised_by_third
        && seen.advertised_priority == dropped
        && dropped != hello_priority
}

/// Both are BACKUP: whether the peer is the one to go first.
fn outranked_at_rest(rules: &Rules, seen: &Seen, peer: &PeerSeen, now: Instant) -> bool {
    let ours = (
        counts_as_complete(rules, seen, now),
        effective_priority(rules, seen, now),
        rules.node_id,
    );
    let theirs = (
        peer.standing.complete,
        peer.standing.effective_priority,
        peer.node_id,
    );
    theirs > ours
}

/// What a master makes of an advertisement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rival {
    /// The link knows the better master: this node.
    Lesser,
    /// The link knows the better master: the other one.
    Better,
    /// The link, fresh, says that the peer is BACKUP, or has just said that it left: the
    /// advertisement is older than that, or is not the peer's. A peer that has just become master says so over the link at once.
    Contradicted,
    /// The link cannot tell: VRRP's own comparison decides.
    Unknown,
}

/// What a master makes of an advertisement that came from `source`.
///
/// The link speaks for the peer alone. A third router, whose address is not the one that the peer's
/// hello told, is obeyed as the RFC says: an operator who replaces hosts has put it there, and
/// nothing in VRRP could tell it from somebody who only claims to be one.
pub fn rival(
    rules: &Rules,
    seen: &Seen,
    now: Instant,
    master_since: Instant,
    source: IpAddr,
) -> Rival {
    if seen.is_third(source) {
        return Rival::Unknown;
    }
    match yields_as_master(rules, seen, now, master_since) {
        Some(true) => Rival::Better,
        Some(false) => Rival::Lesser,
        None if seen.peer_address.is_some() && seen.fresh_peer(now).is_some() => {
            Rival::Contradicted
        }
        None if seen.is_left_over(now, source) => Rival::Contradicted,
        None => Rival::Unknown,
    }
}

/// Two masters with a live link: whether this one yields. `None`: the link cannot tell, VRRP's
/// own comparison decides. The order is complete, effective priority, later mastership, node id.
pub fn yields_as_master(
    rules: &Rules,
    seen: &Seen,
    now: Instant,
    master_since: Instant,
) -> Option<bool> {
    let peer = seen.fresh_peer(now).filter(|peer| peer.standing.master)?;
    let ours = (
        counts_as_complete(rules, seen, now),
        effective_priority(rules, seen, now),
        std::cmp::Reverse(now.since(master_since).as_millis() as u64),
        rules.node_id,
    );
    let age = now.since(peer.heard_at).as_millis() as u64;
    let theirs = (
        peer.standing.complete,
        peer.standing.effective_priority,
        std::cmp::Reverse(peer.standing.master_for_ms + age),
        peer.node_id,
    );
    Some(ours.cmp(&theirs) == Ordering::Less)
}

/// A BACKUP hears of the master over the link alone: no advertisement has arrived for
/// Master_Down_Interval, although the peer has been master for so long. A firewall or a switch keeps
/// VRRP out; should the link break too, there will be two masters.
pub fn master_is_unheard(rules: &Rules, seen: &Seen, now: Instant) -> bool {
    let Some(peer) = seen.fresh_peer(now).filter(|peer| peer.standing.master) else {
        return false;
    };
    let long = master_down_interval(rules.version, rules.priority, master_interval(rules, seen));
    let told = Duration::from_millis(peer.standing.master_for_ms) + now.since(peer.heard_at);
    let since = seen.advertisement_at.unwrap_or(seen.started_at);
    told > long && now.since(since.max(seen.backup_since)) > long
}

/// Whether the node may answer clients: a half-filled one must not say "no such session".
pub fn may_serve(rules: &Rules, seen: &Seen, now: Instant, master: bool) -> bool {
    let sign = seen.peer_sign_at.unwrap_or(seen.started_at);
    let alone = now >= sign.max(seen.started_at) + rules.join_hold;
    counts_as_complete(rules, seen, now) || master || alone
}
