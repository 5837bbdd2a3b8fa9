//! Bounds of time and memory on each host by itself.

use twincached::command::Hold;

use super::super::host::{ACKNOWLEDGE_TIMEOUT_MS, Host};
use super::super::world::{MS, SECOND, World};

/// A reply waits for the peer at most this long: the timeout, and a heartbeat interval, at which the
/// peer's progress is looked at.
const WAIT_MAX: u64 = (ACKNOWLEDGE_TIMEOUT_MS + 120) * MS;
/// A client has all answers to what it sent in one go within this: the requests behind a full output
/// are executed when the first answers have left, and wait once more.
const ANSWER_MAX: u64 = 2 * WAIT_MAX;
/// Workers that say nothing lose the address: the last renewal comes within a second of silence, the
/// lease lasts two, and the kernel takes up to 0.3 s longer.
const HUNG_MAX: u64 = SECOND + 2 * SECOND + 400 * MS;

impl World {
    /// A hung cache, and a stopped process, lose the address within silence and lease.
    pub(super) fn check_hung(&mut self) {
        let held = |host: &Host| {
            let process = host.process.as_ref();
            let hung = process.and_then(|process| process.hung_since);
            let since = hung.max(host.frozen_since.filter(|_| host.frozen));
            since.is_some_and(|since| host.has_address(self.now) && self.now > since + HUNG_MAX)
        };
        if self.hosts.iter().any(held) {
            self.checks
                .report("a host that hangs keeps the address".to_owned());
        }
    }

    pub(super) fn check_waits(&mut self) {
        let late = |host: &Host| {
            let since = host
                .process
                .iter()
                .flat_map(|process| process.connections.values());
            let mut since = since.filter_map(|connection| connection.holding_since);
            host.is_running()
                && since.any(|since| self.now > since.max(host.awake_since) + WAIT_MAX)
        };
        if self.hosts.iter().any(late) {
            self.checks.report(
                "an answer waits longer for the peer than the acknowledge timeout".to_owned(),
            );
        }
    }

    /// Nobody who can reach a process that runs waits for an answer that does not come.
    pub(super) fn check_clients(&mut self) {
        for index in 0..self.clients.len() {
            if self.clients[index].asked() == 0 {
                continue;
            }
            let host = self.host_of_client(index);
            let process = host.and_then(|host| self.hosts[host].process.as_ref());
            if process.is_none_or(|process| process.hold != Hold::Nothing) {
                // A reset is on its way, or it is waited for the peer to have everything.
                self.clients[index].asked_at = self.now;
            }
            let awake_since = host.map_or(self.now, |host| self.hosts[host].awake_since);
            if self.now > self.clients[index].asked_at.max(awake_since) + ANSWER_MAX {
                self.checks.report(format!(
                    "client {index} waits for an answer that does not come"
                ));
            }
        }
    }

    pub(super) fn check_memory(&mut self) {
        for host in 0..2 {
            let bytes = self.hosts[host]
                .process
                .as_ref()
                .map_or(0, |process| process.store.statistics().bytes);
            let limit = self.options.memory[host] as u64;
            if bytes > limit + limit / 8 {
                self.checks
                    .report(format!("host {host} uses {bytes} of {limit} bytes"));
            }
        }
    }
}
