//! What leaves: changes in frames, control frames before them, recency after them.

use tracing::{info, warn};
use vrrp::time::Instant;

use super::frame::{Frame, PART_BYTES, put_acknowledge};
use super::hello::Heartbeat;
use super::peer::{Comparison, Peer};
use super::record::ChangesWriter;
use super::session::SessionId;
use crate::store::Store;

/// One call of `poll_transmit` gives about this many bytes: a quarter of a millisecond's work, for
/// which a client on the same core may have to wait.
const TRANSMIT_BYTES: usize = 128 * 1024;
/// A `Changes` frame is closed above this; the last record may make it larger.
pub(super) const CHANGES_BYTES: usize = 64 * 1024;
/// List entries looked at under one lock.
const WALK_STEPS: usize = 512;
/// Bytes of recency hints in one heartbeat interval.
const HINTS_BYTES_MAX: usize = 64 * 1024;

impl Peer {
    /// Appends bytes for a session to `out`. True if there are more; call again once these are
    /// on their way.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        id: SessionId,
        store: &Store,
        out: &mut Vec<u8>,
    ) -> bool {
        let before = out.len();
        let Some(session) = self.session(id) else {
            return false;
        };
        out.append(&mut session.output);
        // A session that is being closed says its farewell and nothing more.
        let feeds = !session.closing && self.feeding == Some(id);
        let more = feeds && self.transmit_feed(now, store, out);
        self.figures.bytes_sent += (out.len() - before) as u64;
        more
    }

    /// Everything is acknowledged and nothing waits to be sent.
    pub fn is_drained(&self, store: &Store) -> bool {
        self.feeding.is_none() || self.pending.is_empty() && store.is_acknowledged()
    }

    /// Tells the peer that it has everything and is to take over.
    pub fn hand_over(&mut self) {
        if let Some(session) = self.feeding_session() {
            Frame::Handover.encode(&mut session.output);
        }
    }

    fn transmit_feed(&mut self, now: Instant, store: &Store, out: &mut Vec<u8>) -> bool {
        let watermark = self.transmit_control(now, store, out);
        self.transmit_acknowledgements(watermark, out);
        self.transmit_part(out);
        // Between two large frames is the only moment for them where large values never end.
        self.transmit_acknowledgements(watermark, out);
        store.take_dirty(|shard| {
            if !std::mem::replace(&mut self.pending_marks[shard], true) {
                self.pending.push_back(shard);
            }
        });
        let mut comparison_due = false;
        while out.len() < TRANSMIT_BYTES && self.leaving_is_empty() {
            let Some(shard) = self.pending.pop_front() else {
                break;
            };
            self.pending_marks[shard] = false;
            comparison_due |= self.transmit_changes(now, shard, store, out);
        }
        self.transmit_recency(store, out);
        self.transmit_comparison_end(store, out);
        self.compare_on(store, out);
        if comparison_due {
            // Replies wait for it, so it does not wait for the next heartbeat. Said last: what was
            // sent until here is listed again.
            self.begin_comparison_if_due(store);
        }
        !self.pending.is_empty()
            || !self.leaving_is_empty()
            || self.recency_pass.is_some()
            || self.receiving.is_dropping()
    }

    /// Returns the watermark that the peer has been told.
    fn transmit_control(&mut self, now: Instant, store: &Store, out: &mut Vec<u8>) -> u64 {
        let (standing, watermark) = (self.standing, store.watermark());
        let unheard = self.unheard;
        let flush_later = store.take_untold_flush();
        let mut flushed = false;
        let session = self.feeding_session().expect("a session feeds");
        if session.watermark_sent != watermark {
            session.watermark_sent = watermark;
            Frame::Flush(watermark).encode(out);
            flushed = true;
        }
        if let Some(due) = flush_later {
            Frame::FlushLater(due.since(now).as_millis() as u64).encode(out);
        }
        if std::mem::take(&mut session.heartbeat_due) {
            let clock_ms = store.unix_ms(now);
            let sent_at_ns = now.as_nanos();
            Frame::Heartbeat(Heartbeat {
                sent_at_ns,
                clock_ms,
                watermark,
                standing,
                refused: store.refused(),
                conflicts: store.conflicts(),
                unheard,
            })
            .encode(out);
        }
        if flushed {
            self.sending.flush_sent(now);
        }
        watermark
    }

    fn transmit_acknowledgements(&mut self, watermark: u64, out: &mut Vec<u8>) {
        // A frame that leaves in parts may hold an item that a removal, applied since, has made
        // obsolete. Acknowledged before the last part has left, the removal would be forgotten
        // where the item is about to arrive.
        let may_acknowledge = self.leaving_is_empty();
        if may_acknowledge && (self.receiving.owes_acknowledgement() || self.owes_watermark) {
            self.owes_watermark = false;
            put_acknowledge(out, watermark, self.receiving.take_acknowledgements());
        }
    }

    /// One `Changes` frame; a large one is cut into parts that leave one at a time. True if the
    /// shard's position stays where it is until the peer has compared.
    fn transmit_changes(
        &mut self,
        now: Instant,
        shard: usize,
        store: &Store,
        out: &mut Vec<u8>,
    ) -> bool {
        let start = out.len();
        let mut writer = ChangesWriter::begin(out, shard, now.as_nanos());
        let walk = store.walk(now, shard, WALK_STEPS, |record| {
            writer.push(out, &record);
            writer.len(out) < CHANGES_BYTES
        });
        self.figures.records_sent += writer.records as u64;
        writer.end(out, walk.position);
        self.sending.sent(now, shard, walk.position, store);
        if walk.more && !std::mem::replace(&mut self.pending_marks[shard], true) {
            self.pending.push_back(shard);
        }
        if out.len() - start > PART_BYTES {
            let frame = out.split_off(start);
            self.feeding_session().expect("a session feeds").leaving = (frame, 0);
            self.transmit_part(out);
        }
        walk.comparison_due
    }

    fn transmit_part(&mut self, out: &mut Vec<u8>) {
        let session = self.feeding_session().expect("a session feeds");
        let (frame, at) = &mut session.leaving;
        if frame.is_empty() {
            return;
        }
        let end = (*at + PART_BYTES).min(frame.len());
        let last = end == frame.len();
        Frame::Part {
            last,
            bytes: &frame[*at..end],
        }
        .encode(out);
        *at = end;
        if last {
            session.leaving = (Vec::new(), 0);
        }
    }

    fn leaving_is_empty(&mut self) -> bool {
        self.feeding_session()
            .is_none_or(|session| session.leaving.0.is_empty())
    }

    /// After the copy to a new boot of the peer: our LRU order, when nothing more important waits.
    fn transmit_recency(&mut self, store: &Store, out: &mut Vec<u8>) {
        let Some(step) = self.recency_pass.filter(|_| self.pending.is_empty()) else {
            return;
        };
        self.recency_pass = (step + 1 < store.recency_steps()).then_some(step + 1);
        let keys = store.keys_by_recency(step);
        let mut rest = &keys[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(whole_keys(rest, HINTS_BYTES_MAX));
            Frame::Hints(piece).encode(out);
            rest = after;
        }
    }

    fn transmit_comparison_end(&mut self, store: &Store, out: &mut Vec<u8>) {
        let listed = self.comparing == Some(Comparison::Listing)
            && self.leaving_is_empty()
            && !store.is_listing();
        if listed {
            Frame::CompareEnd.encode(out);
            self.comparing = Some(Comparison::Ended);
        }
    }

    /// The peer has listed its keys: one step of dropping what it did not list.
    fn compare_on(&mut self, store: &Store, out: &mut Vec<u8>) {
        if let Some(dropped) = self.receiving.drop_some(store) {
            warn!("replication: compared with the peer, {dropped} keys it deleted are gone");
            Frame::Compared.encode(out);
        }
    }

    /// The peer missed tombstones that we could not keep: it has to compare.
    pub(super) fn begin_comparison_if_due(&mut self, store: &Store) {
        if self.comparing.is_some() || !store.comparison_due() {
            return;
        }
        let forgotten = store.begin_comparison();
        info!("replication: more was deleted than could be remembered, the peer compares");
        if let Some(session) = self.feeding_session() {
            Frame::CompareBegin(forgotten).encode(&mut session.output);
            self.comparing = Some(Comparison::Listing);
        }
    }

    /// Every 100 ms.
    pub(super) fn beat(&mut self, store: &Store) {
        if self.feeding.is_none() {
            return;
        }
        // Shards that hold nothing but the peer's own changes learn their position with the beat.
        store.mark_lagging();
        self.begin_comparison_if_due(store);
        let mut hints = Vec::new();
        self.hints_from = store.take_hints(self.hints_from, HINTS_BYTES_MAX, &mut hints);
        let session = self.feeding_session().expect("a session feeds");
        session.heartbeat_due = true;
        // A link that does not take what is there already is not given more: they are only hints.
        if !hints.is_empty() && session.output.is_empty() {
            Frame::Hints(&hints).encode(&mut session.output);
        }
    }
}

/// The length of the keys at the front of `keys`, each with its length byte, that fit `bytes_max`.
fn whole_keys(keys: &[u8], bytes_max: usize) -> usize {
    let mut end = 0;
    while let Some(length) = keys.get(end) {
        let next = end + 1 + usize::from(*length);
        if next > bytes_max {
            break;
        }
        end = next;
    }
    end
}
