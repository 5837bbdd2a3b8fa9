//! Connections that the kernel has accepted and this process has not taken yet.
//!
//! Such a client believes that it is connected. When the virtual address goes it has to be reset
//! as the others are, and for that its connection has to be taken first, by the acceptor. What the
//! kernel still has when the address is gone ends without a word. So nothing new may come into the
//! queues from the last look at them until the address is gone.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{SockFilter, SockRef};

/// Between two looks. Longer than the acceptor needs to reset what it has taken.
const LOOK_INTERVAL: Duration = Duration::from_micros(200);
/// Looks in a row that have to find nothing.
const EMPTY_LOOKS: u32 = 2;

/// `BPF_RET | BPF_K`, here with 0 bytes of the packet: none passes.
const BPF_RETURN: u16 = 0x06;

/// The queues of all listening TCP sockets.
#[derive(Default)]
pub struct AcceptQueues {
    listeners: Mutex<Vec<OwnedFd>>,
}

impl AcceptQueues {
    /// Watches the queue of this socket from now on.
    ///
    /// # Errors
    /// The descriptor could not be duplicated.
    pub fn watch(&self, listener: &impl AsFd) -> io::Result<()> {
        let listener = listener.as_fd().try_clone_to_owned()?;
        self.listeners.lock().push(listener);
        Ok(())
    }

    /// Lets no connection begin as long as the returned value lives. Who tries is not refused: the
    /// kernel hears nothing of it, and the client asks again after a second (RFC 6298, initial RTO),
    /// the host that then has the address.
    pub fn shut(&self) -> Shut<'_> {
        let nothing = [SockFilter::new(BPF_RETURN, 0, 0, 0)];
        self.for_each(|listener| listener.attach_filter(&nothing));
        Shut(self)
    }

    /// Waits until the acceptor has taken all, or for so long: clients may come without end.
    pub fn wait_until_empty(&self, most: Duration) {
        let began = Instant::now();
        let mut empty_looks = 0;
        while empty_looks < EMPTY_LOOKS && began.elapsed() < most {
            empty_looks = if self.are_empty() { empty_looks + 1 } else { 0 };
            thread::sleep(LOOK_INTERVAL);
        }
    }

    fn for_each(&self, change: impl Fn(SockRef<'_>) -> io::Result<()>) {
        for listener in self.listeners.lock().iter() {
            // Without a filter a connection of this very moment may be forgotten, no more.
            let _as_before = change(SockRef::from(listener));
        }
    }

    fn are_empty(&self) -> bool {
        let listeners = self.listeners.lock();
        let mut each: Vec<PollFd<'_>> = listeners
            .iter()
            .map(|listener| PollFd::new(listener, PollFlags::IN))
            .collect();
        // A failure says nothing about the queues: it is no reason to wait.
        poll(&mut each, Some(&Timespec::default())).unwrap_or(0) == 0
    }
}

/// While it lives, connections do not begin.
pub struct Shut<'a>(&'a AcceptQueues);

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.for_each(|listener| listener.detach_filter());
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_queue_is_empty_when_its_connections_are_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let queues = AcceptQueues::default();
        queues.watch(&listener).unwrap();
        assert!(queues.are_empty());
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(!queues.are_empty());
        let _taken = listener.accept().unwrap();
        assert!(queues.are_empty());
    }

    #[test]
    fn no_connection_begins_while_the_queues_are_shut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let queues = AcceptQueues::default();
        queues.watch(&listener).unwrap();
        let shut = queues.shut();
        let tried = TcpStream::connect_timeout(&address, Duration::from_millis(50));
        assert_eq!(tried.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(queues.are_empty());
        drop(shut);
        let _client = TcpStream::connect(address).unwrap();
        assert!(!queues.are_empty());
    }

    #[test]
    fn clients_without_end_are_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let queues = AcceptQueues::default();
        queues.watch(&listener).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        queues.wait_until_empty(Duration::from_millis(5));
        assert!(!queues.are_empty());
    }
}
