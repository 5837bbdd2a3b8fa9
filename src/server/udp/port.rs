//! One socket: its requests are executed, may wait for the peer, and are answered.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use quinn_udp::{Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use vrrp::time::Instant;

use super::exchange::Exchange;
use super::frames::HEADER_LENGTH;
use crate::connection::{Connection, Context, Facts};
use crate::server::process;
use crate::server::sections;
use crate::server::shared::Shared;
use crate::server::terms::Terms;

/// Longest answer.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Requests of one socket that wait for the peer at a time.
const WAITING_MAX: usize = 1024;
/// How long one may wait.
const WAIT_MAX: Duration = Duration::from_secs(5);

const MULTI_PACKET: &[u8] = b"SERVER_ERROR multi-packet request not supported\r\n";
const TOO_LARGE: &[u8] = b"SERVER_ERROR response too large for UDP\r\n";

/// One socket and what its requests are served with.
pub(super) struct Port {
    pub socket: UdpSocket,
    pub state: UdpSocketState,
    pub shared: Arc<Shared>,
    pub terms: Terms,
    /// Requests that wait for the peer.
    pub waiting: Cell<usize>,
}

impl Port {
    pub async fn take(self: &Rc<Port>, datagram: &[u8], client: SocketAddr, asked: Option<IpAddr>) {
        let Some((header, payload)) = datagram.split_at_checked(HEADER_LENGTH) else {
            return;
        };
        let facts = &self.shared.facts;
        Facts::add(&facts.bytes_read, datagram.len() as u64);
        let virtual_addresses = &self.shared.virtual_addresses;
        let mut exchange = Exchange {
            connection: Connection::speaking(self.terms.limits, self.terms.dialect),
            answer: Vec::new(),
            request_id: [header[0], header[1]],
            client,
            asked,
            via_virtual: asked.is_some_and(|ip| virtual_addresses.contains(&ip.to_canonical())),
        };
        if header[4..6] != [0, 1] {
            exchange.answer = MULTI_PACKET.to_vec();
            return self.send(&exchange).await;
        }
        let served = self.act(&mut exchange, |connection, now, context, out| {
            connection.handle_bytes(now, payload, context, out);
        });
        if !served || !self.go_on(&mut exchange) {
            return;
        }
        if !exchange.waits() {
            return self.send(&exchange).await;
        }
        if self.waiting.get() < WAITING_MAX {
            self.waiting.set(self.waiting.get() + 1);
            tokio::task::spawn_local(self.clone().finish(exchange));
        }
    }

    /// Answers once the peer has what was changed.
    async fn finish(self: Rc<Port>, mut exchange: Exchange) {
        let served = tokio::time::timeout(WAIT_MAX, self.wait(&mut exchange)).await;
        self.waiting.set(self.waiting.get() - 1);
        if matches!(served, Ok(true)) {
            self.send(&exchange).await;
        }
    }

    async fn wait(&self, exchange: &mut Exchange) -> bool {
        while exchange.waits() {
            let woken = self.shared.datagrams_wake.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            // Positions may have moved before the notification was enabled.
            if !self.resume(exchange) || !self.go_on(exchange) {
                return false;
            }
            if exchange.waits() {
                woken.await;
            }
        }
        true
    }

    /// Takes the rest of a long answer. False if nothing may be answered any more.
    fn go_on(&self, exchange: &mut Exchange) -> bool {
        while exchange.can_go_on() && exchange.answer.len() <= ANSWER_BYTES_MAX {
            let length = exchange.answer.len();
            if !self.resume(exchange) {
                return false;
            }
            if exchange.answer.len() == length && !exchange.connection.has_work() {
                break;
            }
        }
        if exchange.answer.len() > ANSWER_BYTES_MAX {
            exchange.answer = TOO_LARGE.to_vec();
            exchange.connection = Connection::new(self.terms.limits);
        }
        true
    }

    fn resume(&self, exchange: &mut Exchange) -> bool {
        self.act(exchange, |connection, now, context, out| {
            connection.resume(now, context, out);
        })
    }

    /// False if the request may not be executed here any more.
    fn act(
        &self,
        exchange: &mut Exchange,
        act: impl FnOnce(&mut Connection, Instant, &Context<'_>, &mut Vec<u8>),
    ) -> bool {
        let shared = &self.shared;
        let now = shared.clock.now();
        let has_address = !exchange.via_virtual || shared.lease_holds(now);
        if !has_address || shared.closing.applies(exchange.via_virtual) {
            return false;
        }
        let section = |name: &str| sections::section(shared, name);
        let context = Context {
            store: &shared.store,
            facts: &shared.facts,
            process: process::figures,
            section: &section,
            hold: shared.hold(),
            // The configuration has no passwords where it has a UDP port.
            passwords: None,
        };
        let mut out = Vec::new();
        act(&mut exchange.connection, now, &context, &mut out);
        exchange.answer.append(&mut out);
        if shared.store.has_dirty() {
            shared.wake_link();
        }
        true
    }

    async fn send(&self, exchange: &Exchange) {
        for datagram in exchange.datagrams() {
            let transmit = Transmit {
                destination: exchange.client,
                ecn: None,
                contents: &datagram,
                segment_size: None,
                src_ip: exchange.asked,
            };
            let sent = self.socket.async_io(Interest::WRITABLE, || {
                self.state.try_send((&self.socket).into(), &transmit)
            });
            if let Err(error) = sent.await {
                tracing::debug!("udp: {}: {error}", exchange.client);
                return;
            }
            let facts = &self.shared.facts;
            Facts::add(&facts.bytes_written, datagram.len() as u64);
        }
    }
}
