//! What a worker does all day: wait for sockets, let clients act, let them speak.

use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll, Token};
use slab::Slab;
use vrrp::time::Instant;

use super::client::{Client, Lent, Next};
use super::client_stream::ClientStream;
use super::door::{Accepted, Door, Visit};
use super::shared::Shared;
use super::terms::Terms;
use crate::connection::{Connection, Facts};

/// The worker's own door among its sockets.
pub(super) const DOOR: Token = Token(usize::MAX);
/// Events taken from the system at once.
const EVENTS_MAX: usize = 256;
/// Clients that act before the first of them speaks. It bounds what an answer waits for others.
const BATCH: usize = 32;
/// Bytes of answers after which they speak at once: more would have left the processor's cache
/// before it is written.
const BATCH_BYTES: usize = 128 * 1024;
/// A worker shows a sign of life at least this often, and looks for lines to watch.
const TICK: Duration = Duration::from_millis(100);
/// Idle connections are looked for this often.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// One worker.
pub(super) struct Turns {
    number: usize,
    poll: Poll,
    terms: Terms,
    clients: Slab<Box<Client>>,
    /// Those that act in the next turn.
    ready: Vec<usize>,
    /// Those that wait for the peer, or for the end of a handover.
    waiting: Vec<usize>,
    watching: Vec<usize>,
    lent: Lent,
    tick_at: Instant,
    idle_at: Instant,
}

impl Turns {
    pub fn new(shared: Arc<Shared>, number: usize, poll: Poll, terms: Terms) -> Turns {
        Turns {
            number,
            poll,
            terms,
            clients: Slab::new(),
            ready: Vec::new(),
            waiting: Vec::new(),
            watching: Vec::new(),
            lent: Lent::new(shared),
            tick_at: Instant::ZERO,
            idle_at: Instant::ZERO,
        }
    }

