//! Why a measurement ended without a result.

use std::fmt;
use std::io;

/// Nothing was measured, and this is why.
#[derive(Debug)]
pub enum Failure {
    /// The system refused something.
    System {
        /// What was being done.
        doing: String,
        /// What it said.
        error: io::Error,
    },
    /// A server did not start; its own words.
    Server {
        /// Which one.
        name: String,
        /// What it wrote.
        output: String,
    },
    /// A server gave a wrong answer.
    WrongAnswer {
        /// What should have come.
        expected: String,
        /// What came.
        found: String,
    },
    /// A server stopped answering.
    Silent,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::System { doing, error } => write!(f, "{doing}: {error}"),
            Failure::Server { name, output } => write!(f, "{name} did not start: {output}"),
            Failure::WrongAnswer { expected, found } => {
                write!(f, "a wrong answer: expected {expected}, found {found}")
            }
            Failure::Silent => f.write_str("the server stopped answering"),
        }
    }
}

impl std::error::Error for Failure {}

/// Says what was being done when the system refused.
pub trait Doing<T> {
    /// Turns the system's error into a [`Failure`].
    fn doing(self, doing: &str) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, doing: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::System {
            doing: doing.to_owned(),
            error: error.into(),
        })
    }
}
