//! Passwords of the text protocol (`-Y`), as memcached checks them.
//!
//! Until a client has proved who it is, it is understood as little as possible: a line that begins
//! with `set` and names a length, and so many bytes of `user password`. The key, flags and exptime
//! of that line mean nothing. Everything else is `CLIENT_ERROR unauthenticated`; nothing reaches
//! the decoder or the store.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

use crate::protocol::RequestError;

/// Longest line without its end; a client that sends more is closed without a word.
const LINE_LENGTH_MAX: usize = 2048;
/// Longest `user password`. A line of the file has at most 255 bytes in memcached.
const PROOF_LENGTH_MAX: usize = 1024;
const LINE_END: &[u8] = b"\r\n";

/// The users who may connect.
pub struct Passwords {
    entries: Vec<Entry>,
}

struct Entry {
    user: Box<[u8]>,
    password: Box<[u8]>,
}

/// A line of a password file has no colon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MalformedEntry {
    /// Number of the line, the first is 1.
    pub line: usize,
}

impl fmt::Display for MalformedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MalformedEntry { line } = self;
        write!(
            f,
            "line {line} is a malformed entry. Should be 'user:password'"
        )
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passwords({} users)", self.entries.len())
    }
}

impl Passwords {
    /// From lines of `user:password`. A password ends with its line and may hold colons; one with a
    /// space can never be proved, since a space ends it in what clients send. memcached takes the
    /// first 8 lines; here all count.
    ///
    /// # Errors
    ///
    /// The first line without a colon, an empty one among them.
    pub fn parse(text: &[u8]) -> Result<Passwords, MalformedEntry> {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let lines = text.split(|byte| *byte == b'\n').enumerate();
        let entries = lines.filter(|_| !text.is_empty()).map(|(index, line)| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = memchr::memchr(b':', line);
            let colon = colon.ok_or(MalformedEntry { line: index + 1 })?;
            Ok(Entry {
                user: line[..colon].into(),
                password: line[colon + 1..].into(),
            })
        });
        let entries = entries.collect::<Result<_, _>>()?;
        Ok(Passwords { entries })
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nobody may connect.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Compares with every entry and every byte, so that the time taken tells no more than lengths.
    fn admit(&self, user: &[u8], password: &[u8]) -> bool {
        let mut admitted = Choice::from(0);
        for entry in &self.entries {
            admitted |= entry.user.ct_eq(user) & entry.password.ct_eq(password);
        }
        admitted.into()
    }
}

/// What stands before the decoder until the client has proved who it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gate {
    /// A line comes.
    Line,
    /// So many bytes come, the line end among them.
    Proof(usize),
    /// The client is who it says.
    Open,
}

/// What the gate made of the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Passage {
    /// Input below this length is not enough.
    Incomplete { need: usize },
    /// Bytes to drop, nothing to say.
    Skipped { consumed: usize },
    /// Bytes to drop, and the client is in: it hears `STORED`.
    Admitted { consumed: usize },
    /// Bytes to drop, and what is wrong.
    Refused {
        consumed: usize,
        error: RequestError,
    },
    /// Close without a word.
    Closed,
}

impl Gate {
    /// Looks at the front of `input`.
    pub fn pass(&mut self, input: &[u8], passwords: &Passwords) -> Passage {
        match *self {
            Gate::Line => self.line(input),
            Gate::Proof(length) => {
                let Some(proof) = input.get(..length) else {
                    return Passage::Incomplete { need: length };
                };
                *self = Gate::Line;
                match check(proof, passwords) {
                    Ok(()) => {
                        *self = Gate::Open;
                        Passage::Admitted { consumed: length }
                    }
                    Err(error) => Passage::Refused {
                        consumed: length,
                        error,
                    },
                }
            }
            Gate::Open => Passage::Skipped { consumed: 0 },
        }
    }

    fn line(&mut self, input: &[u8]) -> Passage {
        let window = &input[..input.len().min(LINE_LENGTH_MAX + 1)];
        let Some(end) = memchr::memchr(b'\n', window) else {
            return if window.len() > LINE_LENGTH_MAX {
                Passage::Closed
            } else {
                Passage::Incomplete { need: 0 }
            };
        };
        let consumed = end + 1;
        match proof_length(&input[..end]) {
            Some(length) => {
                *self = Gate::Proof(length + LINE_END.len());
                Passage::Skipped { consumed }
            }
            None => Passage::Refused {
                consumed,
                error: RequestError::Unauthenticated,
            },
        }
    }
}

/// The length that a line `set KEY FLAGS EXPTIME LENGTH ...` announces.
fn proof_length(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = words(line);
    if words.next() != Some(b"set") {
        return None;
    }
    let length: usize = std::str::from_utf8(words.nth(3)?).ok()?.parse().ok()?;
    (length <= PROOF_LENGTH_MAX).then_some(length)
}

