//! Worker threads: each has a runtime of its own and serves the connections handed to it.

use std::cell::RefCell;
use std::io;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use super::client::{self, Buffers, READ_BYTES, Service};
use super::shared::Shared;
use super::udp;
use super::virtual_connections::Registration;
use crate::connection::Client;
use crate::protocol::{Dialect, Limits};

/// A worker shows a sign of life this often.
const ALIVE_INTERVAL: Duration = Duration::from_millis(100);

/// A connection on its way to a worker.
pub(super) enum Accepted {
    /// Over TCP; registered where it came over a virtual address.
    Tcp(TcpStream, Arc<Client>, Option<Registration>),
    /// Over the unix socket.
    Unix(UnixStream, Arc<Client>),
    /// A socket that takes datagrams from all clients.
    Udp(UdpSocket),
}

/// The way to the workers, in turn.
pub(super) struct Workers {
    queues: Vec<UnboundedSender<Accepted>>,
    next: usize,
}

impl Workers {
    /// Starts the threads.
    pub fn start(
        shared: &Arc<Shared>,
        count: usize,
        limits: Limits,
        dialect: Option<Dialect>,
        idle_timeout: Option<Duration>,
    ) -> io::Result<Workers> {
        let mut queues = Vec::new();
        for worker in 0..count {
            let (sender, receiver) = unbounded_channel();
            let shared = shared.clone();
            thread::Builder::new()
                .name(format!("worker-{worker}"))
                .spawn(move || {
                    run(shared, worker, limits, dialect, idle_timeout, receiver);
                })?;
            queues.push(sender);
        }
        Ok(Workers { queues, next: 0 })
    }

    /// Hands a connection to the next worker. Connections are bounded by whoever accepts them.
    pub fn assign(&mut self, accepted: Accepted) {
        self.next = (self.next + 1) % self.queues.len();
        // A worker that is gone takes the process with it; its queue refuses only then.
        let _gone = self.queues[self.next].send(accepted);
    }
}

fn run(
    shared: Arc<Shared>,
    worker: usize,
    limits: Limits,
    dialect: Option<Dialect>,
    idle_timeout: Option<Duration>,
    mut queue: UnboundedReceiver<Accepted>,
) {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime needs a few descriptors");
    let buffers = Buffers {
        read: vec![0; READ_BYTES],
        write: Vec::with_capacity(READ_BYTES),
    };
    let buffers = Rc::new(RefCell::new(buffers));
    let service = Service {
        shared: shared.clone(),
        worker,
        buffers,
        limits,
        dialect,
        idle_timeout,
    };
    let local = LocalSet::new();
    local.spawn_local(show_life(shared, worker));
    local.block_on(&runtime, async move {
        while let Some(accepted) = queue.recv().await {
            if let Err(error) = spawn(accepted, &service) {
                tracing::warn!("a client connection could not be served: {error}");
            }
        }
    });
}

async fn show_life(shared: Arc<Shared>, worker: usize) {
    let mut interval = tokio::time::interval(ALIVE_INTERVAL);
    loop {
        interval.tick().await;
        shared.workers_at[worker].store(shared.clock.now().as_nanos(), Ordering::Release);
    }
}

fn spawn(accepted: Accepted, service: &Service) -> io::Result<()> {
    let service = service.clone();
    match accepted {
        Accepted::Tcp(stream, who, registration) => {
            let stream = tokio::net::TcpStream::from_std(stream)?;
            tokio::task::spawn_local(client::serve(stream, who, registration, service));
        }
        Accepted::Unix(stream, who) => {
            let stream = tokio::net::UnixStream::from_std(stream)?;
            tokio::task::spawn_local(client::serve(stream, who, None, service));
        }
        Accepted::Udp(socket) => {
            tokio::task::spawn_local(async move {
                if let Err(error) = udp::serve(socket, service).await {
                    tracing::error!("cannot serve UDP: {error}");
                }
            });
        }
    }
    Ok(())
}
