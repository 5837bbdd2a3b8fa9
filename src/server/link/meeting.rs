//! How the two ends come together: dialling, accepting, and who is turned away.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tracing::{debug, warn};
use vrrp::time::Instant;

use super::Link;
use super::peer_addresses::Caller;
use crate::server::link_stream::LinkStream;
use crate::server::tls::{Handshakes, Secured, Shaken};

/// How long a connection attempt may take.
const DIAL_MAX: Duration = Duration::from_secs(1);

impl Link {
    pub(super) fn dial(&mut self) {
        let Some(peer) = self.parts.peer.clone() else {
            return;
        };
        let resolver = self.resolver.clone();
        let tls = self.parts.tls.as_ref().map(Handshakes::dialler);
        self.dialling = Some(Box::pin(async move {
            let timeout = || io::Error::from(io::ErrorKind::TimedOut);
            let attempt = async {
                let found = resolver.look_up(peer).await?;
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

    pub(super) fn accept(&mut self, now: Instant, stream: TcpStream, address: SocketAddr) {
        let ip = address.ip().to_canonical();
        let is_peer = self.peer_addresses.contains(ip);
        if is_peer || self.parts.any_address {
            self.admit(now, stream, address);
        } else if self.peer_addresses.may_change(now) {
            let displaced = self.peer_addresses.hold(now, (stream, address));
            if let Some((_, address)) = displaced {
                self.turn_away(now, address);
            }
        } else {
            self.turn_away(now, address);
        }
    }

    /// The peer's name was looked up: those who waited for that come in or go.
    pub(super) fn accept_waiting(&mut self, now: Instant, callers: Vec<Caller>) {
        for (stream, address) in callers {
            if self.peer_addresses.contains(address.ip().to_canonical()) {
                self.admit(now, stream, address);
            } else {
                self.turn_away(now, address);
            }
        }
    }

    fn turn_away(&mut self, now: Instant, address: SocketAddr) {
        // The port of a stranger is another one each time.
        let news = self
            .refusals
            .is_news(now, &address.ip().to_canonical().to_string());
        let who = address.ip().to_canonical();
        self.parts.node.note_refusal(
            now,
            &format!("connection from {who} refused: it is not the configured peer"),
        );
        if news {
            warn!(
                "replication: {address} is not the configured peer: connection refused \
                 (a replication.secret_file on both hosts would let any address prove itself)"
            );
        }
    }

    fn admit(&mut self, now: Instant, stream: TcpStream, address: SocketAddr) {
        debug!("replication: connection from {address}");
        set_nodelay(&stream);
        let is_peer = self.peer_addresses.contains(address.ip().to_canonical());
        match &self.parts.tls {
            Some(tls) => tls.accept(stream, address, is_peer),
            None => self.open(now, LinkStream::Plain(stream), false),
        }
    }

    pub(super) fn accept_secured(&mut self, now: Instant, address: SocketAddr, shaken: Shaken) {
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
    pub(super) fn tell(&mut self, now: Instant, what: &str, error: &io::Error) {
        let is_mistake = error.kind() == io::ErrorKind::InvalidData;
        if is_mistake {
            self.parts
                .node
                .note_refusal(now, &format!("{what}: {error}"));
        }
        if is_mistake && self.refusals.is_news(now, &format!("{what}: {error}")) {
            warn!("replication: {what}: {error}");
        } else {
            debug!("replication: {what}: {error}");
        }
    }
}

fn set_nodelay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!("replication: {error}");
    }
}
