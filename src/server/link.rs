//! The node thread: drives the [`Node`] with time, replication connections and VRRP datagrams, and
//! carries its actions out.

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
use tokio::sync::{oneshot, watch};
use tokio::time::Sleep;
use tracing::{debug, info, warn};
use vrrp::time::Instant;

use super::address::{AddressThread, Order, OwnedDatagram};
use super::guard::GuardProcess;
use super::hook::Hook;
use super::link_stream::LinkStream;
use super::shared::Shared;
use super::tls::{Handshakes, Secured, Shaken};
use crate::config::HostPort;
use crate::connection::Facts;
use crate::node::{Action, Node, Refused, Status};
use crate::replication::{Refusals, SessionId};

/// Bytes taken from one connection before the others get their turn.
const READ_BYTES: usize = 256 * 1024;
/// How long a connection attempt may take.
const DIAL_MAX: Duration = Duration::from_secs(1);
/// While connections close, how often it is looked whether they have.
const CLOSING_POLL: Duration = Duration::from_millis(1);
/// The status that others see is renewed this often.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);

/// What other threads tell the node thread.
pub(super) enum Message {
    /// A datagram of protocol 112.
    Datagram(OwnedDatagram),
    /// The interface lost or regained its carrier.
    InterfaceUp(bool),
    /// A virtual address is gone.
    AddressGone,
    /// A virtual address could not be added.
    AddressFailed,
    /// SIGTERM.
    Leave,
    /// `/status`.
    Status(oneshot::Sender<Status>),
    /// `twincached failover`.
    HandOver {
        force: bool,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
}

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
    pub guard: Option<GuardProcess>,
    pub hook: Option<Hook>,
    pub open_ports: watch::Sender<bool>,
    pub exit: UnboundedSender<()>,
}

/// Runs until the node has left.
pub(super) async fn run(parts: Parts) {
    let mut link = Link {
        sessions: BTreeMap::new(),
        next_session: 1,
        dialling: None,
        sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
        published_at: Instant::ZERO,
        closing: false,
        left: false,
        peer_addresses: Vec::new(),
        refusals: Refusals::default(),
        buffer: vec![0; READ_BYTES],
        parts,
    };
    link.run().await;
}

/// A connection that we dialled, and what the peer's name stood for.
type Dialled = io::Result<(LinkStream, Vec<IpAddr>)>;
type Dial = Pin<Box<dyn Future<Output = Dialled> + Send>>;

struct Session {
    stream: LinkStream,
    output: Vec<u8>,
    written: usize,
    /// Send what is left, then close.
    closing: bool,
    /// The node has more for it.
    more: bool,
}

impl Session {
    /// Bytes wait until the socket takes them.
    fn is_busy(&self) -> bool {
        self.written < self.output.len() || self.stream.wants_flush()
    }
}

struct Link {
    parts: Parts,
    sessions: BTreeMap<SessionId, Session>,
    next_session: SessionId,
    dialling: Option<Dial>,
    sleep: Pin<Box<Sleep>>,
    published_at: Instant,
    /// Waits for the connections over a virtual address to close.
    closing: bool,
    left: bool,
    /// What the peer's name stood for at the last dial.
    peer_addresses: Vec<IpAddr>,
    refusals: Refusals,
    buffer: Vec<u8>,
}

