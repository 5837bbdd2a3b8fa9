//! A status as people read it: first what is wrong, then one block per part.
//!
//! It is made for someone who was woken up, so the first line alone tells whether to go on
//! reading, and what stands behind `!` says what it means for clients.

use super::report::{ReplicationReport, Report, VrrpReport};
use std::fmt::Write;
use std::net::SocketAddr;

/// Difference of the clocks from which the server warns too, in milliseconds.
const SKEW_MAX_MS: u64 = 60_000;
/// A third node asks at least every second for as long as it runs.
const THIRD_NODE_TOLD_MS: u64 = 10_000;

/// The whole text, lines of at most about 100 characters, with a line break at the end.
pub(super) fn of(report: &Report, admin: SocketAddr) -> String {
    let mut text = verdict(report);
    let _ = write!(text, "\ntwincached {} at {admin}", report.version());
    if let Some(seconds) = report.uptime_s() {
        let _ = write!(text, ", up {}", time(seconds.saturating_mul(1000)));
    }
    text.push('\n');
    match report.vrrp() {
        Some(vrrp) => block(&mut text, "address", &address(vrrp)),
        None => block(&mut text, "address", &["no virtual address".to_owned()]),
    }
    match report.replication() {
        Some(link) => block(&mut text, "replication", &replication(link)),
        None => block(&mut text, "replication", &["no peer".to_owned()]),
    }
    block(&mut text, "store", &[store(report)]);
    block(&mut text, "clients", &[clients(report)]);
    text
}

/// The first line when all is well, or one line for each thing that is not.
fn verdict(report: &Report) -> String {
    let troubles = troubles(report);
    if !troubles.is_empty() {
        return troubles.iter().map(|line| format!("! {line}\n")).collect();
    }
    let role = report
        .vrrp()
        .map_or(String::new(), |vrrp| format!(", {}", vrrp.state()));
    let pair = match report.replication() {
        Some(_) => ", both hosts have everything",
        None => "",
    };
    format!("OK: serves clients{role}{pair}\n")
}

fn troubles(report: &Report) -> Vec<String> {
    let mut found = Vec::new();
    if !report.serving() {
        found.push("does not serve clients yet".to_owned());
    }
    if !report.complete() {
        found.push(
            "not complete: since its start it has not had everything of its peer, \
             so it does not take the address from a complete one"
                .to_owned(),
        );
    }
    if let Some((count, limit)) = report.clients().filter(|(count, limit)| count >= limit) {
        found.push(format!(
            "{count} of {limit} connections are in use: other clients are turned away or wait; \
             -c allows more"
        ));
    }
    if let Some(vrrp) = report.vrrp() {
        if let Some(interface) = vrrp.interface_down() {
            found.push(format!("the interface {interface} is down"));
        }
        if let Some(host) = vrrp.other_speaker() {
            found.push(format!(
                "something else than twincached speaks VRRP on {host}: does keepalived still run \
                 there? the virtual address may be on both hosts"
            ));
        }
        found.extend(address_trouble(vrrp));
        found.extend(vrrp_trouble(vrrp));
    }
    if let Some(link) = report.replication() {
        found.extend(link_troubles(link));
        let differences = link.differences();
        found.extend(differences.map(|text| format!("configured differently: {text}")));
    }
    found
}

fn address_trouble(vrrp: VrrpReport<'_>) -> Option<String> {
    match (vrrp.state(), vrrp.holds_address()) {
        ("MASTER", false) => Some("MASTER, but the virtual address is not here".to_owned()),
        ("BACKUP", _) if vrrp.knows_no_master() => Some(
            "BACKUP, and no master was heard lately: as far as this host knows, \
             nobody holds the virtual address"
                .to_owned(),
        ),
        ("MASTER" | "BACKUP", _) => None,
        (state, _) => Some(format!("{state}: takes no part in failover")),
    }
}

/// What keeps advertisements out does no harm while the link lives.
fn vrrp_trouble(vrrp: VrrpReport<'_>) -> Option<String> {
    // Another virtual router on the network is none of ours.
    let rejects = vrrp.rejected().any(|(why, _)| why != "virtual_router_id");
    let (what, remedy) = match (vrrp.master_unheard(), vrrp.unheard_by_peer()) {
        (false, false) => return None,
        (true, _) if rejects => (
            "the advertisements of the MASTER are rejected here",
            "make alike on both hosts what the reason below names",
        ),
        (true, _) => (
            "the advertisements of the MASTER do not arrive here",
            "let IP protocol 112 through the firewall, or set unicast_peer",
        ),
        (false, true) => (
            "the other host hears no advertisements of this MASTER",
            "ask it for the reason with twincached status",
        ),
    };
    Some(format!(
        "{what}: should the link break too, both will be MASTER; {remedy}"
    ))
}

