//! What clients may expect of this server.

use std::time::Duration;

use crate::protocol::{Dialect, Limits};

/// How clients are served.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub limits: Limits,
    /// The only protocol that clients may speak, if there is one.
    pub dialect: Option<Dialect>,
    pub idle_timeout: Option<Duration>,
}
