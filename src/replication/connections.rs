//! Connections come and go: who is let in, who is turned away, when to dial again.

use std::time::Duration;

use tracing::{debug, info, warn};
use vrrp::time::Instant;

use super::event::Event;
use super::frame::Frame;
use super::peer::Peer;
use super::session::{Refusal, Session, SessionId};
use crate::store::Store;

/// An established session that says nothing for this long is closed.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// A session older than this that is not established is closed.
const HANDSHAKE_MAX: Duration = Duration::from_secs(2);
/// Sessions in handshake at a time; strangers beyond that are turned away.
const SESSIONS_MAX: usize = 8;
pub(super) const REDIAL_MIN: Duration = Duration::from_millis(50);
const REDIAL_MAX: Duration = Duration::from_secs(1);
/// The longest pause of a node that the other end does not want.
const DISMISSED_MAX: Duration = Duration::from_secs(10);

impl Peer {
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
            let pause = if wait { REDIAL_MIN } else { Duration::ZERO };
            self.redial_at = Some(now + pause.max(self.pause_of_dismissed(session.dismissed)));
        } else if session.dialled && self.feeding.is_none() {
            self.redial_at = Some(now + self.redial_after);
            self.redial_after = (self.redial_after * 2).min(REDIAL_MAX);
        }
    }

    /// A node that is not wanted, as the other end has another peer, asks ever more seldom.
    fn pause_of_dismissed(&mut self, dismissed: bool) -> Duration {
        self.dismissed_after = match dismissed {
            true => (self.dismissed_after * 2).clamp(REDIAL_MIN, DISMISSED_MAX),
            false => Duration::ZERO,
        };
        self.dismissed_after
    }

    /// Tells what keeps the nodes apart, in the log. Both may try once a second for hours.
    pub(super) fn tell(&mut self, now: Instant, what: &str) {
        if self.refusals.is_news(now, what) {
            warn!("replication: {what}");
        } else {
            debug!("replication: {what}");
        }
    }

    /// What keeps the nodes apart was seen outside, where connections are made, and told there.
    pub fn note_refusal(&mut self, now: Instant, what: &str) {
        let _told_by_the_caller = self.refusals.is_news(now, what);
    }

    /// Tells the other end why, then closes.
    pub(super) fn refuse(&mut self, now: Instant, id: SessionId, refusal: &Refusal) {
        self.tell(now, &format!("connection refused: {refusal}"));
        self.turn_out(now, id, refusal.clone());
    }

    /// As [`Peer::refuse`], without a word in the log here.
    pub(super) fn turn_out(&mut self, now: Instant, id: SessionId, refusal: Refusal) {
        if let Some(session) = self.sessions.get_mut(&id) {
            Frame::Goodbye(refusal).encode(&mut session.output);
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

    pub(super) fn close_silent(&mut self, now: Instant) {
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
            let (closing, established) = (session.closing, session.is_established());
            if !closing && established {
                self.tell(now, "the peer has fallen silent: its connection is closed");
            } else if !closing {
                self.tell(
                    now,
                    "a connection that says nothing is closed: the peer may be frozen",
                );
            }
            self.close(now, id);
        }
    }
}
