//! The peer as a machine: sessions come and go, at most one of them feeds the stores.
//!
//! Bytes and time come in here; how connections come and go is `connections.rs`. From the greeting
//! to a feeding session it is `establish.rs`, what arrives over that one `feed.rs`, what leaves
//! `transmit.rs`, the two directions' progress `sending.rs` and `receiving.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use vrrp::time::Instant;

use super::conflicts::ConflictsTold;
use super::connections::REDIAL_MIN;
use super::event::Event;
use super::frame::{complete, decode};
use super::hello::Settings;
use super::receiving::Receiving;
use super::refusals::Refusals;
use super::sending::Sending;
use super::session::{Session, SessionId};
use super::status::Figures;
use crate::command::Standing;
use crate::store::Store;

/// Heartbeats are sent this often.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(100);

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
    /// The node of the last feeding session.
    pub(super) peer_node_id: u64,
    /// The process that was turned away last, because another one is the peer and lives, and when.
    pub(super) third: Option<(u64, Instant)>,
    pub(super) sending: Sending,
    pub(super) receiving: Receiving,
    pub(super) standing: Standing,
    /// The peer is master, and none of its advertisements reach this node.
    pub(super) unheard: bool,
    /// Shards with changes to send, in order.
    pub(super) pending: VecDeque<usize>,
    pub(super) pending_marks: Vec<bool>,
    /// A comparison runs, or has ended without the peer's word that it did.
    pub(super) comparing: Option<Comparison>,
    /// A copy to a new boot of the peer has ended: which keys it gets next, by recency.
    pub(super) recency_pass: Option<usize>,
    /// The shard whose recency hints come first with the next heartbeat.
    pub(super) hints_from: usize,
    /// The peer's boot was new when it connected, and had less than we have.
    pub(super) copying: bool,
    /// The peer waits to hear that we know its flush watermark.
    pub(super) owes_watermark: bool,
    pub(super) events: VecDeque<Event>,
    pub(super) refusals: Refusals,
    pub(super) figures: Figures,
    pub(super) conflicts_told: ConflictsTold,
    pub(super) redial_at: Option<Instant>,
    pub(super) redial_after: Duration,
    /// The pause after the last connection, if it stood and the other end did not want it.
    pub(super) dismissed_after: Duration,
    pub(super) dialling: bool,
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
            peer_node_id: 0,
            third: None,
            standing: Standing::default(),
            unheard: false,
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
            conflicts_told: ConflictsTold::default(),
            redial_at: Some(Instant::ZERO),
            redial_after: REDIAL_MIN,
            dismissed_after: Duration::ZERO,
            dialling: false,
            death_watch: false,
            heartbeat_at: Instant::ZERO,
            options,
        }
    }

    /// Bytes arrived on a session.
    pub fn handle_bytes(&mut self, now: Instant, id: SessionId, bytes: &[u8], store: &Store) {
        let Some(session) = self.listening(id) else {
            return;
        };
        session.heard_at = now;
        let (mut partial, mut bytes) = (std::mem::take(&mut session.input), bytes);
        self.figures.bytes_received += bytes.len() as u64;
        let mut result = Ok(());
        while let (Ok(()), Some(session)) = (&result, self.listening(id)) {
            bytes = complete(&mut partial, bytes);
            // Only a frame that arrives in pieces is put together; others are read where they are.
            let input = if partial.is_empty() { bytes } else { &partial };
            result = session.check_start(input);
            match decode(input) {
                _ if result.is_err() => {}
                Ok(Some((frame, length))) => {
                    result = self.handle_frame(now, id, frame, store);
                    if partial.is_empty() {
                        bytes = &bytes[length..];
                    }
                    partial.clear();
                }
                Ok(None) => break,
                Err(error) => result = Err(format!("the other end sent {error}")),
            }
        }
        match result {
            Ok(()) => {
                if let Some(session) = self.listening(id) {
                    partial.extend_from_slice(bytes);
                    session.input = partial;
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

    /// Whether the peer is master and its advertisements do not reach this node: heartbeats tell it,
    /// since a master hears nothing of it.
    pub const fn set_unheard(&mut self, unheard: bool) {
        self.unheard = unheard;
    }

    pub(super) fn session(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(&id)
    }

    /// A session that is not being closed.
    fn listening(&mut self, id: SessionId) -> Option<&mut Session> {
        self.session(id).filter(|session| !session.closing)
    }

    pub(super) fn feeding_session(&mut self) -> Option<&mut Session> {
        self.feeding.and_then(|id| self.sessions.get_mut(&id))
    }

    pub(super) fn raise(&mut self, event: Event) {
        self.events.push_back(event);
    }
}
