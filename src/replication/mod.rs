//! Replication with the one peer: frames, the machine that speaks them, no sockets.
//!
//! The store is the log (`store::changes`); this module walks it, frames it, and applies what the
//! peer's walk brings. Order of use: [`Peer::connected`], then [`Peer::handle_bytes`] and
//! [`Peer::poll_transmit`] as bytes come and go, [`Peer::handle_timeout`] when
//! [`Peer::poll_timeout`] says so, and after each input every [`Peer::poll_event`].

mod age;
mod catch_up;
mod comparing;
mod conflicts;
mod connections;
mod envelope;
mod establish;
mod event;
mod feed;
mod frame;
mod hello;
mod on_the_way;
mod peer;
mod receiving;
mod record;
mod refusals;
mod secret;
mod sending;
mod session;
mod status;
mod targets;
#[cfg(test)]
mod tests;
mod transmit;
mod waiting;
mod wire;

pub use catch_up::CatchUpFigures;
pub use event::Event;
pub use frame::{Frame, FrameError, VERSION_NEWEST, VERSION_OLDEST, decode};
pub use hello::{Greeting, Heartbeat, Hello, Settings};
pub use peer::{Options, Peer};
pub use refusals::Refusals;
pub use session::SessionId;
pub use status::{Condition, Figures};
