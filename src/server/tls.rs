//! TLS handshakes of the link, on a thread of their own.
//!
//! The node thread hands sockets over and gets them back encrypted and proved, so that neither the
//! arithmetic nor a stranger that stays silent delays what it does. Each handshake has a second.
//! Those of strangers are few at a time: a new one ends the oldest, and none of the peer's address.

use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::ServeError;
use super::link_stream::{LinkStream, Unblocking, in_words};
use super::pinned::Pinned;
use crate::config::Tls;
use crate::replication::Frame;

/// How long a handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(1);
/// How long an end that is refused may take to close. It is told by an alert.
const FAREWELL_MAX: Duration = Duration::from_millis(300);
/// Handshakes at a time with strangers, and as many with the peer's address.
const HANDSHAKES_MAX: usize = 8;
/// First bytes of records in a handshake (RFC 8446 §5.1): alert and handshake.
const RECORDS: [u8; 2] = [21, 22];
const PLAIN_HERE: &str = "the other end speaks without TLS: replication.tls is set here but not \
     on the peer";
const PLAIN_THERE: &str = "replication.tls is set on the peer but not here";

/// A proved connection, on its way from one runtime to another.
pub(super) struct Secured {
    stream: std::net::TcpStream,
    connection: Box<Connection>,
}

impl Secured {
    /// For the runtime of the thread that calls.
    pub fn into_stream(self) -> io::Result<LinkStream> {
        let stream = TcpStream::from_std(self.stream)?;
        Ok(LinkStream::secured(stream, *self.connection))
    }
}

/// A handshake that has ended; the error is for the log.
pub(super) type Shaken = Result<Secured, String>;

enum Order {
    Accept {
        stream: std::net::TcpStream,
        address: SocketAddr,
        is_peer: bool,
    },
    Connect {
        stream: std::net::TcpStream,
        reply: oneshot::Sender<Shaken>,
    },
}

/// The way to the thread.
pub(super) struct Handshakes {
    orders: UnboundedSender<Order>,
    accepted: UnboundedReceiver<(SocketAddr, Shaken)>,
}

impl Handshakes {
    /// Starts the thread.
    pub fn start(tls: &Tls) -> Result<Handshakes, ServeError> {
        let failed = |error: &dyn std::fmt::Display| {
            ServeError::Runtime(format!("cannot use replication.tls: {error}"))
        };
        let keys = Keys::new(tls).map_err(|error| failed(&error))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed(&error))?;
        let (orders, inbox) = unbounded_channel();
        let (outbox, accepted) = unbounded_channel();
        thread::Builder::new()
            .name("tls".to_owned())
            .spawn(move || runtime.block_on(run(keys, inbox, outbox)))
            .map_err(|error| failed(&error))?;
        Ok(Handshakes { orders, accepted })
    }

    /// Begins the handshake of a connection that the other end dialled.
    pub fn accept(&self, stream: TcpStream, address: SocketAddr, is_peer: bool) {
        if let Ok(stream) = stream.into_std() {
            let _ended = self.orders.send(Order::Accept {
                stream,
                address,
                is_peer,
            });
        }
    }

    /// The next accepted connection whose handshake has ended.
    pub fn poll_accepted(&mut self, task: &mut Context<'_>) -> Poll<(SocketAddr, Shaken)> {
        match self.accepted.poll_recv(task) {
            Poll::Ready(Some(ended)) => Poll::Ready(ended),
            _ => Poll::Pending,
        }
    }

    /// Another way to the thread, for a future that dials.
    pub fn dialler(&self) -> Dialler {
        Dialler(self.orders.clone())
    }
}

/// Performs the handshakes of connections that we dialled.
pub(super) struct Dialler(UnboundedSender<Order>);

impl Dialler {
    /// The connection, proved.
    ///
    /// # Errors
    ///
    /// `InvalidData` with words for the log when the other end is not the peer.
    pub async fn secure(self, stream: TcpStream) -> io::Result<LinkStream> {
        let (reply, shaken) = oneshot::channel();
        let stream = stream.into_std()?;
        let _ended = self.0.send(Order::Connect { stream, reply });
        let ended = || Err("the thread for TLS has ended".to_owned());
        match shaken.await.unwrap_or_else(|_| ended()) {
            Ok(secured) => secured.into_stream(),
            Err(words) => Err(io::Error::new(io::ErrorKind::InvalidData, words)),
        }
    }
}

/// What both kinds of handshake need.
struct Keys {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Keys {
    fn new(tls: &Tls) -> Result<Keys, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let pinned = Arc::new(Pinned::new(&tls.peer_certificate, &provider));
        let chain = vec![CertificateDer::from(tls.certificate.clone())];
        let key = || PrivateKeyDer::try_from(tls.key.der().to_vec());
        let key = || key().map_err(|error| rustls::Error::General(error.to_owned()));
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(pinned.clone())
            .with_client_auth_cert(chain.clone(), key()?)?;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(pinned)
            .with_single_cert(chain, key()?)?;
        // Every connection is proved by the certificate itself, so none is resumed.
        server.send_tls13_tickets = 0;
        Ok(Keys {
            client: Arc::new(client),
            server: Arc::new(server),
        })
    }

