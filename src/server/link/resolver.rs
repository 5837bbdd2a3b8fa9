//! Looks names up, one at a time.
//!
//! The system's resolver blocks a thread and cannot be stopped. Who gives up while it hangs leaves
//! that thread behind, so the next lookup begins only when the last one has ended: a resolver that
//! hangs for minutes costs one thread, however often the peer is dialled meanwhile.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::config::HostPort;

/// The one way to look a name up.
#[derive(Clone)]
pub(super) struct Resolver {
    free: Arc<Semaphore>,
}

impl Resolver {
    pub fn new() -> Resolver {
        Resolver {
            free: Arc::new(Semaphore::new(1)),
        }
    }

    /// The addresses of a host; one that is written as an address is not looked up.
    pub async fn look_up(&self, peer: HostPort) -> io::Result<Vec<SocketAddr>> {
        let HostPort { host, port } = peer;
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![(address, port).into()]);
        }
        let ask = move || (host.as_str(), port).to_socket_addrs();
        Ok(self.in_turn(ask).await?.collect())
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        ask: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let turn = self.free.clone().acquire_owned().await;
        let turn = turn.expect("nobody closes it");
        let asked = tokio::task::spawn_blocking(move || {
            let found = ask();
            drop(turn);
            found
        });
        asked.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_resolver_that_hangs_is_asked_once_and_again_when_it_has_answered() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let asked = Arc::new(AtomicUsize::new(0));
        let (answer, hangs) = mpsc::channel::<()>();
        let resolver = Resolver::new();
        runtime.block_on(async {
            let patience = Duration::from_millis(20);
            let count = asked.clone();
            let hanging = resolver.in_turn(move || {
                count.fetch_add(1, Ordering::SeqCst);
                let _answered = hangs.recv();
                Ok(())
            });
            assert!(tokio::time::timeout(patience, hanging).await.is_err());
            let ask = || {
                let count = asked.clone();
                resolver.in_turn(move || Ok(count.fetch_add(1, Ordering::SeqCst)))
            };
            for _ in 0..5 {
                assert!(tokio::time::timeout(patience, ask()).await.is_err());
            }
            answer.send(()).expect("it hangs");
            assert_eq!(ask().await.expect("an answer"), 1);
        });
    }

    #[test]
    fn an_address_needs_no_resolver() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let resolver = Resolver::new();
        // The turn is taken for good, as by a resolver that hangs.
        resolver.free.forget_permits(1);
        let peer = HostPort {
            host: "::1".to_owned(),
            port: 7,
        };
        let found = runtime.block_on(resolver.look_up(peer)).expect("found");
        assert_eq!(found, ["[::1]:7".parse().expect("an address")]);
    }
}