fn check(proof: &[u8], passwords: &Passwords) -> Result<(), RequestError> {
    let proof = proof
        .strip_suffix(LINE_END)
        .ok_or(RequestError::BadAuthenticationEnd)?;
    let mut words = words(proof);
    let (Some(user), Some(password)) = (words.next(), words.next()) else {
        return Err(RequestError::BadAuthenticationToken);
    };
    if passwords.admit(user, password) {
        Ok(())
    } else {
        Err(RequestError::AuthenticationFailure)
    }
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, connection, seconds};
    use super::*;

    fn passwords() -> Passwords {
        Passwords::parse(b"foo:bar\nbaz:with:colon\r\nlast:one").expect("every line has a colon")
    }

    /// What a new connection answers, also when the bytes come one by one.
    fn check(input: &str, expected: &str) {
        assert_eq!(talk([input.as_bytes()]), expected, "{input:?}");
        assert_eq!(talk(input.as_bytes().chunks(1)), expected, "{input:?} cut");
    }

    fn talk<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
        let (fixture, passwords) = (Fixture::new(), passwords());
        let section = |_: &str| Vec::new();
        let mut context = fixture.context(&section);
        context.passwords = Some(&passwords);
        let (mut connection, mut out) = (connection(), Vec::new());
        for piece in pieces {
            connection.handle_bytes(seconds(1), piece, &context, &mut out);
        }
        String::from_utf8(out).expect("answers are text")
    }

    #[test]
    fn a_password_opens_the_way_to_everything() {
        check(
            "set x 0 0 7\r\nfoo bar\r\nset x 0 0 1\r\ny\r\nget x\r\n",
            "STORED\r\nSTORED\r\nVALUE x 0 1\r\ny\r\nEND\r\n",
        );
        check("set x 0 0 14\r\nbaz with:colon\r\n", "STORED\r\n");
        check("set x 0 0 8\r\nlast one\r\nmn\r\n", "STORED\r\nMN\r\n");
    }

    #[test]
    fn key_flags_exptime_and_noreply_of_the_proof_mean_nothing() {
        check("set  any a b 7 noreply\r\nfoo bar\r\n", "STORED\r\n");
        check("set x 0 0 11\n foo  bar z\r\n", "STORED\r\n");
        check("set x 0 0 7\r\nfoo bar\r\nget x\r\n", "STORED\r\nEND\r\n");
    }

    #[test]
    fn before_the_proof_nothing_is_understood() {
        for line in [
            "get a",
            "quit",
            "",
            "setx 0 0 7 7",
            "set x 0 0",
            "set x 0 0 7x",
            "set x 0 0 -1",
            "set x 0 0 1025",
            "set x 0 0 99999999999999999999",
            "ms x 7",
        ] {
            let expected = "CLIENT_ERROR unauthenticated\r\n";
            check(&format!("{line}\r\n"), expected);
        }
    }

    #[test]
    fn a_wrong_proof_is_refused_and_may_be_repeated() {
        check(
            "set x 0 0 7\r\nfoo baz\r\nget a\r\nset x 0 0 7\r\nfoo bar\r\nget a\r\n",
            "CLIENT_ERROR authentication failure\r\nCLIENT_ERROR unauthenticated\r\n\
             STORED\r\nEND\r\n",
        );
        check(
            "set x 0 0 3\r\nfoo\r\n",
            "CLIENT_ERROR bad authentication token format\r\n",
        );
        check(
            "set x 0 0 0\r\n\r\n",
            "CLIENT_ERROR bad authentication token format\r\n",
        );
        check(
            "set x 0 0 7\r\nfoo barXX",
            "CLIENT_ERROR bad command line termination\r\n",
        );
    }

    #[test]
    fn half_a_password_is_none() {
        for proof in [
            "foo ba", "fo bar", "foo barr", "bar foo", "baz with", "foo one",
        ] {
            let input = format!("set x 0 0 {}\r\n{proof}\r\n", proof.len());
            check(&input, "CLIENT_ERROR authentication failure\r\n");
        }
    }

    #[test]
    fn a_line_without_end_closes_the_connection() {
        let mut gate = Gate::Line;
        assert_eq!(
            gate.pass(&[b'x'; 2048], &passwords()),
            Passage::Incomplete { need: 0 }
        );
        assert_eq!(gate.pass(&[b'x'; 2049], &passwords()), Passage::Closed);
    }

    #[test]
    fn a_line_without_a_colon_is_named_by_its_number() {
        for (text, line) in [("a", 1), ("a:b\n\nc:d\n", 2), ("a:b\nc:d\nfoo", 3)] {
            let error = Passwords::parse(text.as_bytes()).err();
            assert_eq!(error, Some(MalformedEntry { line }), "{text:?}");
        }
        assert!(Passwords::parse(b"").is_ok_and(|passwords| passwords.is_empty()));
    }
}