    fn server(&self) -> Result<Connection, String> {
        let connection = ServerConnection::new(self.server.clone());
        connection
            .map(Connection::Server)
            .map_err(|error| in_words(&error))
    }

    fn client(&self) -> Result<Connection, String> {
        // The name is told to nobody who checks it: the certificate is pinned.
        let name = ServerName::try_from("twincached").expect("this is a name");
        let connection = ClientConnection::new(self.client.clone(), name);
        connection
            .map(Connection::Client)
            .map_err(|error| in_words(&error))
    }
}

async fn run(
    keys: Keys,
    mut orders: UnboundedReceiver<Order>,
    accepted: UnboundedSender<(SocketAddr, Shaken)>,
) {
    let (mut of_peer, mut of_strangers) = (VecDeque::new(), VecDeque::new());
    while let Some(order) = orders.recv().await {
        match order {
            Order::Connect { stream, reply } => {
                let connection = keys.client();
                tokio::spawn(async move {
                    let _gone = reply.send(shake(stream, connection).await);
                });
            }
            Order::Accept {
                stream,
                address,
                is_peer,
            } => {
                let (connection, accepted) = (keys.server(), accepted.clone());
                let task = tokio::spawn(async move {
                    let _gone = accepted.send((address, shake(stream, connection).await));
                });
                let running = if is_peer {
                    &mut of_peer
                } else {
                    &mut of_strangers
                };
                admit(running, task.abort_handle());
            }
        }
    }
}

/// Adds a handshake to those that run. Where they are too many the oldest is given up.
fn admit(running: &mut VecDeque<AbortHandle>, task: AbortHandle) {
    running.retain(|task| !task.is_finished());
    if running.len() == HANDSHAKES_MAX
        && let Some(oldest) = running.pop_front()
    {
        oldest.abort();
    }
    running.push_back(task);
}

async fn shake(stream: std::net::TcpStream, connection: Result<Connection, String>) -> Shaken {
    let stream = TcpStream::from_std(stream).map_err(|error| error.to_string())?;
    let mut connection = connection?;
    let shaken = tokio::time::timeout(HANDSHAKE_MAX, exchange(&stream, &mut connection)).await;
    shaken.map_err(|_| "the other end does not finish the TLS handshake".to_owned())??;
    let stream = stream.into_std().map_err(|error| error.to_string())?;
    Ok(Secured {
        stream,
        connection: Box::new(connection),
    })
}

/// Moves the bytes of the handshake until it is done.
async fn exchange(stream: &TcpStream, connection: &mut Connection) -> Result<(), String> {
    let broken = |error: io::Error| format!("the TLS handshake was broken off: {error}");
    let mut seen = false;
    while connection.is_handshaking() || connection.wants_write() {
        if connection.wants_write() {
            stream.writable().await.map_err(broken)?;
            again(connection.write_tls(&mut Unblocking(stream))).map_err(broken)?;
            continue;
        }
        if !std::mem::replace(&mut seen, true) {
            refuse_plain(stream).await?;
        }
        stream.readable().await.map_err(broken)?;
        match again(connection.read_tls(&mut Unblocking(stream))).map_err(broken)? {
            Some(0) => return Err(broken(io::ErrorKind::UnexpectedEof.into())),
            Some(_) => {}
            None => continue,
        }
        if let Err(error) = connection.process_new_packets() {
            let told = tell_why(stream, connection);
            let _unheard = tokio::time::timeout(FAREWELL_MAX, told).await;
            return Err(in_words(&error));
        }
    }
    Ok(())
}

/// Sends the alert, and what stands before it, and waits until the other end has closed. It has
/// sent more by now, and what was not read would turn the end of the connection into a reset, which
/// overtakes the alert.
async fn tell_why(stream: &TcpStream, connection: &mut Connection) -> io::Result<()> {
    while connection.wants_write() {
        connection.write_tls(&mut Unblocking(stream))?;
    }
    SockRef::from(stream).shutdown(Shutdown::Write)?;
    let mut unread = [0; 4096];
    loop {
        stream.readable().await?;
        if again(stream.try_read(&mut unread))? == Some(0) {
            return Ok(());
        }
    }
}

/// Looks at the first byte. An end that speaks in the clear is told why it is refused.
async fn refuse_plain(stream: &TcpStream) -> Result<(), String> {
    let mut first = [0];
    let seen = stream.peek(&mut first).await;
    if seen.is_ok_and(|count| count == 0 || RECORDS.contains(&first[0])) {
        return Ok(());
    }
    let mut farewell = Vec::new();
    Frame::Goodbye(PLAIN_THERE.to_owned()).encode(&mut farewell);
    let _unheard = stream.try_write(&farewell);
    // What was not read would turn the end of the connection into a reset, which overtakes it.
    let _dropped = stream.try_read(&mut [0; 512]);
    Err(PLAIN_HERE.to_owned())
}

/// `None` for what has to be tried again when the socket is ready.
fn again(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        done => done.map(Some),
    }
}
