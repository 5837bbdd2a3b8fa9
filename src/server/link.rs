//! The node thread: drives the [`Node`] with time, replication connections and VRRP datagrams, and
//! carries its actions out.
//!
//! This file waits for what happens and passes it on. How connections come about is in
//! `meeting.rs`, what moves over them in `traffic.rs`, what the node wants done in `actions.rs`.

mod actions;
mod meeting;
mod peer_addresses;
mod resolver;
mod traffic;

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::time::Sleep;
use vrrp::time::Instant;

use self::peer_addresses::{Caller, PeerAddresses};
use self::resolver::Resolver;
use self::traffic::Session;
use super::address::AddressThread;
use super::hook::Hook;
use super::inbox::Message;
use super::link_stream::LinkStream;
use super::listen::Listeners;
use super::shared::{SIGN_INTERVAL, Shared};
use super::tls::{Handshakes, Shaken};
use crate::config::HostPort;
use crate::connection::Facts;
use crate::node::Node;
use crate::replication::{Refusals, SessionId};

/// Bytes taken from one connection before the others get their turn.
const READ_BYTES: usize = 256 * 1024;
/// The status that others see is renewed this often.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);

/// What the thread works with.
pub(super) struct Parts {
    pub shared: Arc<Shared>,
    pub node: Node,
    pub inbox: UnboundedReceiver<Message>,
    pub listener: Option<TcpListener>,
    pub peer: Option<HostPort>,
    /// Without a shared secret and without TLS only the peer's address is accepted.
    pub any_address: bool,
    pub tls: Option<Handshakes>,
    pub address: Option<AddressThread>,
    pub hook: Option<Hook>,
    pub listeners: Listeners,
    pub open_ports: watch::Sender<bool>,
    pub exit: UnboundedSender<()>,
}

/// Runs until the node has left.
pub(super) async fn run(parts: Parts) {
    let resolver = Resolver::new();
    let mut link = Link {
        sessions: BTreeMap::new(),
        next_session: 1,
        dialling: None,
        sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
        published_at: Instant::ZERO,
        quieting: false,
        closing: false,
        left: false,
        peer_addresses: PeerAddresses::of(parts.peer.as_ref(), resolver.clone()),
        resolver,
        refusals: Refusals::default(),
        buffer: vec![0; READ_BYTES],
        parts,
    };
    link.run().await;
}

/// A connection that we dialled, and what the peer's name stood for.
type Dialled = io::Result<(LinkStream, Vec<IpAddr>)>;
type Dial = Pin<Box<dyn Future<Output = Dialled> + Send>>;

struct Link {
    parts: Parts,
    sessions: BTreeMap<SessionId, Session>,
    next_session: SessionId,
    dialling: Option<Dial>,
    sleep: Pin<Box<Sleep>>,
    published_at: Instant,
    /// Waits until no worker executes requests.
    quieting: bool,
    /// Waits for the connections over a virtual address to close.
    closing: bool,
    left: bool,
    peer_addresses: PeerAddresses,
    resolver: Resolver,
    refusals: Refusals,
    buffer: Vec<u8>,
}

/// What happened.
enum Input {
    Message(Message),
    Accepted(TcpStream, SocketAddr),
    /// The peer's name was looked up for those who wait.
    LookedUp(Vec<Caller>),
    Shaken(SocketAddr, Shaken),
    Dialled(Dialled),
    Readable(SessionId),
    Writable,
    Woken,
    Timeout,
}

impl Link {
    async fn run(&mut self) {
        let now = self.now();
        self.parts.node.start(now);
        self.carry_out(now);
        while !self.left {
            let input = self.next_input().await;
            self.take(input);
            self.turn();
        }
        // What was ordered last, removing the address and priority 0, must be done before the
        // process ends.
        if let Some(address) = self.parts.address.take() {
            address.finish();
        }
        let _ended = self.parts.exit.send(());
    }

    fn now(&self) -> Instant {
        self.parts.shared.clock.now()
    }

    async fn next_input(&mut self) -> Input {
        let until = self
            .parts
            .shared
            .clock
            .until(self.parts.node.poll_timeout(self.now()))
            .min(SIGN_INTERVAL);
        // The timer has a resolution of a millisecond and never fires early.
        self.sleep
            .as_mut()
            .reset(tokio::time::Instant::now() + until);
        let shared = self.parts.shared.clone();
        shared.link_is_looking();
        if self.is_quiet() || self.is_closed() {
            return Input::Woken;
        }
        if self.parts.node.has_work_for_link() && !self.all_busy() {
            return self.input_that_waits().await;
        }
        let woken = shared.link_wake.notified();
        tokio::pin!(woken);
        poll_fn(|task| {
            if let Poll::Ready(input) = self.poll_input(task) {
                return Poll::Ready(input);
            }
            woken.as_mut().poll(task).map(|()| Input::Woken)
        })
        .await
    }