    /// Serves until the process ends.
    pub fn run(mut self) {
        let shared = self.lent.shared.clone();
        let door = &shared.doors[self.number];
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let timeout = self.time_to_sleep(door);
            match self.poll.poll(&mut events, Some(timeout)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => panic!("a worker waits for its sockets: {error}"),
            }
            let visit = door.answer();
            let round = shared.rounds.asked();
            let now = shared.clock.now();
            shared.workers_at[self.number].store(now.as_nanos(), Ordering::Release);
            events.iter().for_each(|event| self.take(event));
            if let Some(visit) = visit {
                self.receive(visit, now);
            }
            if now >= self.tick_at {
                self.tick(now);
            }
            door.expect_waiting();
            self.turn(now);
            door.settle_waiting(!self.waiting.is_empty());
            if shared.rounds.finish(self.number, round) {
                shared.wake_link();
            }
        }
    }

    fn time_to_sleep(&self, door: &Door) -> Duration {
        if self.ready.is_empty() && door.lie_down() {
            self.lent.shared.clock.until(self.tick_at)
        } else {
            Duration::ZERO
        }
    }

    fn take(&mut self, event: &Event) {
        let Token(id) = event.token();
        // The door is no client; neither is one that has just been closed.
        if let Some(client) = self.clients.get_mut(id) {
            client.report(event);
            self.make_ready(id);
        }
    }

    fn make_ready(&mut self, id: usize) {
        if let Some(client) = self.clients.get_mut(id)
            && !mem::replace(&mut client.is_ready, true)
        {
            self.ready.push(id);
        }
    }

    /// Somebody rang.
    fn receive(&mut self, visit: Visit, now: Instant) {
        if visit.everyone {
            let everyone: Vec<_> = self.clients.iter().map(|(id, _)| id).collect();
            everyone.into_iter().for_each(|id| self.make_ready(id));
        }
        let waiting = mem::take(&mut self.waiting);
        waiting.into_iter().for_each(|id| self.make_ready(id));
        for accepted in visit.accepted {
            if let Err(error) = self.admit(accepted, now) {
                let facts = &self.lent.shared.facts;
                facts.curr_connections.fetch_sub(1, Ordering::Relaxed);
                self.lent.shared.connection_ended();
                tracing::warn!("a client connection could not be served: {error}");
            }
        }
    }

    fn admit(&mut self, accepted: Accepted, now: Instant) -> io::Result<()> {
        let (mut stream, who, via_virtual) = match accepted {
            Accepted::Tcp(stream, who, via_virtual) => {
                let stream = mio::net::TcpStream::from_std(stream);
                (ClientStream::Tcp(stream), who, via_virtual)
            }
            Accepted::Unix(stream, who) => {
                let stream = mio::net::UnixStream::from_std(stream);
                (ClientStream::Unix(stream), who, None)
            }
        };
        let place = self.clients.vacant_entry();
        stream.register(self.poll.registry(), Token(place.key()))?;
        let shared = &self.lent.shared;
        let observers = &shared.facts.observers;
        observers.connected(shared.unix_us(), &who);
        let mut connection = Connection::speaking(self.terms.limits, self.terms.dialect);
        connection.identify(who.clone());
        let client = Client::new(stream, connection, who, via_virtual, now);
        place.insert(Box::new(client));
        Ok(())
    }

    /// Everyone who is ready acts and speaks, some at a time.
    fn turn(&mut self, now: Instant) {
        let ready = mem::take(&mut self.ready);
        let mut rest = &ready[..];
        while !rest.is_empty() {
            let acted = self.act_some(rest, now);
            let bytes_read = mem::take(&mut self.lent.bytes_read);
            let shared = &self.lent.shared;
            // Before an answer tells that a request was executed.
            Facts::add(&shared.facts.bytes_read, bytes_read);
            if shared.store.has_dirty() {
                shared.wake_link();
            }
            for id in &rest[..acted] {
                self.speak(*id);
            }
            rest = &rest[acted..];
        }
        let facts = &self.lent.shared.facts;
        Facts::add(
            &facts.bytes_written,
            mem::take(&mut self.lent.bytes_written),
        );
        if self.ready.is_empty() {
            // The room of the list is used again.
            self.ready = ready;
            self.ready.clear();
        }
    }

    /// Lets the next batch act. Returns how many they are.
    fn act_some(&mut self, ready: &[usize], now: Instant) -> usize {
        let mut bytes = 0;
        let mut acted = 0;
        while acted < ready.len().min(BATCH) && bytes < BATCH_BYTES {
            bytes += self.act(ready[acted], now);
            acted += 1;
        }
        acted
    }

    /// Returns how many bytes of answers it has.
    fn act(&mut self, id: usize, now: Instant) -> usize {
        let Some(client) = self.clients.get_mut(id) else {
            return 0;
        };
        client.is_ready = false;
        let was_watching = client.is_watching();
        let outcome = client.act(now, &mut self.lent);
        if client.is_watching() && !was_watching {
            self.watching.push(id);
        }
        let bytes = client.output_len();
        if let Err(error) = outcome {
            self.close(id, &Err(error));
        }
        bytes
    }

    fn speak(&mut self, id: usize) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        match client.speak(&mut self.lent) {
            Ok(Next::Wait) => {}
            Ok(Next::WaitForPeer) => self.waiting.push(id),
            Ok(Next::Again) => self.make_ready(id),
            Ok(Next::Close) => self.close(id, &Ok("normal")),
            Err(error) => self.close(id, &Err(error)),
        }
    }

    fn tick(&mut self, now: Instant) {
        self.tick_at = now + TICK;
        let mut watching = mem::take(&mut self.watching);
        watching.retain(|id| {
            self.clients
                .get(*id)
                .is_some_and(|client| client.is_watching())
        });
        watching.iter().for_each(|id| self.make_ready(*id));
        self.watching = watching;
        if let Some(most) = self.terms.idle_timeout
            && now >= self.idle_at
        {
            self.idle_at = now + IDLE_INTERVAL;
            self.close_idle(now, most);
        }
    }

    fn close_idle(&mut self, now: Instant, most: Duration) {
        let idle = |client: &Client| !client.is_watching() && now.since(client.used_at) >= most;
        let idle: Vec<_> = self
            .clients
            .iter()
            .filter(|(_, client)| idle(client))
            .map(|(id, _)| id)
            .collect();
        for id in idle {
            Facts::add(&self.lent.shared.facts.idle_kicks, 1);
            self.close(id, &Ok("idle_timeout"));
        }
    }

    fn close(&mut self, id: usize, reason: &io::Result<&str>) {
        let client = self.clients.remove(id);
        let shared = &self.lent.shared;
        let facts = &shared.facts;
        facts.curr_connections.fetch_sub(1, Ordering::Relaxed);
        let reason = reason.as_ref().unwrap_or_else(|error| {
            tracing::debug!("a client connection ended: {error}");
            &"error"
        });
        facts
            .observers
            .disconnected(shared.unix_us(), &client.who, reason);
        drop(client);
        shared.connection_ended();
    }
}
