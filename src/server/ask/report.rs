//! The answer to `GET /status` as the client side reads it.
//!
//! Every field is optional here: a server of another version may name more or fewer, and during an
//! upgrade the two hosts of a pair differ. Field names stand in this file and nowhere else on this
//! side.

use serde_json::Value;

/// One answer to `GET /status`.
#[derive(Clone, Debug)]
pub(in crate::server) struct Report(Value);

impl Report {
    /// Reads a body; `None` if it is not a status.
    pub(in crate::server) fn read(body: &str) -> Option<Report> {
        let value: Value = serde_json::from_str(body).ok()?;
        value.get("node")?.as_object()?;
        Some(Report(value))
    }

    /// The server's version, `?` if it does not say.
    pub(in crate::server) fn version(&self) -> &str {
        self.text("/version").unwrap_or("?")
    }

    /// Whether the node has had everything of its peer since it started.
    pub(in crate::server) fn complete(&self) -> bool {
        self.flag("/node/complete")
    }

    /// Whether the client ports are open.
    pub(in crate::server) fn serving(&self) -> bool {
        self.flag("/node/serving")
    }

    /// Seconds since the start.
    pub(in crate::server) fn uptime_s(&self) -> Option<u64> {
        self.number("/node/uptime_s")
    }

    /// The virtual router, if the node has one.
    pub(in crate::server) fn vrrp(&self) -> Option<VrrpReport<'_>> {
        let section = self.0.get("vrrp")?;
        section.is_object().then_some(VrrpReport(section))
    }

    /// The replication link, if the node has one.
    pub(in crate::server) fn replication(&self) -> Option<ReplicationReport<'_>> {
        let section = self.0.get("replication")?;
        section.is_object().then_some(ReplicationReport(section))
    }

    /// Live items.
    pub(in crate::server) fn items(&self) -> Option<u64> {
        self.number("/store/items")
    }

    /// Bytes of memory in use and the limit.
    pub(in crate::server) fn memory(&self) -> Option<(u64, u64)> {
        Some((self.number("/store/bytes")?, self.number("/store/limit")?))
    }

    /// Client connections now, and how many there may be.
    pub(in crate::server) fn clients(&self) -> Option<(u64, u64)> {
        let limit = self.number("/clients/connections_max")?;
        Some((self.number("/clients/connections")?, limit))
    }

    /// Clients that were turned away since the start.
    pub(in crate::server) fn turned_away(&self) -> u64 {
        self.number("/clients/rejected").unwrap_or(0)
    }

    /// Removals that the peer has not acknowledged.
    pub(in crate::server) fn tombstones(&self) -> Option<u64> {
        self.number("/store/tombstones")
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer)?.as_str()
    }

    fn flag(&self, pointer: &str) -> bool {
        self.0.pointer(pointer).and_then(Value::as_bool) == Some(true)
    }

    fn number(&self, pointer: &str) -> Option<u64> {
        self.0.pointer(pointer)?.as_u64()
    }
}

/// The section `vrrp`.
#[derive(Clone, Copy)]
pub(in crate::server) struct VrrpReport<'a>(&'a Value);

