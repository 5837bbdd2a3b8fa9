//! What systemd, or whoever speaks its protocol, is told: `sd_notify(3)`.
//!
//! Ready is the node that runs: ports are bound, and the link and VRRP are at work. It is not one
//! that is in sync or serves already, since a pair is started one host at a time and the peer may
//! be the one that is down. Without `NOTIFY_SOCKET` all of this does nothing.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::warn;

use super::shared::Shared;
use crate::node::Status;

/// The state is looked at this often.
const INTERVAL: Duration = Duration::from_millis(100);

/// The node runs.
pub(super) fn ready() {
    tell(NotifyState::Ready);
}

/// The node leaves.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

/// Tells the state at each change, and as long as no thread hangs that the process lives.
pub(super) async fn report(shared: Arc<Shared>) {
    // Four times per period, so that one sign may be missed.
    let watchdog = sd_notify::watchdog_enabled().map(|period| period / 4);
    let mut interval = tokio::time::interval(watchdog.map_or(INTERVAL, |wait| wait.min(INTERVAL)));
    let mut told = String::new();
    let mut fed_at = None;
    loop {
        interval.tick().await;
        let now = shared.clock.now();
        let line = shared.status.lock().as_ref().map(line);
        if let Some(line) = line.filter(|line| *line != told) {
            tell(NotifyState::Status(&line));
            told = line;
        }
        let is_due = |at| now.since(at) >= watchdog.unwrap_or(Duration::MAX);
        if watchdog.is_some() && fed_at.is_none_or(is_due) && shared.hanging(now).is_none() {
            tell(NotifyState::Watchdog);
            fed_at = Some(now);
        }
    }
}

/// The state in one line: `MASTER (no sign of a peer), peer in sync`.
fn line(status: &Status) -> String {
    let mut line = match &status.vrrp {
        Some(vrrp) => format!("{} ({})", vrrp.state, vrrp.reason),
        None if status.node.serving => "serving".to_owned(),
        None => "waiting for the peer".to_owned(),
    };
    if let Some(replication) = &status.replication {
        line.push_str(", peer ");
        line.push_str(replication.progress);
    }
    line
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!("the service manager cannot be told: {error}");
    }
}
