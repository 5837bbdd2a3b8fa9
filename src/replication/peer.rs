//! The peer as a machine: sessions come and go, at most one of them feeds the stores.
//!
//! Of two live sessions the one dialled by the lower node id stays; a silent old one yields to a
//! new one. What moves over the feeding session is in `feed.rs`, the two directions' progress in
//! `sending.rs` and `receiving.rs`. Sessions, dialling and identities are here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tracing::{debug, info, warn};
use vrrp::time::Instant;

use super::catch_up::CatchUpFigures;
use super::frame::{Frame, decode, decode_assembled};
use super::hello::{Hello, Settings};
use super::receiving::Receiving;
use super::refusals::{Refusals, printable};
use super::sending::{Change, Sending};
use super::session::{Phase, Refusal, Session, SessionId, check_identity};
use crate::command::Standing;
use crate::store::Store;

/// Heartbeats are sent this often.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(100);
/// An established session that says nothing for this long is closed.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// A session older than this that is not established is closed.
const HANDSHAKE_MAX: Duration = Duration::from_secs(2);
/// A feeding session that is silent for this long yields to a new one.
const YIELD_AFTER: Duration = Duration::from_millis(300);
/// Sessions in handshake at a time; strangers beyond that are turned away.
const SESSIONS_MAX: usize = 8;
const REDIAL_MIN: Duration = Duration::from_millis(50);
const REDIAL_MAX: Duration = Duration::from_secs(1);
/// A peer clock further away than this is reported (versions are merged all the same).
const SKEW_REPORTED_MS: u64 = 60_000;

/// What a peer machine is made with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Identifies this node; breaks ties.
    pub node_id: u64,
    /// Random at each start.
    pub boot_id: u64,
    /// Replies wait for the peer (`acknowledge: peer`).
    pub acknowledge_peer: bool,
    /// How long a reply waits for a peer that does not answer.
    pub acknowledge_timeout: Duration,
    /// Shared secret of the link.
    pub secret: Option<Vec<u8>>,
    /// How this node is configured.
    pub settings: Settings,
}

/// What the machine wants done, or others to know.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// Connect to the peer, then call [`Peer::connected`] or [`Peer::dial_failed`].
    Dial,
    /// Send what [`Peer::poll_transmit`] still gives for this session, then close it.
    Close(SessionId),
    /// A session feeds the stores now.
    Connected {
        /// The peer is another process than the last time.
        new_boot: bool,
        /// The peer's node id.
        node_id: u64,
        /// How the peer is configured.
        settings: Settings,
    },
    /// The peer told what failover needs to know, in its hello or a heartbeat.
    Heard(Standing),
    /// The feeding session is gone.
    Lost,
    /// The process at the other end of the lost session no longer runs.
    ProcessDied,
    /// The peer has everything that our replies vouch for.
    PeerInSync,
    /// We have everything that the peer's replies vouch for.
    InSync,
    /// Replies no longer wait: wake all connections.
    Degraded,
    /// Replies wait for the peer again.
    Restored,
    /// Positions moved: wake connections with held replies.
    Acknowledged,
    /// The peer leaves and has given us everything.
    HandedOver,
}

/// Figures for people.
#[derive(Clone, Copy, Default, Debug)]
pub struct Figures {
    /// Bytes given to connections since start.
    pub bytes_sent: u64,
    /// Bytes taken from connections since start.
    pub bytes_received: u64,
    /// Changes sent since start.
    pub records_sent: u64,
    /// Changes received since start.
    pub records_received: u64,
    /// Sessions that fed the stores since start.
    pub connections: u64,
    /// How often replies stopped waiting for the peer.
    pub degradations: u64,
    /// The peer's clock minus ours in milliseconds, at its last heartbeat.
    pub skew_ms: i64,
    /// When the peer was last heard.
    pub heard_at: Option<Instant>,
}

