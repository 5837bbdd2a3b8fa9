//! A client of the virtual address that says how long it had no answer.
//!
//! It keeps one connection, asks for the version every few milliseconds, and connects again when
//! that fails, as a patient client does.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// Pause between two questions, and so the resolution of what is measured.
const PACE: Duration = Duration::from_millis(20);

/// An answer in the same machine takes far less; longer counts as none.
const PATIENCE: Duration = Duration::from_millis(200);

/// What changed for the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// The first answer ever.
    Answers,
    /// The connection was lost or no answer came.
    Lost,
    /// An answer came, so long after the last one before the loss.
    Back(Duration),
}

/// The thread of the client, ended when dropped.
pub(super) struct Probe {
    changes: Receiver<Change>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Probe {
    /// Starts asking `address`.
    pub(super) fn start(address: SocketAddr) -> Probe {
        let (sender, changes) = channel();
        let end = Arc::new(AtomicBool::new(false));
        let ended = end.clone();
        let thread = spawn(move || ask_until(&ended, address, &sender));
        Probe {
            changes,
            end,
            thread: Some(thread),
        }
    }

    /// The next change that was not taken yet.
    pub(super) fn change(&self) -> Option<Change> {
        self.changes.try_recv().ok()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn ask_until(end: &AtomicBool, address: SocketAddr, changes: &Sender<Change>) {
    let mut connection = None;
    let mut last_answer: Option<Instant> = None;
    let mut lost = false;
    while !end.load(Ordering::Relaxed) {
        let answered = version(&mut connection, address).is_ok();
        let now = Instant::now();
        let change = match (answered, last_answer) {
            (true, None) => Some(Change::Answers),
            (true, Some(last)) if lost => Some(Change::Back(now - last)),
            (false, Some(_)) if !lost => Some(Change::Lost),
            (true | false, _) => None,
        };
        if answered {
            last_answer = Some(now);
        }
        lost = !answered;
        if change.is_some_and(|change| changes.send(change).is_err()) {
            return;
        }
        sleep(PACE);
    }
}

/// One question over the connection, which is made if there is none and dropped at a failure.
fn version(connection: &mut Option<TcpStream>, address: SocketAddr) -> io::Result<()> {
    let mut stream = match connection.take() {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            stream
        }
    };
    stream.write_all(b"version\r\n")?;
    let mut answer = [0; 64];
    let length = stream.read(&mut answer)?;
    if !answer[..length].starts_with(b"VERSION") {
        return Err(io::ErrorKind::InvalidData.into());
    }
    *connection = Some(stream);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers one connection `times` times and closes it.
    fn answer(listener: &TcpListener, times: usize) {
        let (mut client, _) = listener.accept().expect("a client");
        let mut line = [0; 64];
        for _ in 0..times {
            client.read_exact(&mut line[..9]).expect("a question");
            client.write_all(b"VERSION 1.6\r\n").expect("it reads");
        }
    }

    #[test]
    fn a_closed_connection_is_lost_and_a_new_one_is_back() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let probe = Probe::start(listener.local_addr().expect("it is bound"));
        answer(&listener, 3);
        answer(&listener, 3);
        let mut seen = Vec::new();
        while seen.len() < 3 {
            let change = probe.changes.recv_timeout(Duration::from_secs(10));
            seen.push(change.expect("a change"));
        }
        assert_eq!(seen[..2], [Change::Answers, Change::Lost]);
        assert!(matches!(seen[2], Change::Back(_)), "{seen:?}");
    }
}
