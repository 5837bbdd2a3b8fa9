//! Why the demo cannot go on.

use std::fmt;

/// Whatever the variant, what was set up is removed by the time the demo returns.
#[derive(Debug)]
pub(super) enum DemoError {
    /// Namespaces cannot be made by this user or in this environment; the reason.
    Denied(String),
    /// Something else is wrong; a sentence for the user.
    Failed(String),
    /// A signal asked for the end, or nobody can see the demo any more. Not a failure.
    Ended,
}

impl DemoError {
    /// What could not be done, and the system's reason.
    pub(super) fn failed(what: &str, reason: &dyn fmt::Display) -> DemoError {
        DemoError::Failed(format!("{what}: {reason}"))
    }
}
