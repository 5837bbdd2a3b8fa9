//! From the greeting to a session that feeds the stores, and its end.
//!
//! Of two live sessions the one dialled by the lower node id stays; a silent old one yields to a
//! new one.

use std::time::Duration;

use tracing::info;
use vrrp::time::Instant;

use super::connections::REDIAL_MIN;
use super::event::Event;
use super::frame::{Frame, decode_assembled};
use super::hello::Hello;
use super::peer::Peer;
use super::refusals::printable;
use super::session::{Phase, Refusal, SessionId, check_identity};
use super::transmit::CHANGES_BYTES;
use crate::store::Store;

/// A feeding session that is silent for this long yields to a new one.
const YIELD_AFTER: Duration = Duration::from_millis(300);

/// What a record and its frame may take beside the value.
const RECORD_BYTES: usize = 4096;

impl Peer {
    pub(super) fn handle_frame(
        &mut self,
        now: Instant,
        id: SessionId,
        frame: Frame<'_>,
        store: &Store,
    ) -> Result<(), Refusal> {
        let secret = self.options.secret.clone();
        let session = self.sessions.get_mut(&id).expect("the caller checked");
        match (&session.phase, frame) {
            (_, Frame::Goodbye(reason)) => {
                let told = format!(
                    "the other end closed the connection: {}",
                    printable(&reason)
                );
                session.dismissed = true;
                self.tell(now, &told);
                self.close(now, id);
                Ok(())
            }
            (Phase::Greeting, Frame::Greeting(theirs)) => {
                if session.take_greeting(theirs, secret.as_deref())? {
                    self.say_hello(now, id, store);
                }
                Ok(())
            }
            (Phase::Proving { .. }, Frame::Proof(proof)) => {
                session.take_proof(&proof, secret.as_deref())?;
                self.say_hello(now, id, store);
                Ok(())
            }
            (Phase::Introducing, Frame::Hello(hello)) => self.establish(now, id, hello, store),
            (Phase::Established, Frame::Part { last, bytes }) => {
                self.assemble(now, id, last, bytes, store)
            }
            (Phase::Established, frame) if self.feeding == Some(id) => self.feed(now, frame, store),
            // Frames of a replaced session are dropped unread.
            (Phase::Established, _) => Ok(()),
            (phase, _) => Err(format!("a frame out of order ({phase:.12?})")),
        }
    }

    /// Puts a frame together that came in parts; the store bounds how large it may become.
    fn assemble(
        &mut self,
        now: Instant,
        id: SessionId,
        last: bool,
        bytes: &[u8],
        store: &Store,
    ) -> Result<(), Refusal> {
        let session = self.sessions.get_mut(&id).expect("the caller checked");
        session.assembling.extend_from_slice(bytes);
        if session.assembling.len() > CHANGES_BYTES + store.value_bytes_max() + RECORD_BYTES {
            return Err("an item larger than item_size_max".to_owned());
        }
        if !last {
            return Ok(());
        }
        let assembled = std::mem::take(&mut session.assembling);
        match decode_assembled(&assembled) {
            Ok(frame) if self.feeding == Some(id) => self.feed(now, frame, store),
            Ok(_) => Ok(()),
            Err(error) => Err(format!("the other end sent {error}")),
        }
    }

    fn say_hello(&mut self, now: Instant, id: SessionId, store: &Store) {
        let hello = Hello {
            node_id: self.options.node_id,
            boot_id: self.options.boot_id,
            clock_ms: store.unix_ms(now),
            watermark: store.watermark(),
            newest: store.positions(),
            applied_boot: self.receiving.boot_id,
            applied: self.receiving.applied.clone(),
            standing: self.standing,
            settings: self.options.settings.clone(),
        };
        self.sessions
            .get_mut(&id)
            .expect("the caller checked")
            .say_hello(hello);
    }

