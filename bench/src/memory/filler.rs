//! Writes items and reads them back, over one connection and one batch at a time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::loads::Fill;
use crate::case::Case;
use crate::error::{Doing, Failure};
use crate::wire::{Protocol, VALUE_PREFIX, Wire, digits_of};

/// Bytes of one batch of stores. The answers to it fit into a socket's buffer.
const BATCH_BYTES: usize = 128 * 1024;
/// Keys of one retrieval.
const BATCH_KEYS: usize = 50;
const BUFFER_BYTES: usize = 256 * 1024;
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Items that can be read, and their bytes of key and value.
#[derive(Clone, Copy, Default)]
pub struct Held {
    pub items: u64,
    pub bytes: u64,
}

/// A connection that fills a server.
pub struct Filler {
    stream: BufReader<TcpStream>,
    output: Vec<u8>,
    /// Answers due for what is in `output`.
    due: usize,
    line: Vec<u8>,
}

impl Filler {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Result<Filler, Failure> {
        let stream = TcpStream::connect(address).doing("connecting to the server")?;
        let silence = Some(SILENCE_MAX);
        stream.set_nodelay(true).doing("connecting to the server")?;
        stream
            .set_read_timeout(silence)
            .doing("connecting to the server")?;
        Ok(Filler {
            stream: BufReader::with_capacity(BUFFER_BYTES, stream),
            output: Vec::new(),
            due: 0,
            line: Vec::new(),
        })
    }

    /// Stores the values of a case. Each must be taken.
    pub fn fill_for(&mut self, case: &Case, keys: u32) -> Result<(), Failure> {
        let mut wire = Wire::new(Protocol::Text, case.value_bytes);
        let mut stored = 0;
        for key in 0..keys {
            wire.set(key, &mut self.output, &mut Vec::new());
            self.due += 1;
            stored += self.send_if(BATCH_BYTES)?;
        }
        stored += self.send_if(0)?;
        if stored == keys as usize {
            return Ok(());
        }
        Err(Failure::WrongAnswer {
            expected: format!("{keys} times STORED"),
            found: format!("{stored} times"),
        })
    }

    /// Stores items beyond the limit; a server may refuse some for want of memory.
    pub fn fill(&mut self, fill: &Fill) -> Result<(), Failure> {
        for number in 0..fill.lengths.len() as u32 {
            fill.push_set(number, &mut self.output);
            self.due += 1;
            self.send_if(BATCH_BYTES)?;
        }
        self.send_if(0).map(drop)
    }

    /// Asks for every key of a fill and checks what comes.
    pub fn held(&mut self, fill: &Fill) -> Result<Held, Failure> {
        let mut held = Held::default();
        let numbers: Vec<u32> = (0..fill.lengths.len() as u32).collect();
        for batch in numbers.chunks(BATCH_KEYS) {
            self.output.extend(b"get");
            for number in batch {
                self.output.push(b' ');
                fill.push_key(*number, &mut self.output);
            }
            self.output.extend(b"\r\n");
            self.stream
                .get_mut()
                .write_all(&self.output)
                .doing("sending requests")?;
            self.output.clear();
            while let Some(length) = self.item(fill)? {
                held.items += 1;
                held.bytes += (fill.key_bytes + length) as u64;
            }
        }
        Ok(held)
    }

    /// Sends what is collected if it is more than `bytes`. Returns how many were stored.
    fn send_if(&mut self, bytes: usize) -> Result<usize, Failure> {
        if self.output.len() <= bytes {
            return Ok(0);
        }
        self.stream
            .get_mut()
            .write_all(&self.output)
            .doing("sending requests")?;
        self.output.clear();
        let mut stored = 0;
        for _ in 0..std::mem::take(&mut self.due) {
            match self.read_line()? {
                b"STORED\r\n" => stored += 1,
                line if line.starts_with(b"SERVER_ERROR out of memory") => {}
                line => return Err(wrong("STORED", line)),
            }
        }
        Ok(stored)
    }

    /// Reads one item of an answer and returns the length of its value; `None` at the end.
    fn item(&mut self, fill: &Fill) -> Result<Option<usize>, Failure> {
        let line = self.read_line()?;
        if line == b"END\r\n" {
            return Ok(None);
        }
        let Some((number, length)) = number_and_length(line) else {
            return Err(wrong("VALUE or END", line));
        };
        if fill.lengths.get(number as usize) != Some(&(length as u32)) {
            return Err(wrong("the length that was written", line));
        }
        let mut start = [0; VALUE_PREFIX];
        self.stream
            .read_exact(&mut start)
            .doing("reading answers")?;
        if start != *[digits_of(number), digits_of(length as u32)].as_flattened() {
            return Err(wrong("the value that was written", &start));
        }
        let rest = (length - VALUE_PREFIX + 2) as u64;
        let mut rest = (&mut self.stream).take(rest);
        std::io::copy(&mut rest, &mut std::io::sink()).doing("reading answers")?;
        Ok(Some(length))
    }

    fn read_line(&mut self) -> Result<&[u8], Failure> {
        self.line.clear();
        self.stream
            .read_until(b'\n', &mut self.line)
            .doing("reading answers")?;
        Ok(&self.line)
    }
}

/// Of `VALUE <key> <flags> <length>`, whose key ends with the number in digits.
fn number_and_length(line: &[u8]) -> Option<(u32, usize)> {
    let line = str::from_utf8(line).ok()?;
    let mut words = line.strip_prefix("VALUE ")?.trim_end().split(' ');
    let key = words.next()?;
    let digits = key.get(key.len().checked_sub(digits_of(0).len())?..)?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    Some((number, words.nth(1)?.parse().ok()?))
}

fn wrong(expected: &str, found: &[u8]) -> Failure {
    Failure::WrongAnswer {
        expected: expected.to_owned(),
        found: found.escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::number_and_length;

    #[test]
    fn the_number_of_an_item_ends_its_key() {
        let line = b"VALUE llllllllllll000000ff 0 100\r\n";
        assert_eq!(number_and_length(line), Some((255, 100)));
        assert_eq!(number_and_length(b"VALUE short 0 100\r\n"), None);
    }
}