/// The machine.
pub struct Peer {
    pub(super) options: Options,
    sessions: BTreeMap<SessionId, Session>,
    pub(super) feeding: Option<SessionId>,
    pub(super) sending: Sending,
    pub(super) receiving: Receiving,
    pub(super) standing: Standing,
    /// Shards with changes to send, in order.
    pub(super) pending: VecDeque<usize>,
    pub(super) pending_marks: Vec<bool>,
    /// A comparison runs, or has ended without the peer's word that it did.
    pub(super) comparing: Option<Comparison>,
    /// A copy to an empty peer has ended: the shard whose keys it gets next, by recency.
    pub(super) recency_pass: Option<usize>,
    /// The peer was empty when it connected.
    copying: bool,
    /// The peer waits to hear that we know its flush watermark.
    pub(super) owes_watermark: bool,
    events: VecDeque<Event>,
    refusals: Refusals,
    pub(super) figures: Figures,
    redial_at: Option<Instant>,
    redial_after: Duration,
    dialling: bool,
    /// The feeding session closed: a refused port now means that the process has died.
    death_watch: bool,
    heartbeat_at: Instant,
}

/// Where a comparison stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    /// Keys are being listed.
    Listing,
    /// All were; the peer's next acknowledgement confirms it.
    Ended,
}

impl Peer {
    /// A machine without any session. It dials at the first [`Peer::handle_timeout`].
    pub fn new(options: Options, store: &Store) -> Peer {
        let (wait, timeout) = (options.acknowledge_peer, options.acknowledge_timeout);
        Peer {
            sending: Sending::new(wait, timeout, store.shards()),
            receiving: Receiving::default(),
            sessions: BTreeMap::new(),
            feeding: None,
            standing: Standing::default(),
            pending: VecDeque::new(),
            pending_marks: vec![false; store.shards()],
            comparing: None,
            recency_pass: None,
            copying: false,
            owes_watermark: false,
            events: VecDeque::new(),
            refusals: Refusals::default(),
            figures: Figures::default(),
            redial_at: Some(Instant::ZERO),
            redial_after: REDIAL_MIN,
            dialling: false,
            death_watch: false,
            heartbeat_at: Instant::ZERO,
            options,
        }
    }

    /// A connection stands, dialled by us or by the other end. `nonce` is random.
    pub fn connected(&mut self, now: Instant, id: SessionId, dialled: bool, nonce: [u8; 32]) {
        if dialled {
            self.dialling = false;
        }
        let session = Session::open(now, dialled, nonce, self.options.secret.is_some());
        self.sessions.insert(id, session);
        if self.sessions.len() > SESSIONS_MAX {
            // The oldest stranger goes, so that strangers cannot keep the peer out.
            let unproven = |entry: &(&SessionId, &Session)| !entry.1.is_established();
            let oldest = self.sessions.iter().find(unproven).map(|(id, _)| *id);
            warn!("too many connections on the replication port: one is closed");
            self.close(now, oldest.unwrap_or(id));
        }
    }

    /// Dialling failed. `refused`: the host answers, but no process listens there.
    pub fn dial_failed(&mut self, now: Instant, refused: bool, store: &Store) {
        self.dialling = false;
        if refused && self.death_watch {
            info!("replication: the peer's process is gone: its port refuses");
            self.take_death(now, store);
        }
        self.redial_at = Some(now + self.redial_after);
        self.redial_after = (self.redial_after * 2).min(REDIAL_MAX);
    }

    /// The connection is gone.
    pub fn closed(&mut self, now: Instant, id: SessionId, store: &Store) {
        let Some(session) = self.sessions.remove(&id) else {
            return;
        };
        if self.feeding == Some(id) {
            info!("replication: the connection to the peer is lost");
            self.stop_feeding(now, store);
            self.death_watch = true;
            self.redial_after = REDIAL_MIN;
            // One that we have dialled already is about to take its place: a third connection
            // would only replace that one in turn.
            let dialled = |session: &Session| session.dialled && !session.closing;
            let wait = self.sessions.values().any(dialled);
            self.redial_at = Some(if wait { now + REDIAL_MIN } else { now });
        } else if session.dialled && self.feeding.is_none() {
            self.redial_at = Some(now + self.redial_after);
            self.redial_after = (self.redial_after * 2).min(REDIAL_MAX);
        }
    }

