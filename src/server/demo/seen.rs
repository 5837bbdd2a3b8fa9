//! What a node says of itself, in the words of the demo.

use super::node::Node;
use crate::server::ask::http;
use crate::server::ask::report::Report;
use crate::server::ask::summary::time;
use std::time::Duration;

/// A node that is alive answers within a millisecond; a frozen one must not stop the display.
const PATIENCE: Duration = Duration::from_millis(400);

/// A process that does not answer and is younger than this is taken to be starting.
const YOUNG: Duration = Duration::from_secs(3);

/// The titles over [`Seen::row`].
pub(super) const TITLES: &str =
    "  host  pid      state   for           address         link           items";

/// One look at a node.
pub(super) enum Seen {
    /// Its process has ended.
    Ended,
    /// Its process is young and does not answer yet.
    Starting,
    /// The process is there and does not answer: it is frozen.
    Silent,
    /// It answers.
    Answers(Report),
}

impl Seen {
    /// Asks the node now.
    pub(super) fn look(node: &Node) -> Seen {
        if node.pid().is_none() {
            return Seen::Ended;
        }
        let answer = http::request(node.host.admin(), "GET", "/status", PATIENCE).ok();
        let report = answer.and_then(|answer| Report::read(&answer.body));
        match report {
            Some(report) => Seen::Answers(report),
            None if node.age() < YOUNG => Seen::Starting,
            None => Seen::Silent,
        }
    }

    /// Whether it is MASTER and has the virtual address.
    pub(super) fn is_master(&self) -> bool {
        let vrrp = match self {
            Seen::Answers(report) => report.vrrp(),
            Seen::Ended | Seen::Starting | Seen::Silent => None,
        };
        vrrp.is_some_and(|vrrp| vrrp.state() == "MASTER" && vrrp.holds_address())
    }

    /// Whether both nodes have everything, as this one sees it.
    pub(super) fn is_in_sync(&self) -> bool {
        let Seen::Answers(report) = self else {
            return false;
        };
        report.serving() && link(report) == IN_SYNC
    }

    /// The node in one sentence that changes only when something happened.
    pub(super) fn sentence(&self) -> String {
        let report = match self {
            Seen::Ended => return "is down".to_owned(),
            Seen::Starting => return "starts".to_owned(),
            Seen::Silent => return "does not answer".to_owned(),
            Seen::Answers(report) => report,
        };
        let link = link(report);
        let Some(vrrp) = report.vrrp() else {
            return link.to_owned();
        };
        let holds = match vrrp.holds_address() {
            true => ", has the address",
            false => "",
        };
        format!("{}{holds}, {link}", vrrp.state())
    }

    /// The node as a line of the table.
    pub(super) fn row(&self, node: &Node) -> String {
        let name = node.host.name;
        let pid = node.pid().map_or("-".to_owned(), |pid| pid.to_string());
        let (mut state, mut since, mut address, mut items) = ("", String::new(), "", String::new());
        let mut told = "";
        let shown;
        match self {
            Seen::Ended => state = "down",
            Seen::Starting => state = "starts",
            Seen::Silent => state = "silent",
            Seen::Answers(report) => {
                told = link(report);
                items = report.items().map_or(String::new(), |n| n.to_string());
                if let Some(vrrp) = report.vrrp() {
                    state = vrrp.state();
                    since = vrrp.since_ms().map_or(String::new(), time);
                    shown = vrrp.addresses();
                    address = if vrrp.holds_address() { &shown } else { "" };
                }
            }
        }
        let address = address.trim_end_matches("/32");
        format!(
            "  {name:<4}  {pid:<7}  {state:<6}  {since:<12}  {address:<14}  {told:<13}  {items}"
        )
    }
}

const IN_SYNC: &str = "in sync";

/// The replication link in a word or two.
fn link(report: &Report) -> &'static str {
    match report.replication() {
        None => "no peer",
        Some(link) if !link.connected() => "peer away",
        Some(link) if link.degraded() => "degraded",
        Some(link) if !link.peer_has_all() => "peer catches up",
        Some(link) if !link.has_all_of_peer() => "catches up",
        Some(_) => IN_SYNC,
    }
}
