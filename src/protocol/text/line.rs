//! What one command line says, whatever its protocol.

use crate::command::{Command, Store};
use crate::protocol::{Form, Reply, Request, RequestError};

/// What a line says.
#[derive(Debug)]
pub(in crate::protocol) enum Line<'a> {
    /// A request that is complete.
    Request(Request<'a>),
    /// A store whose value of `length` bytes follows.
    Value {
        store: Store<'a>,
        length: usize,
        reply: Reply<'a>,
    },
    /// A bad line. `swallow` bytes behind it belong to it.
    Refused {
        error: RequestError,
        reply: Reply<'a>,
        swallow: u64,
        close: bool,
    },
}

pub(super) fn request(command: Command<'_>, quiet: bool) -> Line<'_> {
    Line::Request(Request {
        command,
        reply: Reply {
            form: Form::Text,
            quiet,
        },
    })
}

pub(super) fn refused<'a>(error: RequestError, quiet: bool) -> Line<'a> {
    let reply = Reply {
        form: Form::Text,
        quiet,
    };
    Line::Refused {
        error,
        reply,
        swallow: 0,
        close: false,
    }
}