impl<'a> VrrpReport<'a> {
    /// `MASTER`, `BACKUP` or `INITIALIZE`.
    pub(in crate::server) fn state(self) -> &'a str {
        self.text("state").unwrap_or("?")
    }

    /// Why it is in that state.
    pub(in crate::server) fn reason(self) -> &'a str {
        self.text("reason").unwrap_or("")
    }

    /// How long it has been, in milliseconds.
    pub(in crate::server) fn since_ms(self) -> Option<u64> {
        self.number("since_ms")
    }

    /// The interface, if it is down.
    pub(in crate::server) fn interface_down(self) -> Option<&'a str> {
        let is_down = self.0.get("interface_up").and_then(Value::as_bool) == Some(false);
        is_down.then(|| self.text("interface").unwrap_or("?"))
    }

    /// The peer's address, if something else than twincached advertises there too.
    pub(in crate::server) fn other_speaker(self) -> Option<&'a str> {
        self.text("other_speaker")
    }

    /// Whether it says that nobody holds the virtual addresses, as far as it knows.
    pub(in crate::server) fn knows_no_master(self) -> bool {
        self.0.get("master_known").and_then(Value::as_bool) == Some(false)
    }

    /// The priority that it advertises now.
    pub(in crate::server) fn effective_priority(self) -> Option<u64> {
        self.number("effective_priority")
    }

    /// Whether the virtual addresses stand on the interface.
    pub(in crate::server) fn holds_address(self) -> bool {
        self.is("holds_address")
    }

    /// The virtual addresses, with commas.
    pub(in crate::server) fn addresses(self) -> String {
        let list = self.0.get("virtual_addresses").and_then(Value::as_array);
        let texts: Vec<&str> = list
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        texts.join(", ")
    }

    /// The last other master that advertised, if one was heard.
    pub(in crate::server) fn master_seen(self) -> Option<&'a str> {
        self.text("master_seen").filter(|text| !text.is_empty())
    }

    /// The priority that it advertised.
    pub(in crate::server) fn master_priority(self) -> Option<u64> {
        self.number("master_priority")
    }

    /// Time until the address would go by itself, in milliseconds.
    pub(in crate::server) fn lease_remaining_ms(self) -> Option<u64> {
        self.number("lease_remaining_ms")
    }

    /// Advertisements sent and received.
    pub(in crate::server) fn advertisements(self) -> Option<(u64, u64)> {
        Some((
            self.number("advertisements_sent")?,
            self.number("received")?,
        ))
    }

    /// The peer is master, and its advertisements do not arrive here.
    pub(in crate::server) fn master_unheard(self) -> bool {
        self.is("master_unheard")
    }

    /// This node is master, and its advertisements do not arrive at the peer.
    pub(in crate::server) fn unheard_by_peer(self) -> bool {
        self.is("unheard_by_peer")
    }

    /// Advertisements refused, by reason, only those that happened.
    pub(in crate::server) fn rejected(self) -> impl Iterator<Item = (&'a str, u64)> {
        let reasons = self.0.get("rejected").and_then(Value::as_object);
        reasons
            .into_iter()
            .flatten()
            .filter_map(|(reason, count)| Some((reason.as_str(), count.as_u64()?)))
            .filter(|(_, count)| *count > 0)
    }

    fn text(self, key: &str) -> Option<&'a str> {
        self.0.get(key)?.as_str()
    }

    fn is(self, key: &str) -> bool {
        self.0.get(key).and_then(Value::as_bool) == Some(true)
    }

    fn number(self, key: &str) -> Option<u64> {
        self.0.get(key)?.as_u64()
    }
}

/// The section `replication`.
#[derive(Clone, Copy)]
pub(in crate::server) struct ReplicationReport<'a>(&'a Value);

impl<'a> ReplicationReport<'a> {
    /// Whether the link is up.
    pub(in crate::server) fn connected(self) -> bool {
        self.text("state") == Some("connected")
    }

    /// The state of README's table of promises.
    pub(in crate::server) fn progress(self) -> &'a str {
        self.text("progress").unwrap_or("?")
    }

    /// Whether the peer has all of ours, also where it was too slow to wait for.
    pub(in crate::server) fn peer_has_all(self) -> bool {
        self.flag("peer_has_all") || self.flag("in_sync")
    }

    /// Whether we have all of the peer's.
    pub(in crate::server) fn has_all_of_peer(self) -> bool {
        self.flag("have_all")
    }

    /// Whether replies wait for the peer now.
    pub(in crate::server) fn waits_now(self) -> bool {
        self.flag("waiting_for_peer")
    }

    /// What has last kept the hosts apart, and how many milliseconds ago.
    pub(in crate::server) fn last_refusal(self) -> Option<(&'a str, u64)> {
        let ago = self.0.get("last_refusal_ms")?.as_u64()?;
        Some((self.text("last_refusal")?, ago))
    }

    /// How many milliseconds ago a third node wanted to be the peer.
    pub(in crate::server) fn third_node_ms(self) -> Option<u64> {
        self.0.get("third_node_ms")?.as_u64()
    }

    /// Whether replies are meant to wait for the peer but do not, because it was too slow.
    pub(in crate::server) fn degraded(self) -> bool {
        self.flag("degraded")
    }

    /// Changes that the peer has not acknowledged.
    pub(in crate::server) fn lag_items(self) -> Option<u64> {
        self.0.get("lag_items")?.as_u64()
    }

    /// Bytes sent and received over the link.
    pub(in crate::server) fn bytes(self) -> Option<(u64, u64)> {
        let number = |key| self.0.get(key)?.as_u64();
        Some((number("bytes_sent")?, number("bytes_received")?))
    }

    /// Connections to the peer since the start.
    pub(in crate::server) fn connections(self) -> Option<u64> {
        self.0.get("connections")?.as_u64()
    }

    /// What has to be the same on both hosts and is not, a sentence each.
    pub(in crate::server) fn differences(self) -> impl Iterator<Item = &'a str> {
        let list = self.0.get("differences").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The peer's clock minus ours, in milliseconds.
    pub(in crate::server) fn skew_ms(self) -> Option<i64> {
        self.0.get("skew_ms")?.as_i64()
    }

    fn text(self, key: &str) -> Option<&'a str> {
        self.0.get(key)?.as_str()
    }

    fn flag(self, key: &str) -> bool {
        self.0.get(key).and_then(Value::as_bool) == Some(true)
    }
}
