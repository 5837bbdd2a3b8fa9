//! The node thread: what goes into it, and its start.

use std::sync::Arc;
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;

use super::proves_itself;
use crate::config::{Config, HostPort};
use crate::node::Node;
use crate::server::ServeError;
use crate::server::address::AddressThread;
use crate::server::hook::Hook;
use crate::server::inbox::Message;
use crate::server::link::{self, Parts};
use crate::server::listen::Listeners;
use crate::server::shared::Shared;
use crate::server::tls::Handshakes;

/// Everything of the node, and a network thread at work.
pub(in crate::server) struct Connected {
    pub(super) shared: Arc<Shared>,
    pub(super) node: Node,
    pub(super) sender: UnboundedSender<Message>,
    pub(super) inbox: UnboundedReceiver<Message>,
    pub(super) address: Option<AddressThread>,
    /// The replication port.
    pub(super) listener: Option<std::net::TcpListener>,
}

impl Connected {
    /// Starts the node thread. Returns the way to it.
    pub fn start_node(
        self,
        config: &Config,
        listeners: Listeners,
        open_ports: watch::Sender<bool>,
        exit: UnboundedSender<()>,
    ) -> Result<UnboundedSender<Message>, ServeError> {
        let listener = self.listener;
        let replication = config.replication.as_ref();
        let hook = config.vrrp.as_ref().and_then(|vrrp| vrrp.on_change.clone());
        let parts = PartsWithoutListener {
            shared: self.shared,
            node: self.node,
            inbox: self.inbox,
            address: self.address,
            hook: hook.map(Hook::new),
            any_address: replication.is_some_and(proves_itself),
            tls: replication
                .and_then(|replication| replication.tls.as_ref())
                .map(Handshakes::start)
                .transpose()?,
            peer: replication.map(|replication| replication.peer.clone()),
            listeners,
            open_ports,
            exit,
        };
        thread::Builder::new()
            .name("node".to_owned())
            .spawn(move || parts.run(listener))
            .map_err(|error| ServeError::Runtime(format!("cannot start a thread: {error}")))?;
        Ok(self.sender)
    }
}

/// What goes into the node thread; its listener needs that thread's runtime.
struct PartsWithoutListener {
    shared: Arc<Shared>,
    node: Node,
    inbox: UnboundedReceiver<Message>,
    address: Option<AddressThread>,
    hook: Option<Hook>,
    any_address: bool,
    tls: Option<Handshakes>,
    peer: Option<HostPort>,
    listeners: Listeners,
    open_ports: watch::Sender<bool>,
    exit: UnboundedSender<()>,
}

impl PartsWithoutListener {
    fn run(self, listener: Option<std::net::TcpListener>) {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime needs a few descriptors");
        runtime.block_on(async move {
            let listener = listener.map(|listener| {
                tokio::net::TcpListener::from_std(listener).expect("the runtime runs")
            });
            link::run(Parts {
                shared: self.shared,
                node: self.node,
                inbox: self.inbox,
                listener,
                peer: self.peer,
                any_address: self.any_address,
                tls: self.tls,
                address: self.address,
                hook: self.hook,
                listeners: self.listeners,
                open_ports: self.open_ports,
                exit: self.exit,
            })
            .await;
        });
    }
}