    /// There is something to send. However fast workers make more of it, what has arrived comes
    /// first: acknowledgements and signs of life of the peer among it.
    async fn input_that_waits(&mut self) -> Input {
        // Only a task that yields lets the runtime look at the sockets.
        tokio::task::yield_now().await;
        poll_fn(|task| match self.poll_input(task) {
            Poll::Pending => Poll::Ready(Input::Woken),
            ready => ready,
        })
        .await
    }

    /// Messages first, then time, then bytes: no load on the link delays what VRRP says.
    fn poll_input(&mut self, task: &mut Context<'_>) -> Poll<Input> {
        if let Poll::Ready(Some(message)) = self.parts.inbox.poll_recv(task) {
            return Poll::Ready(Input::Message(message));
        }
        if self.sleep.as_mut().poll(task).is_ready() {
            return Poll::Ready(Input::Timeout);
        }
        if let Some(dial) = &mut self.dialling
            && let Poll::Ready(result) = dial.as_mut().poll(task)
        {
            self.dialling = None;
            return Poll::Ready(Input::Dialled(result));
        }
        if let Some(listener) = &self.parts.listener
            && let Poll::Ready(Ok((stream, address))) = listener.poll_accept(task)
        {
            return Poll::Ready(Input::Accepted(stream, address));
        }
        if let Poll::Ready(callers) = self.peer_addresses.poll_looked_up(task) {
            return Poll::Ready(Input::LookedUp(callers));
        }
        if let Some(tls) = &mut self.parts.tls
            && let Poll::Ready((address, shaken)) = tls.poll_accepted(task)
        {
            return Poll::Ready(Input::Shaken(address, shaken));
        }
        for (id, session) in &self.sessions {
            if session.stream.poll_read_ready(task).is_ready() {
                return Poll::Ready(Input::Readable(*id));
            }
            if session.is_busy() && session.stream.poll_write_ready(task).is_ready() {
                return Poll::Ready(Input::Writable);
            }
        }
        Poll::Pending
    }

    fn take(&mut self, input: Input) {
        let now = self.now();
        let node = &mut self.parts.node;
        match input {
            Input::Message(message) => self.take_message(now, message),
            Input::Accepted(stream, address) => self.accept(now, stream, address),
            Input::LookedUp(callers) => self.accept_waiting(now, callers),
            Input::Shaken(address, shaken) => self.accept_secured(now, address, shaken),
            Input::Dialled(Ok((stream, addresses))) => {
                self.peer_addresses.learn(addresses);
                self.open(now, stream, true);
            }
            Input::Dialled(Err(error)) => {
                node.dial_failed(now, error.kind() == io::ErrorKind::ConnectionRefused);
                self.tell(now, "the peer cannot be reached", &error);
            }
            Input::Readable(id) => self.read(now, id),
            Input::Writable | Input::Woken | Input::Timeout => {}
        }
    }

    /// After every input: everything heard before the timers, then what is due, then output.
    fn turn(&mut self) {
        let now = self.now();
        self.parts.shared.node_lives(now);
        let node = &mut self.parts.node;
        if node.poll_timeout(now) <= now {
            // A process that wakes from a freeze reads what came meanwhile before it acts.
            while let Ok(message) = self.parts.inbox.try_recv() {
                self.take_message(now, message);
            }
            let node = &mut self.parts.node;
            node.set_workers_at(self.parts.shared.slowest_worker_at());
            node.handle_timeout(now);
        }
        if self.is_quiet() {
            self.quieting = false;
            self.parts.node.requests_held(now);
        }
        if self.is_closed() {
            self.closing = false;
            self.parts.node.connections_closed(now);
        }
        self.carry_out(now);
        self.write_all(now);
        self.carry_out(now);
        if now.since(self.published_at) >= PUBLISH_INTERVAL {
            self.publish(now);
        }
    }

    /// The end of requests was waited for, and is there.
    fn is_quiet(&self) -> bool {
        self.quieting && self.parts.shared.rounds.is_over()
    }

    /// The end of connections was waited for, and is there.
    fn is_closed(&self) -> bool {
        let shared = &self.parts.shared;
        if !self.closing {
            false
        } else if self.parts.node.is_exiting() {
            Facts::of(&shared.facts.curr_connections) == 0
        } else {
            shared.virtual_connections.is_empty()
        }
    }

    fn publish(&mut self, now: Instant) {
        self.published_at = now;
        *self.parts.shared.status.lock() = Some(self.parts.node.status(now));
    }

    fn take_message(&mut self, now: Instant, message: Message) {
        let node = &mut self.parts.node;
        match message {
            Message::Datagram(datagram, _place) => node.handle_datagram(now, datagram.borrow()),
            Message::InterfaceUp(up) => node.set_interface_up(now, up),
            Message::AddressGone => node.handle_address_gone(now),
            Message::AddressFailed => node.handle_address_failed(now),
            Message::Leave => node.leave(now),
            Message::Status(reply) => {
                let _unheard = reply.send(node.status(now));
            }
            Message::HandOver { force, reply } => {
                let _unheard = reply.send(node.hand_over(now, force));
            }
        }
    }
}
