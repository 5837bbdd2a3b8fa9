//! Signals, from the start on: what the default action would end must not end before anyone
//! listens, pid file and guard left behind.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::ServeError;

/// The ones that mean something, and the ones that must mean nothing. SIGPIPE is ignored by the
/// language's runtime.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user_1: Signal,
    user_2: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// SIGTERM, SIGINT.
    Leave,
    /// SIGHUP.
    ReadAgain,
}

impl Signals {
    /// Listens from now on.
    pub fn listen() -> Result<Signals, ServeError> {
        let listen = || -> io::Result<Signals> {
            Ok(Signals {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hangup: signal(SignalKind::hangup())?,
                user_1: signal(SignalKind::user_defined1())?,
                user_2: signal(SignalKind::user_defined2())?,
            })
        };
        listen().map_err(|error| ServeError::Runtime(format!("cannot wait for signals: {error}")))
    }

    /// The next one that asks for something.
    pub async fn next(&mut self) -> Asked {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Asked::Leave,
                _ = self.interrupt.recv() => return Asked::Leave,
                _ = self.hangup.recv() => return Asked::ReadAgain,
                _ = self.user_1.recv() => {}
                _ = self.user_2.recv() => {}
            }
        }
    }
}