/// What happened.
enum Input {
    Message(Message),
    Accepted(TcpStream, SocketAddr),
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
        self.parts.guard = None;
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
            .until(self.parts.node.poll_timeout(self.now()));
        let until = if self.closing {
            until.min(CLOSING_POLL)
        } else {
            until
        };
        // The timer has a resolution of a millisecond and never fires early.
        self.sleep
            .as_mut()
            .reset(tokio::time::Instant::now() + until);
        let shared = self.parts.shared.clone();
        shared.link_is_looking();
        if self.parts.node.has_work_for_link() && !self.all_busy() {
            return Input::Woken;
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
            Input::Shaken(address, shaken) => self.accept_secured(now, address, shaken),
            Input::Dialled(Ok((stream, addresses))) => {
                self.peer_addresses = addresses;
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
        if self.closing && self.connections_are_closed() {
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

    fn connections_are_closed(&self) -> bool {
        let shared = &self.parts.shared;
        if self.parts.node.is_exiting() {
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
            Message::Datagram(datagram) => node.handle_datagram(now, datagram.borrow()),
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

    fn accept(&mut self, now: Instant, stream: TcpStream, address: SocketAddr) {
        let ip = address.ip().to_canonical();
        if !self.parts.any_address && !self.is_peer(ip) {
            // The port of a stranger is another one each time.
            if self.refusals.is_news(now, &ip.to_string()) {
                warn!(
                    "replication: {address} is not the configured peer: connection refused \
                     (a replication.secret_file on both hosts would let any address prove itself)"
                );
            }
            return;
        }
        debug!("replication: connection from {address}");
        set_nodelay(&stream);
        let is_peer = self.is_peer(ip);
        match &self.parts.tls {
            Some(tls) => tls.accept(stream, address, is_peer),
            None => self.open(now, LinkStream::Plain(stream), false),
        }
    }

    fn accept_secured(&mut self, now: Instant, address: SocketAddr, shaken: Shaken) {
        let secured = shaken
            .map_err(|words| io::Error::new(io::ErrorKind::InvalidData, words))
            .and_then(Secured::into_stream);
        match secured {
            Ok(stream) => self.open(now, stream, false),
            Err(error) => {
                let who = address.ip().to_canonical();
                self.tell(now, &format!("connection from {who} refused"), &error);
            }
        }
    }

    /// Tells what keeps the peer away where it is a mistake, and that once and not at every attempt.
    fn tell(&mut self, now: Instant, what: &str, error: &io::Error) {
        let is_mistake = error.kind() == io::ErrorKind::InvalidData;
        if is_mistake && self.refusals.is_news(now, &format!("{what}: {error}")) {
            warn!("replication: {what}: {error}");
        } else {
            debug!("replication: {what}: {error}");
        }
    }

    fn is_peer(&self, ip: IpAddr) -> bool {
        let configured = self
            .parts
            .peer
            .as_ref()
            .and_then(|peer| peer.host.parse().ok());
        configured == Some(ip) || self.peer_addresses.contains(&ip)
    }

    fn open(&mut self, now: Instant, stream: LinkStream, dialled: bool) {
        let id = self.next_session;
        self.next_session += 1;
        let (output, written, closing, more) = (Vec::new(), 0, false, true);
        self.sessions.insert(
            id,
            Session {
                stream,
                output,
                written,
                closing,
                more,
            },
        );
        self.parts
            .node
            .link_connected(now, id, dialled, rand::random());
    }

    fn read(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        match session.stream.try_read(&mut self.buffer) {
            Ok(0) => self.drop_session(now, id),
            Ok(count) => {
                self.parts
                    .node
                    .handle_link_bytes(now, id, &self.buffer[..count]);
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.more = true;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                self.tell(now, "a connection has broken", &error);
                self.drop_session(now, id);
            }
        }
    }

    /// Gives every connection that can take them the bytes the node has for it.
    fn write_all(&mut self, now: Instant) {
        let ids: Vec<SessionId> = self.sessions.keys().copied().collect();
        for id in ids {
            if self.write(now, id).is_err() {
                self.drop_session(now, id);
            }
        }
    }

    fn write(&mut self, now: Instant, id: SessionId) -> io::Result<()> {
        loop {
            let session = self
                .sessions
                .get_mut(&id)
                .expect("the caller lists open sessions");
            match session.stream.flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !session.closing => {
                    return Ok(());
                }
                flushed => flushed?,
            }
            if session.written == session.output.len() {
                session.output.clear();
                session.written = 0;
                session.more = self
                    .parts
                    .node
                    .poll_link_transmit(now, id, &mut session.output);
                if session.output.is_empty() {
                    return match session.closing {
                        true => Err(io::ErrorKind::ConnectionAborted.into()),
                        false => Ok(()),
                    };
                }
            }
            match session.stream.try_write(&session.output[session.written..]) {
                Ok(count) => session.written += count,
                // One that is to be closed is not waited for: the other end may be frozen.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !session.closing => {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            if session.written == session.output.len() && session.more {
                // Others first: the next turn goes on here.
                self.parts.shared.wake_link();
                return Ok(());
            }
        }
    }

    fn all_busy(&self) -> bool {
        self.sessions.values().all(Session::is_busy)
    }

    fn drop_session(&mut self, now: Instant, id: SessionId) {
        if self.sessions.remove(&id).is_some() {
            self.parts.node.link_closed(now, id);
        }
    }

    fn carry_out(&mut self, now: Instant) {
        while let Some(action) = self.parts.node.poll_action() {
            self.perform(now, action);
        }
    }

    fn perform(&mut self, now: Instant, action: Action) {
        let shared = &self.parts.shared;
        match action {
            Action::Dial => self.dial(),
            Action::CloseSession(id) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.closing = true;
                }
            }
            Action::Wake => shared.wake_waiting(),
            Action::OpenPorts => {
                self.parts.open_ports.send_replace(true);
            }
            Action::PutAddresses { until } => {
                shared.set_lease(until);
                self.order(Order::Put(until.since(now)));
                if let Some(guard) = &mut self.parts.guard {
                    guard.revive();
                    guard.set_master(true);
                }
            }
            Action::ResetConnections => {
                shared.set_lease(Instant::ZERO);
                let count = shared.virtual_connections.reset_all();
                if count > 0 {
                    info!("{count} client connections over the virtual address were reset");
                }
            }
            Action::RemoveAddresses => {
                self.order(Order::Remove);
                if let Some(guard) = &mut self.parts.guard {
                    guard.set_master(false);
                }
            }
            Action::Advertise(message) => self.order(Order::Advertise(message)),
            Action::Announce => self.order(Order::Announce),
            Action::Changed {
                role,
                reason,
                priority,
            } => {
                if let Some(hook) = &self.parts.hook {
                    hook.run(role, &reason, priority);
                }
                self.publish(now);
            }
            Action::HoldMutations(hold) => {
                shared
                    .leaving
                    .store(hold, std::sync::atomic::Ordering::Release);
                if !hold {
                    shared.closing.end();
                }
                shared.wake_all();
            }
            Action::CloseConnections => {
                shared.closing.begin(self.parts.node.is_exiting());
                shared.wake_all();
                self.closing = true;
                self.parts.shared.wake_link();
            }
            Action::Exit => self.left = true,
        }
    }

    fn order(&self, order: Order) {
        if let Some(address) = &self.parts.address {
            address.order(order);
        }
    }

    fn dial(&mut self) {
        let Some(HostPort { host, port }) = self.parts.peer.clone() else {
            return;
        };
        let tls = self.parts.tls.as_ref().map(Handshakes::dialler);
        self.dialling = Some(Box::pin(async move {
            let timeout = || io::Error::from(io::ErrorKind::TimedOut);
            let attempt = async {
                let found = tokio::net::lookup_host((host.as_str(), port)).await?;
                let found: Vec<SocketAddr> = found.collect();
                let stream = TcpStream::connect(&found[..]).await?;
                set_nodelay(&stream);
                let stream = match tls {
                    Some(tls) => tls.secure(stream).await?,
                    None => LinkStream::Plain(stream),
                };
                let addresses = found.iter().map(|address| address.ip().to_canonical());
                Ok((stream, addresses.collect()))
            };
            tokio::time::timeout(DIAL_MAX, attempt)
                .await
                .unwrap_or_else(|_| Err(timeout()))
        }));
    }
}

fn set_nodelay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!("replication: {error}");
    }
}
