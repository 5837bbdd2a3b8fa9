//! One HTTP/1.1 request to an admin port, blocking, with one limit for the whole exchange.
//!
//! Not a general client: no redirects, no chunked bodies, no reuse of the connection. The admin
//! port states the length of its answers or closes the connection after them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longest answer in bytes, head and body. A status is a few KiB.
const ANSWER_MAX: usize = 1 << 20;

/// What the server said.
#[derive(PartialEq, Eq, Debug)]
pub(in crate::server) struct Answer {
    /// The status code, such as 200.
    pub(in crate::server) status: u16,
    /// The body; bytes that are no UTF-8 are replaced.
    pub(in crate::server) body: String,
}

/// Sends `method` `target` without a body to `admin` and reads the answer.
///
/// # Errors
///
/// The server cannot be reached, does not answer within `limit`, or answers with something that
/// is not HTTP or longer than 1 MiB.
pub(in crate::server) fn request(
    admin: SocketAddr,
    method: &str,
    target: &str,
    limit: Duration,
) -> io::Result<Answer> {
    let deadline = Instant::now() + limit;
    let mut stream = TcpStream::connect_timeout(&admin, limit)?;
    stream.set_write_timeout(Some(remaining(deadline)?))?;
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\
         Content-Length: 0\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        stream.set_read_timeout(Some(remaining(deadline)?))?;
        let length = stream.read(&mut chunk)?;
        bytes.extend_from_slice(&chunk[..length]);
        if let Some(answer) = answer(&bytes, length == 0)? {
            return Ok(answer);
        }
        if bytes.len() > ANSWER_MAX {
            return Err(invalid("the answer is too long"));
        }
    }
}

/// The time left, never zero: the socket takes zero for "forever".
fn remaining(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}

/// The answer in `bytes`, or `None` while more has to come. `ended`: nothing more will come.
fn answer(bytes: &[u8], ended: bool) -> io::Result<Option<Answer>> {
    let Some(head_length) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if ended {
            Err(invalid("the answer is not HTTP or was cut short"))
        } else {
            Ok(None)
        };
    };
    let head = String::from_utf8_lossy(&bytes[..head_length]);
    let body = &bytes[head_length + 4..];
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(status_code)
        .ok_or_else(|| invalid("the answer is not HTTP"))?;
    let length = lines.find_map(content_length);
    let body = match length {
        Some(length) if body.len() >= length => &body[..length],
        Some(_) if ended => return Err(invalid("the answer was cut short")),
        None if ended => body,
        Some(_) | None => return Ok(None),
    };
    Ok(Some(Answer {
        status,
        body: String::from_utf8_lossy(body).into_owned(),
    }))
}

/// `HTTP/1.1 200 OK` is 200.
fn status_code(line: &str) -> Option<u16> {
    let rest = line.strip_prefix("HTTP/1.")?;
    rest.split(' ').nth(1)?.parse().ok()
}

fn content_length(line: &str) -> Option<usize> {
    let (name, value) = line.split_once(':')?;
    if !name.eq_ignore_ascii_case("content-length") {
        return None;
    }
    value.trim().parse().ok()
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bytes: &[u8], ended: bool) -> Option<(u16, String)> {
        answer(bytes, ended)
            .expect("valid")
            .map(|answer| (answer.status, answer.body))
    }

    #[test]
    fn an_answer_with_a_length_is_complete_before_the_connection_closes() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(body(bytes, false), Some((200, "{}".to_owned())));
        assert_eq!(body(&bytes[..bytes.len() - 1], false), None);
        assert!(answer(&bytes[..bytes.len() - 1], true).is_err());
    }

    #[test]
    fn an_answer_without_a_length_ends_with_the_connection() {
        let bytes = b"HTTP/1.0 409 Conflict\r\nServer: x\r\n\r\nthe peer lacks 3 changes\n";
        assert_eq!(body(bytes, false), None);
        assert_eq!(
            body(bytes, true),
            Some((409, "the peer lacks 3 changes\n".to_owned()))
        );
    }

    #[test]
    fn what_is_not_http_is_refused() {
        assert!(answer(b"VERSION 1.6.18\r\n", true).is_err());
        assert!(answer(b"ERROR\r\n\r\n", false).is_err());
        assert!(answer(b"HTTP/1.1 \r\n\r\n", false).is_err());
        assert!(answer(b"", true).is_err());
    }
}