fn link_troubles(link: ReplicationReport<'_>) -> Vec<String> {
    let mut found = Vec::new();
    if !link.connected() {
        let mut line = "no link to the peer: what is written now is on this host alone".to_owned();
        if let Some((what, ago)) = link.last_refusal() {
            let _ = write!(line, "; {} ago: {what}", time(ago));
        }
        found.push(line);
    } else if link.degraded() {
        found.push(
            "degraded: replies do not wait for the peer, which was too slow; \
             the last changes would be lost with this host"
                .to_owned(),
        );
    } else if !link.peer_has_all() {
        found.push("the peer is catching up: it does not have all of ours yet".to_owned());
    } else if !link.has_all_of_peer() {
        found.push("catching up: we do not have all of the peer's yet".to_owned());
    }
    if let Some(ago) = link.third_node_ms().filter(|ms| *ms < THIRD_NODE_TOLD_MS) {
        found.push(format!(
            "a third node wanted to be the peer {} ago: two hosts make a pair, stop it (the log \
             names it)",
            time(ago)
        ));
    }
    if let Some(skew) = link.skew_ms().filter(|ms| ms.unsigned_abs() > SKEW_MAX_MS) {
        let apart = time(skew.unsigned_abs());
        found.push(format!("the clocks of the two hosts are {apart} apart"));
    }
    found
}

fn address(vrrp: VrrpReport<'_>) -> Vec<String> {
    let mut state = vrrp.state().to_owned();
    if let Some(since) = vrrp.since_ms() {
        let _ = write!(state, " for {}", time(since));
    }
    if !vrrp.reason().is_empty() {
        let _ = write!(state, " ({})", vrrp.reason());
    }
    let place = if vrrp.holds_address() {
        "here"
    } else {
        "not here"
    };
    let mut holding = format!("{} {place}", vrrp.addresses());
    if let Some(lease) = vrrp.lease_remaining_ms().filter(|_| vrrp.holds_address()) {
        let _ = write!(holding, ", lease ends in {} unless renewed", time(lease));
    }
    // What a master heard is history.
    if let Some(master) = vrrp.master_seen().filter(|_| vrrp.state() != "MASTER") {
        let _ = write!(holding, ", master heard: {master}");
        if let Some(priority) = vrrp.master_priority() {
            let _ = write!(holding, " with priority {priority}");
        }
    }
    if let Some(priority) = vrrp.effective_priority() {
        let _ = write!(holding, ", own priority {priority}");
    }
    let mut lines = vec![state, holding];
    if let Some((sent, received)) = vrrp.advertisements() {
        let mut line = format!("advertisements: {sent} sent, {received} received");
        for (reason, count) in vrrp.rejected() {
            let _ = write!(line, ", {count} rejected for {reason}");
        }
        lines.push(line);
    }
    lines
}

fn replication(link: ReplicationReport<'_>) -> Vec<String> {
    let replies = match (link.waits_now(), link.degraded()) {
        (true, _) => "replies wait for the peer",
        (false, true) => "replies should wait for the peer but do not",
        (false, false) => "replies do not wait for the peer",
    };
    let state = format!("{}, {replies}", link.progress());
    let yes = |is: bool| if is { "yes" } else { "no" };
    let whole = format!(
        "peer has all of ours: {}, we have all of the peer's: {}",
        yes(link.peer_has_all()),
        yes(link.has_all_of_peer())
    );
    let mut counted = Vec::new();
    counted.extend(link.lag_items().map(|lag| format!("{lag} changes behind")));
    counted.extend(
        link.bytes()
            .map(|(sent, received)| format!("{} sent, {} received", size(sent), size(received))),
    );
    counted.extend(
        link.connections()
            .map(|count| format!("{count} connections")),
    );
    counted.extend(
        link.skew_ms()
            .map(|skew| format!("clocks {} apart", time(skew.unsigned_abs()))),
    );
    vec![state, whole, counted.join(", ")]
}

fn store(report: &Report) -> String {
    let mut parts = Vec::new();
    parts.extend(report.items().map(|items| format!("{items} items")));
    parts.extend(report.memory().map(|(used, limit)| {
        let share = used.saturating_mul(100) / limit.max(1);
        format!("{} of {} ({share} %)", size(used), size(limit))
    }));
    parts.extend(
        report
            .tombstones()
            .map(|count| format!("{count} tombstones")),
    );
    parts.join(", ")
}

fn clients(report: &Report) -> String {
    let Some((count, limit)) = report.clients() else {
        return String::new();
    };
    let mut line = format!("{count} of {limit} connections");
    if report.turned_away() > 0 {
        let _ = write!(
            line,
            ", {} turned away since the start",
            report.turned_away()
        );
    }
    line
}

/// A block with its title in front of the first line. Empty lines are left out.
fn block(text: &mut String, title: &str, lines: &[String]) {
    let mut title = title;
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let _ = writeln!(text, "{title:<13}{line}");
        title = "";
    }
}

/// A time in the two units that matter: `12.3 s`, `2 h 13 min`.
pub(in crate::server) fn time(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1000, ms / 60_000, ms / 3_600_000);
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

/// A number of bytes with one decimal of the largest fitting unit.
fn size(bytes: u64) -> String {
    const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    for (unit, shift) in UNITS {
        if bytes >> shift > 0 {
            let tenths = (bytes >> (shift - 10)).saturating_mul(10) >> 10;
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests;