    /// Bytes arrived on a session.
    pub fn handle_bytes(&mut self, now: Instant, id: SessionId, bytes: &[u8], store: &Store) {
        let Some(session) = self
            .sessions
            .get_mut(&id)
            .filter(|session| !session.closing)
        else {
            return;
        };
        self.figures.bytes_received += bytes.len() as u64;
        session.heard_at = now;
        let mut input = std::mem::take(&mut session.input);
        input.extend_from_slice(bytes);
        let mut at = 0;
        let mut result = session.check_start(&input);
        while result.is_ok()
            && self
                .sessions
                .get(&id)
                .is_some_and(|session| !session.closing)
        {
            match decode(&input[at..]) {
                Ok(Some((frame, length))) => {
                    at += length;
                    result = self.handle_frame(now, id, frame, store);
                }
                Ok(None) => break,
                Err(error) => result = Err(format!("the other end sent {error}")),
            }
        }
        input.drain(..at);
        match result {
            Ok(()) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.input = input;
                }
            }
            Err(refusal) => self.refuse(now, id, &refusal),
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant, store: &Store) {
        if now >= self.heartbeat_at {
            self.heartbeat_at = now + HEARTBEAT_INTERVAL;
            self.beat(store);
        }
        if self.redial_at.is_some_and(|at| at <= now) && !self.dialling {
            self.redial_at = None;
            if self.feeding.is_none() {
                self.dialling = true;
                self.events.push_back(Event::Dial);
            }
        }
        if let Some(change) = self.sending.handle_timeout(now, store) {
            self.announce(change, store);
        }
        self.close_silent(now);
    }

    /// When to call [`Peer::handle_timeout`] at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let redial = if self.dialling { None } else { self.redial_at };
        let times = [Some(self.heartbeat_at), redial, self.sending.poll_timeout()];
        times.into_iter().flatten().min()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What heartbeats tell of this node from now on. A change is told at once.
    pub fn set_standing(&mut self, standing: Standing) {
        let told = self.standing;
        self.standing = standing;
        let same = Standing {
            master_for_ms: 0,
            ..told
        } == Standing {
            master_for_ms: 0,
            ..standing
        };
        if !same && let Some(session) = self.feeding_session() {
            session.heartbeat_due = true;
        }
    }

    /// The stores talk to each other.
    pub const fn is_connected(&self) -> bool {
        self.feeding.is_some()
    }

    /// The peer has everything that our replies vouch for.
    pub const fn peer_is_in_sync(&self) -> bool {
        self.sending.is_in_sync()
    }

    /// We have everything that the peer's replies vouch for.
    pub const fn is_in_sync(&self) -> bool {
        self.receiving.has_all
    }

    /// Replies do not wait although they should.
    pub const fn is_degraded(&self) -> bool {
        self.sending.is_degraded()
    }

    /// Replies wait for the peer (`acknowledge: peer`).
    pub const fn waits(&self) -> bool {
        self.options.acknowledge_peer
    }

    /// How far the running catch-up of the peer is.
    pub fn catch_up(&self, now: Instant) -> Option<CatchUpFigures> {
        self.sending.catch_up(now, self.figures.bytes_sent)
    }

    /// How long the oldest change that was sent has waited for the peer.
    pub fn lag(&self, now: Instant) -> Duration {
        self.sending.lag(now)
    }

    /// How long replies did not wait although they should have, since start.
    pub fn degraded_for(&self, now: Instant) -> Duration {
        self.sending.degraded_for(now)
    }

    /// How far the peer is, in words.
    pub const fn progress(&self) -> &'static str {
        self.sending.describe()
    }

    /// Figures for people.
    pub fn figures(&self) -> Figures {
        let feeding = self.feeding.and_then(|id| self.sessions.get(&id));
        Figures {
            records_received: self.receiving.records,
            degradations: self.sending.degradations,
            heard_at: feeding.map(|session| session.heard_at),
            ..self.figures
        }
    }

    /// The node id told by the peer on the feeding session.
    pub fn peer_boot_id(&self) -> Option<u64> {
        self.feeding.map(|_| self.receiving.boot_id)
    }

    pub(super) fn session(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(&id)
    }

    pub(super) fn feeding_session(&mut self) -> Option<&mut Session> {
        self.feeding.and_then(|id| self.sessions.get_mut(&id))
    }

    pub(super) fn raise(&mut self, event: Event) {
        self.events.push_back(event);
    }

    fn handle_frame(
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
        if session.assembling.len() > store.frame_bytes_max() {
            return Err("an item larger than any item_size_max".to_owned());
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
            let old = &self.sessions[&present];
            let same_boot = self.receiving.boot_id == hello.boot_id;
            let live = now.since(old.heard_at) < YIELD_AFTER && same_boot;
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

    fn start_feeding(&mut self, now: Instant, id: SessionId, hello: &Hello, store: &Store) {
        let met_before = self.receiving.boot_id != 0;
        let new_boot = self.receiving.attach(hello.boot_id, hello.newest.len());
        if new_boot && met_before && self.death_watch {
            self.take_death(now, store);
        }
        self.death_watch = false;
        self.copying |= new_boot;
        self.recency_pass = None;
        self.feeding = Some(id);
        self.refusals.forget();
        self.figures.connections += 1;
        self.redial_at = None;
        self.redial_after = REDIAL_MIN;
        self.note_clock(now, hello.clock_ms, store);
        store.raise_watermark(hello.watermark);
        store.acknowledge_watermark(hello.watermark);
        store.set_node_bit(self.options.node_id > hello.node_id);
        let known = hello.applied_boot == self.options.boot_id;
        let positions: &[u64] = if known { &hello.applied } else { &[] };
        store.attach_peer(positions, new_boot);
        let told = std::mem::take(&mut self.sessions.get_mut(&id).expect("just established").told);
        let total = |positions: &[u64]| positions.iter().copied().fold(0, u64::saturating_add);
        let newest = total(&hello.newest);
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
        store.forget_told_flush();
        self.begin_comparison_if_due(store);
        if let Some(change) = self
            .sending
            .attach(now, told, store, self.figures.bytes_sent)
        {
            self.announce(change, store);
        }
    }

    /// The process at the other end of the lost session no longer runs.
    fn take_death(&mut self, now: Instant, store: &Store) {
        self.death_watch = false;
        self.events.push_back(Event::ProcessDied);
        if let Some(change) = self.sending.give_up(now, store) {
            self.announce(change, store);
        }
    }

    fn stop_feeding(&mut self, now: Instant, store: &Store) {
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

    /// Tells what keeps the nodes apart, in the log. Both may try once a second for hours.
    fn tell(&mut self, now: Instant, what: &str) {
        if self.refusals.is_news(now, what) {
            warn!("replication: {what}");
        } else {
            debug!("replication: {what}");
        }
    }

    /// Tells the other end why, then closes.
    fn refuse(&mut self, now: Instant, id: SessionId, refusal: &Refusal) {
        self.tell(now, &format!("connection refused: {refusal}"));
        if let Some(session) = self.sessions.get_mut(&id) {
            Frame::Goodbye(refusal.clone()).encode(&mut session.output);
        }
        self.close(now, id);
    }

    /// Asks for a session to be closed. It stays known until [`Peer::closed`], but is deaf.
    fn close(&mut self, now: Instant, id: SessionId) {
        self.events.push_back(Event::Close(id));
        if let Some(session) = self.sessions.get_mut(&id) {
            session.input = Vec::new();
            session.closing = true;
            session.opened_at = now;
        }
    }

    fn close_silent(&mut self, now: Instant) {
        let silent: Vec<SessionId> = self
            .sessions
            .iter()
            .filter(|(_, session)| {
                let (since, most) = if session.is_established() {
                    (session.heard_at, SILENCE_MAX)
                } else {
                    (session.opened_at, HANDSHAKE_MAX)
                };
                now.since(since) > most
            })
            .map(|(id, _)| *id)
            .collect();
        for id in silent {
            let session = self.sessions.get_mut(&id).expect("just listed");
            session.heard_at = now;
            if !session.closing {
                info!("replication: a silent connection is closed");
            }
            self.close(now, id);
        }
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
                        "the peer is gone"
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