    fn establish(
        &mut self,
        now: Instant,
        id: SessionId,
        hello: Hello,
        store: &Store,
    ) -> Result<(), Refusal> {
        check_identity((self.options.node_id, self.options.boot_id), &hello)?;
        let session = self.sessions.get_mut(&id).expect("the caller checked");
        session.phase = Phase::Established;
        let dialled_by_lower = session.dialled == (self.options.node_id < hello.node_id);
        if let Some(present) = self.feeding {
            let live = now.since(self.sessions[&present].heard_at) < YIELD_AFTER;
            let same_boot = self.receiving.boot_id == hello.boot_id;
            if live && !same_boot {
                return self.turn_away(now, id, &hello);
            }
            if live && !dialled_by_lower {
                self.close(now, id);
                return Ok(());
            }
            self.stop_feeding(now, store);
            self.close(now, present);
        }
        self.start_feeding(now, id, &hello, store);
        Ok(())
    }

    /// Another process wants to be the peer while the present one lives. One that was started anew
    /// may be quicker than the end of its old connection, which is seen before it asks again; a
    /// second time it is a third node, and somebody has to know.
    fn turn_away(&mut self, now: Instant, id: SessionId, hello: &Hello) -> Result<(), Refusal> {
        let refusal = format!(
            "node {:016x} wants to be the peer of this node, but node {:016x} is that and lives: \
             two hosts make a pair, stop the third",
            hello.node_id, self.peer_node_id
        );
        let before = self.third.replace((hello.boot_id, now));
        if before.is_some_and(|(boot, _)| boot == hello.boot_id) {
            return Err(refusal);
        }
        self.turn_out(now, id, refusal);
        Ok(())
    }

    fn start_feeding(&mut self, now: Instant, id: SessionId, hello: &Hello, store: &Store) {
        let met_before = self.receiving.boot_id != 0;
        let new_boot = self.receiving.attach(hello.boot_id, hello.newest.len());
        if new_boot && met_before && self.death_watch {
            self.take_death(now, store);
        }
        self.death_watch = false;
        let told = std::mem::take(&mut self.sessions.get_mut(&id).expect("just established").told);
        let total = |positions: &[u64]| positions.iter().copied().fold(0, u64::saturating_add);
        let newest = total(&hello.newest);
        if new_boot {
            // The order of the one that gets a copy means nothing to the one that gives it.
            self.copying = newest < total(&told);
        }
        self.conflicts_told.attach(new_boot);
        self.recency_pass = None;
        self.feeding = Some(id);
        self.peer_node_id = hello.node_id;
        self.refusals.forget();
        self.figures.connections += 1;
        self.redial_at = None;
        self.redial_after = REDIAL_MIN;
        self.note_clock(now, hello.clock_ms, store);
        store.raise_watermark_of_peer(hello.watermark);
        store.acknowledge_watermark(hello.watermark);
        store.set_node_bit(self.options.node_id > hello.node_id);
        let known = hello.applied_boot == self.options.boot_id;
        let positions: &[u64] = if known { &hello.applied } else { &[] };
        store.attach_peer(positions, new_boot);
        info!(
            "replication: connected to node {:016x} ({}), which has {newest} changes and {} of ours",
            hello.node_id,
            if new_boot {
                "a process not met before"
            } else {
                "as before"
            },
            total(positions),
        );
        self.events.push_back(Event::Connected {
            new_boot,
            node_id: hello.node_id,
            settings: hello.settings.clone(),
        });
        self.events.push_back(Event::Heard(hello.standing));
        if newest == 0 {
            // An empty peer has nothing to give.
            self.receiving.has_all = true;
            self.events.push_back(Event::InSync);
        }
        self.owes_watermark = true;
        store.attach_delayed_flush(new_boot);
        // A question that was on the old connection may be lost, and no change need follow.
        self.ask_for_wanted();
        self.begin_comparison_if_due(store);
        if let Some(change) = self
            .sending
            .attach(now, told, store, self.figures.bytes_sent)
        {
            self.announce(change, store);
        }
    }

    /// The process at the other end of the lost session no longer runs.
    pub(super) fn take_death(&mut self, now: Instant, store: &Store) {
        self.death_watch = false;
        self.events.push_back(Event::ProcessDied);
        if let Some(change) = self.sending.give_up(now, store) {
            self.announce(change, store);
        }
    }

    pub(super) fn stop_feeding(&mut self, now: Instant, store: &Store) {
        self.feeding = None;
        self.receiving.has_all = false;
        self.pending.clear();
        self.pending_marks.fill(false);
        if self.comparing.take().is_some() {
            store.request_comparison();
        }
        self.sending.detach(now, store);
        self.events.push_back(Event::Lost);
    }
}
