//! `/metrics` in the Prometheus text format, version 0.0.4.
//!
//! Names follow the conventions of Prometheus: base units (`_seconds`, `_bytes`), `_total` behind
//! what only counts up, and 0 or 1 for what is or is not so. A name, once released, keeps its
//! meaning: alerts are built on it.

mod page;

use std::sync::atomic::AtomicU64;

use self::page::Page;
use super::shared::Shared;
use crate::connection::Facts;
use crate::node::{CatchUpStatus, ReplicationStatus, Status, VrrpStatus};
use crate::store::Counters;

/// The whole page.
pub(super) fn text(shared: &Shared) -> String {
    let mut page = Page::default();
    let status = shared.status.lock().clone();
    if let Some(status) = &status {
        node(&mut page, status);
        if let Some(vrrp) = &status.vrrp {
            router(&mut page, vrrp);
        }
        if let Some(link) = &status.replication {
            replication(&mut page, link);
        }
    }
    items(&mut page, &shared.store.statistics().counters);
    clients(&mut page, &shared.facts);
    page.text()
}

fn node(page: &mut Page, status: &Status) {
    let (node, store) = (&status.node, &status.store);
    page.build_info(status.version);
    page.flag(
        "complete",
        "It has had everything of its peer since its start.",
        node.complete,
    );
    page.flag("serving", "Clients are answered.", node.serving);
    page.gauge(
        "uptime_seconds",
        "Time since the start.",
        node.uptime_s as f64,
    );
    page.gauge("items", "Live items.", store.items as f64);
    page.gauge(
        "memory_bytes",
        "Memory in use for items.",
        store.bytes as f64,
    );
    page.gauge(
        "memory_limit_bytes",
        "Memory that items may use (-m).",
        store.limit as f64,
    );
    let help = "Removals kept until the peer knows of them.";
    page.gauge("tombstones", help, store.tombstones as f64);
}

fn router(page: &mut Page, vrrp: &VrrpStatus) {
    page.flag(
        "vrrp_master",
        "This host is MASTER.",
        vrrp.state == "MASTER",
    );
    let help = "A master was heard within Master_Down_Interval, or this host is it.";
    page.flag("vrrp_master_known", help, vrrp.master_known);
    page.flag(
        "vrrp_interface_up",
        "The interface has a carrier.",
        vrrp.interface_up,
    );
    let help = "The virtual addresses are here, and the lease has not run out.";
    page.flag("vrrp_holds_address", help, vrrp.holds_address);
    let help = "The peer is MASTER by the link, and none of its advertisements arrive here.";
    page.flag("vrrp_master_unheard", help, vrrp.master_unheard);
    let help = "This host is MASTER, and the peer hears none of its advertisements.";
    page.flag("vrrp_unheard_by_peer", help, vrrp.unheard_by_peer);
    let help = "Time since the VRRP state changed.";
    page.seconds("vrrp_state_age_seconds", help, vrrp.since_ms);
    page.gauge(
        "vrrp_priority",
        "The configured priority.",
        vrrp.priority.into(),
    );
    let help = "The priority that is advertised, or would be.";
    page.gauge(
        "vrrp_effective_priority",
        help,
        vrrp.effective_priority.into(),
    );
    if let Some(left) = vrrp.lease_remaining_ms {
        page.seconds(
            "vrrp_lease_remaining_seconds",
            "What is left of the lease.",
            left,
        );
    }
    if let Some(priority) = vrrp.master_priority {
        let help = "The priority last heard of another master.";
        page.gauge("vrrp_master_priority", help, priority.into());
    }
    let help = "Advertisements sent.";
    page.counter(
        "vrrp_advertisements_sent_total",
        help,
        vrrp.advertisements_sent,
    );
    let help = "Advertisements accepted.";
    page.counter("vrrp_advertisements_received_total", help, vrrp.received);
    let rejected = vrrp
        .rejected
        .iter()
        .map(|(reason, count)| (*reason, *count));
    page.counter_by(
        "vrrp_advertisements_rejected_total",
        "Advertisements rejected.",
        "reason",
        rejected,
    );
}

