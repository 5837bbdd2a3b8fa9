//! The peer as a machine: sessions come and go, at most one of them feeds the stores.
//!
//! Connections, bytes and time come in here. From the greeting to a feeding session it is
//! `establish.rs`, what arrives over that one `feed.rs`, what leaves `transmit.rs`, the two
//! directions' progress `sending.rs` and `receiving.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tracing::{debug, info, warn};
use vrrp::time::Instant;

use super::event::Event;
use super::frame::{Frame, decode};
use super::hello::Settings;
use super::receiving::Receiving;
use super::refusals::Refusals;
use super::sending::Sending;
use super::session::{Refusal, Session, SessionId};
use super::status::Figures;
use crate::command::Standing;
use crate::store::Store;

/// Heartbeats are sent this often.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(100);
/// An established session that says nothing for this long is closed.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// A session older than this that is not established is closed.
const HANDSHAKE_MAX: Duration = Duration::from_secs(2);
/// Sessions in handshake at a time; strangers beyond that are turned away.
const SESSIONS_MAX: usize = 8;
pub(super) const REDIAL_MIN: Duration = Duration::from_millis(50);
const REDIAL_MAX: Duration = Duration::from_secs(1);

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
/// The machine.
pub struct Peer {
    pub(super) options: Options,
    pub(super) sessions: BTreeMap<SessionId, Session>,
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
    /// The shard whose recency hints come first with the next heartbeat.
    pub(super) hints_from: usize,
    /// The peer was empty when it connected.
    pub(super) copying: bool,
    /// The peer waits to hear that we know its flush watermark.
    pub(super) owes_watermark: bool,
    pub(super) events: VecDeque<Event>,
    pub(super) refusals: Refusals,
    pub(super) figures: Figures,
    pub(super) redial_at: Option<Instant>,
    pub(super) redial_after: Duration,
    dialling: bool,
    /// The feeding session closed: a refused port now means that the process has died.
    pub(super) death_watch: bool,
    heartbeat_at: Instant,
}

/// Where a comparison stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    /// Keys are being listed.
    Listing,
    /// All were; the peer has still to say that it has compared.
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
            hints_from: 0,
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
            // One that was closed as soon as it stood would be closed again: the other end still
            // believes in an older one.
            let at_once = now.since(session.opened_at) < REDIAL_MIN;
            let wait = at_once || self.sessions.values().any(dialled);
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

    pub(super) fn session(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(&id)
    }

    pub(super) fn feeding_session(&mut self) -> Option<&mut Session> {
        self.feeding.and_then(|id| self.sessions.get_mut(&id))
    }

    pub(super) fn raise(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Tells what keeps the nodes apart, in the log. Both may try once a second for hours.
    pub(super) fn tell(&mut self, now: Instant, what: &str) {
        if self.refusals.is_news(now, what) {
            warn!("replication: {what}");
        } else {
            debug!("replication: {what}");
        }
    }

    /// Tells the other end why, then closes.
    pub(super) fn refuse(&mut self, now: Instant, id: SessionId, refusal: &Refusal) {
        self.tell(now, &format!("connection refused: {refusal}"));
        if let Some(session) = self.sessions.get_mut(&id) {
            Frame::Goodbye(refusal.clone()).encode(&mut session.output);
        }
        self.close(now, id);
    }

    /// Asks for a session to be closed. It stays known until [`Peer::closed`], but is deaf.
    pub(super) fn close(&mut self, now: Instant, id: SessionId) {
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
}
