//! What arrives over the feeding session: changes, acknowledgements, heartbeats.

use std::time::Duration;

use tracing::{info, warn};
use vrrp::time::Instant;

use super::event::Event;
use super::frame::Frame;
use super::peer::Peer;
use super::sending::Change;
use super::session::Refusal;
use crate::store::Store;

/// A peer clock further away than this is reported (versions are merged all the same).
const SKEW_REPORTED_MS: u64 = 60_000;

impl Peer {
    /// A frame of the feeding session.
    pub(super) fn feed(
        &mut self,
        now: Instant,
        frame: Frame<'_>,
        store: &Store,
    ) -> Result<(), Refusal> {
        match frame {
            Frame::Changes(changes) => {
                let session = self.feeding_session().expect("a session feeds");
                let age = session.age.of(now, changes.sent_at_ns);
                self.receiving
                    .apply(now, store, &changes, age)
                    .ok_or_else(|| "a malformed change".to_owned())?;
                self.ask_for_wanted();
                Ok(())
            }
            Frame::Acknowledge {
                watermark,
                positions,
            } => self.take_acknowledgements(now, watermark, positions.iter(), store),
            Frame::Heartbeat(heartbeat) => {
                let session = self.feeding_session().expect("a session feeds");
                session.age.of(now, heartbeat.sent_at_ns);
                self.note_clock(now, heartbeat.clock_ms, store);
                self.figures.refused_by_peer = heartbeat.refused;
                self.conflicts_told.hear(heartbeat.conflicts);
                self.figures.unheard_by_peer = heartbeat.unheard;
                self.take_watermark(now, heartbeat.watermark, store);
                self.raise(Event::Heard(heartbeat.standing));
                Ok(())
            }
            Frame::InSync => {
                if !std::mem::replace(&mut self.receiving.has_all, true) {
                    info!("replication: this node has everything of the peer");
                }
                self.raise(Event::InSync);
                Ok(())
            }
            Frame::Want(key) => {
                store.send_whole(key);
                Ok(())
            }
            Frame::Hints(keys) => self.apply_hints(now, keys, store),
            Frame::Flush(watermark) => {
                self.take_watermark(now, watermark, store);
                self.owes_watermark = true;
                Ok(())
            }
            Frame::FlushLater(millis) => {
                store.flush_later_for_peer(now, now + Duration::from_millis(millis));
                Ok(())
            }
            Frame::Handover => {
                info!("replication: the peer leaves and has handed over");
                self.raise(Event::HandedOver);
                Ok(())
            }
            Frame::CompareBegin(forgotten) => {
                self.receiving.begin_comparison(store, forgotten);
                Ok(())
            }
            Frame::CompareEnd => {
                self.receiving.end_listing();
                Ok(())
            }
            Frame::Compared => {
                self.comparing = None;
                Ok(())
            }
            Frame::Greeting(_)
            | Frame::Proof(_)
            | Frame::Hello(_)
            | Frame::Goodbye(_)
            | Frame::Part { .. } => Err("a frame out of order".to_owned()),
        }
    }

    /// The peer told its watermark, so it knows all flushes up to there.
    fn take_watermark(&mut self, now: Instant, watermark: u64, store: &Store) {
        if watermark > store.watermark() {
            info!("replication: the peer was flushed");
            store.raise_watermark_of_peer(watermark);
        }
        store.acknowledge_watermark(watermark);
        self.sending.watermark_echoed(store);
        if let Some(change) = self.sending.advance(now, store, self.figures.bytes_sent) {
            self.announce(change, store);
        }
        self.raise(Event::Acknowledged);
    }

    fn take_acknowledgements(
        &mut self,
        now: Instant,
        watermark: u64,
        positions: impl Iterator<Item = (u32, u64)>,
        store: &Store,
    ) -> Result<(), Refusal> {
        store.acknowledge_watermark(watermark);
        self.sending.watermark_echoed(store);
        for (shard, position) in positions {
            let shard = shard as usize;
            if shard >= store.shards() {
                return Err(format!("an acknowledgement of shard {shard}"));
            }
            let from = store.acknowledged().position(shard);
            if !store.acknowledge(shard, position) {
                return Err(format!(
                    "an acknowledgement of change {position}, which was never sent"
                ));
            }
            let to = store.acknowledged().position(shard);
            self.sending.acknowledged(shard, (from, to), store);
        }
        if let Some(change) = self.sending.advance(now, store, self.figures.bytes_sent) {
            self.announce(change, store);
        }
        self.raise(Event::Acknowledged);
        Ok(())
    }

    /// Asks for touched values that are not here, once each; a new connection asks again.
    pub(super) fn ask_for_wanted(&mut self) {
        let wanted: Vec<Vec<u8>> = self.receiving.take_unasked();
        if let Some(session) = self.feeding_session() {
            wanted
                .iter()
                .for_each(|key| Frame::Want(key).encode(&mut session.output));
        }
    }

    fn apply_hints(&mut self, now: Instant, mut keys: &[u8], store: &Store) -> Result<(), Refusal> {
        while let Some((length, rest)) = keys.split_first() {
            let (key, rest) = rest
                .split_at_checked(*length as usize)
                .ok_or("a malformed hint".to_owned())?;
            store.apply_hint(now, key);
            keys = rest;
        }
        Ok(())
    }

    pub(super) fn note_clock(&mut self, now: Instant, clock_ms: u64, store: &Store) {
        let skew = (clock_ms as i64).saturating_sub(store.unix_ms(now) as i64);
        let reported = |skew: i64| skew.unsigned_abs() > SKEW_REPORTED_MS;
        if reported(skew) && !reported(self.figures.skew_ms) {
            warn!(
                "the peer's clock is {} s away; changes are merged, but set the clocks",
                skew / 1000
            );
        }
        self.figures.skew_ms = skew;
        store.raise_clock(now, clock_ms);
    }

    pub(super) fn announce(&mut self, change: Change, store: &Store) {
        let event = match change {
            Change::InSync => {
                if std::mem::take(&mut self.copying) {
                    self.recency_pass = Some(0);
                }
                if let Some(session) = self.feeding_session() {
                    Frame::InSync.encode(&mut session.output);
                }
                Event::PeerInSync
            }
            Change::Degraded => {
                warn!(
                    "replication degraded: {}; replies no longer wait, {} changes are on this \
                     host alone",
                    if self.feeding.is_some() {
                        "the peer does not acknowledge in time"
                    } else {
                        "the peer is disconnected"
                    },
                    store.changes_unacknowledged(),
                );
                Event::Degraded
            }
            Change::Restored => {
                info!("replication restored: replies wait for the peer again");
                Event::Restored
            }
        };
        self.events.push_back(event);
    }
}
