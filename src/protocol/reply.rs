//! Answers: one set of verbs for the three forms of the protocol.

use super::{RequestError, binary, meta, text};
use crate::command::{ItemView, Outcome};

/// How to answer one request. Every method appends to `out`, or does not where noreply, `q` or a
/// quiet opcode asks for silence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reply<'a> {
    /// The dialect of the request and what the answer repeats of it.
    pub form: Form<'a>,
    /// Whether the client wants less than all answers. Text: none at all. Meta: neither `HD` nor
    /// `EN`. Binary: no success, and no miss of a get.
    pub quiet: bool,
}

/// The dialect of a request and what its answer repeats of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form<'a> {
    /// A classic text command.
    Text,
    /// A meta command.
    Meta(meta::Form<'a>),
    /// A binary request.
    Binary(binary::Form<'a>),
}

impl Reply<'_> {
    /// The answer to a classic text command that wants one.
    pub const TEXT: Reply<'static> = Reply {
        form: Form::Text,
        quiet: false,
    };

    /// An item that was found. `with_cas` is [`Get::with_cas`](crate::command::Get::with_cas);
    /// other commands decide for themselves what they show.
    #[inline]
    pub fn hit(&self, with_cas: bool, item: &ItemView<'_>, out: &mut Vec<u8>) {
        match &self.form {
            Form::Text => text::reply::value(with_cas, item, out),
            Form::Meta(form) => form.hit(item, out),
            Form::Binary(form) => form.hit(item, out),
        }
    }

    /// The key of a read is absent. Classic gets say nothing.
    #[inline]
    pub fn miss(&self, key: &[u8], out: &mut Vec<u8>) {
        match &self.form {
            Form::Text => {}
            Form::Meta(form) => form.miss(self.quiet, out),
            Form::Binary(form) => form.miss(self.quiet, key, out),
        }
    }

    /// All keys of a classic get are answered. Nothing for the others.
    #[inline]
    pub fn end(&self, out: &mut Vec<u8>) {
        if matches!(self.form, Form::Text) {
            out.extend_from_slice(b"END\r\n");
        }
    }

    /// What the store did.
    #[inline]
    pub fn outcome(&self, outcome: &Outcome, out: &mut Vec<u8>) {
        match &self.form {
            Form::Text if self.quiet => {}
            Form::Text => text::reply::outcome(outcome, out),
            Form::Meta(form) => form.outcome(self.quiet, outcome, out),
            Form::Binary(form) => form.outcome(self.quiet, outcome, out),
        }
    }

    /// The request was refused. Only the classic noreply silences an error.
    pub fn error(&self, error: &RequestError, out: &mut Vec<u8>) {
        match &self.form {
            Form::Text if self.quiet => {}
            Form::Text | Form::Meta(_) => text::reply::line(error.line(), out),
            Form::Binary(form) => form.error(*error, out),
        }
    }

    /// One line of an administrative command's answer, without its line end.
    pub fn line(&self, line: &str, out: &mut Vec<u8>) {
        match &self.form {
            Form::Text if self.quiet => {}
            Form::Text | Form::Meta(_) => text::reply::line(line, out),
            Form::Binary(form) => form.success(self.quiet, 0, line.as_bytes(), out),
        }
    }

    /// The server's version.
    pub fn version(&self, version: &str, out: &mut Vec<u8>) {
        match &self.form {
            Form::Text | Form::Meta(_) => {
                out.extend_from_slice(b"VERSION ");
                text::reply::line(version, out);
            }
            Form::Binary(form) => form.success(self.quiet, 0, version.as_bytes(), out),
        }
    }

    /// `mn`, binary NOOP.
    pub fn noop(&self, out: &mut Vec<u8>) {
        match &self.form {
            Form::Text | Form::Meta(_) => out.extend_from_slice(b"MN\r\n"),
            Form::Binary(form) => form.success(self.quiet, 0, b"", out),
        }
    }

    /// The farewell: binary QUIT is answered, QUITQ and text `quit` are not.
    pub fn quit(&self, out: &mut Vec<u8>) {
        if let Form::Binary(form) = &self.form {
            form.success(self.quiet, 0, b"", out);
        }
    }

    /// One statistic.
    pub fn stat(&self, name: &str, value: &[u8], out: &mut Vec<u8>) {
        match &self.form {
            Form::Text | Form::Meta(_) => text::reply::stat(name, value, out),
            Form::Binary(form) => form.stat(name, value, out),
        }
    }

    /// The last statistic was sent.
    pub fn stats_end(&self, out: &mut Vec<u8>) {
        match &self.form {
            Form::Text | Form::Meta(_) => out.extend_from_slice(b"END\r\n"),
            Form::Binary(form) => form.stat("", b"", out),
        }
    }

    /// `stats reset` was done.
    pub fn stats_reset(&self, out: &mut Vec<u8>) {
        match &self.form {
            Form::Text | Form::Meta(_) => out.extend_from_slice(b"RESET\r\n"),
            Form::Binary(form) => form.stat("", b"", out),
        }
    }

    /// The internal state of an item, for `me`. `class` is its slab class and `size` what it takes
    /// in memory, in bytes. An absent key is a [`Reply::miss`].
    pub fn meta_debug(&self, item: &ItemView<'_>, class: u32, size: usize, out: &mut Vec<u8>) {
        if let Form::Meta(form) = &self.form {
            form.debug(item, class, size, out);
        }
    }
}