fn replication(page: &mut Page, link: &ReplicationStatus) {
    let connected = link.state == "connected";
    page.flag(
        "replication_connected",
        "The link to the peer stands.",
        connected,
    );
    page.flag(
        "replication_in_sync",
        "The peer has everything of ours.",
        link.in_sync,
    );
    page.flag(
        "replication_have_all",
        "We have everything of the peer.",
        link.have_all,
    );
    let help = "Replies wait for the peer now.";
    page.flag("replication_waiting_for_peer", help, link.waiting_for_peer);
    let help = "Replies do not wait although they should.";
    page.flag("replication_degraded", help, link.degraded);
    let help = "Times the waiting for the peer was given up.";
    page.counter("replication_degradations_total", help, link.degradations);
    let help = "Time in which replies did not wait although they should have.";
    page.seconds_total("replication_degraded_seconds_total", help, link.degraded_ms);
    let help = "Settings that differ on the two hosts.";
    page.gauge(
        "replication_differences",
        help,
        link.differences.len() as f64,
    );
    let help = "Changes that the peer has not acknowledged.";
    page.gauge("replication_lag_changes", help, link.lag_items as f64);
    let help = "Bytes of keys and values among them.";
    page.gauge("replication_lag_bytes", help, link.lag_bytes as f64);
    let help = "How long the oldest change on its way has waited.";
    page.seconds("replication_lag_seconds", help, link.lag_ms);
    let help = "Number of our last change.";
    page.gauge("replication_position", help, link.position as f64);
    let help = "Up to where the peer has acknowledged our changes.";
    page.gauge(
        "replication_position_acknowledged",
        help,
        link.position_acknowledged as f64,
    );
    let help = "Up to where we have applied the peer's changes.";
    page.gauge(
        "replication_position_applied",
        help,
        link.position_applied as f64,
    );
    let help = "Bytes sent over the link.";
    page.counter("replication_sent_bytes_total", help, link.bytes_sent);
    let help = "Bytes received over the link.";
    page.counter(
        "replication_received_bytes_total",
        help,
        link.bytes_received,
    );
    let help = "Changes sent.";
    page.counter("replication_changes_sent_total", help, link.records_sent);
    let help = "Changes received.";
    page.counter(
        "replication_changes_received_total",
        help,
        link.records_received,
    );
    let help = "Connections to the peer.";
    page.counter("replication_connections_total", help, link.connections);
    let help = "The peer's clock minus ours.";
    page.gauge(
        "replication_clock_skew_seconds",
        help,
        link.skew_ms as f64 / 1000.0,
    );
    let help = "Unacknowledged changes of ours that a newer one of the peer overwrote.";
    page.counter("replication_conflicts_total", help, link.conflicts);
    let help = "Changes of the peer that were older than what was here.";
    page.counter("replication_outdated_total", help, link.outdated);
    let help = "Changes of the peer that were not stored here.";
    page.counter("replication_refused_total", help, link.refused);
    let help = "Changes of ours that the peer could not store.";
    page.counter(
        "replication_refused_by_peer_total",
        help,
        link.refused_by_peer,
    );
    if let Some(heard) = link.heard_ms {
        let help = "Time since the peer was last heard.";
        page.seconds("replication_peer_silence_seconds", help, heard);
    }
    if let Some(catch_up) = &link.catch_up {
        catching_up(page, catch_up);
    }
}

fn catching_up(page: &mut Page, catch_up: &CatchUpStatus) {
    let help = "How far the peer's running catch-up is, from 0 to 1.";
    page.gauge(
        "replication_catch_up_ratio",
        help,
        catch_up.percent as f64 / 100.0,
    );
    let help = "Changes of the running catch-up that the peer has.";
    page.gauge(
        "replication_catch_up_changes_done",
        help,
        catch_up.changes_done as f64,
    );
    let help = "Changes that the peer lacked when its catch-up began.";
    page.gauge(
        "replication_catch_up_changes",
        help,
        catch_up.changes_total as f64,
    );
    let help = "Bytes sent in the running catch-up.";
    page.gauge(
        "replication_catch_up_sent_bytes",
        help,
        catch_up.bytes as f64,
    );
}

fn items(page: &mut Page, counters: &Counters) {
    page.counter(
        "get_hits_total",
        "Keys found by get commands.",
        counters.get_hits,
    );
    page.counter(
        "get_misses_total",
        "Keys not found by get commands.",
        counters.get_misses,
    );
    page.counter("stores_total", "Commands that store.", counters.cmd_set);
    page.counter("touches_total", "Commands that touch.", counters.cmd_touch);
    page.counter(
        "evictions_total",
        "Items evicted for want of memory.",
        counters.evictions,
    );
    page.counter(
        "expired_total",
        "Expired items whose memory was reclaimed.",
        counters.reclaimed,
    );
}

fn clients(page: &mut Page, facts: &Facts) {
    let mut count = |name, help, counter: &AtomicU64| page.counter(name, help, Facts::of(counter));
    let help = "Client connections accepted.";
    count("connections_accepted_total", help, &facts.total_connections);
    let help = "Client connections turned away because all were in use.";
    count(
        "connections_rejected_total",
        help,
        &facts.rejected_connections,
    );
    let help = "Times that accepting was put off for want of connections or open files.";
    count("accepting_paused_total", help, &facts.listen_disabled_num);
    count(
        "read_bytes_total",
        "Bytes read from clients.",
        &facts.bytes_read,
    );
    count(
        "written_bytes_total",
        "Bytes written to clients.",
        &facts.bytes_written,
    );
    let now = Facts::of(&facts.curr_connections);
    page.gauge("connections", "Client connections now.", now as f64);
    let most = facts.settings.connections_max as f64;
    page.gauge(
        "connections_max",
        "Client connections that are accepted at a time (-c).",
        most,
    );
}
