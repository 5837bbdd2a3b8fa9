//! One connection of the link, in the clear or in TLS: bytes in and out that never block.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::task::{Context, Poll};

use rustls::Connection;
use tokio::net::TcpStream;

/// Bytes taken from the socket at once; a TLS record is at most 16 KiB and a little.
const READ_BYTES: usize = 64 * 1024;

/// The connection.
pub(super) enum LinkStream {
    /// As the bytes are.
    Plain(TcpStream),
    /// Encrypted; the handshake is done.
    Tls(Box<TlsStream>),
}

impl LinkStream {
    /// Encrypts with the state that a handshake left.
    pub fn secured(stream: TcpStream, connection: Connection) -> LinkStream {
        LinkStream::Tls(Box::new(TlsStream {
            stream,
            connection,
            received: vec![0; READ_BYTES],
            encrypted: 0..0,
            more: true,
        }))
    }

    /// Ready when [`LinkStream::try_read`] may give something.
    pub fn poll_read_ready(&self, task: &mut Context<'_>) -> Poll<()> {
        match self {
            LinkStream::Plain(stream) => stream.poll_read_ready(task).map(drop),
            LinkStream::Tls(tls) if tls.more => Poll::Ready(()),
            LinkStream::Tls(tls) => tls.stream.poll_read_ready(task).map(drop),
        }
    }

    /// Ready when [`LinkStream::try_write`] or [`LinkStream::flush`] may go on.
    pub fn poll_write_ready(&self, task: &mut Context<'_>) -> Poll<()> {
        self.tcp().poll_write_ready(task).map(drop)
    }

    /// Bytes that were taken have not left yet.
    pub fn wants_flush(&self) -> bool {
        match self {
            LinkStream::Plain(_) => false,
            LinkStream::Tls(tls) => tls.connection.wants_write(),
        }
    }

    /// Takes what is there; 0 is the end.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when nothing is; `InvalidData`, with words for the log, when the other end
    /// breaks the rules of TLS or refuses our certificate.
    pub fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            LinkStream::Plain(stream) => stream.try_read(buffer),
            LinkStream::Tls(tls) => tls.read(buffer),
        }
    }

    /// Takes some of `bytes`; they may wait for [`LinkStream::flush`].
    ///
    /// # Errors
    ///
    /// `WouldBlock` when none can be taken now.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            LinkStream::Plain(stream) => stream.try_write(bytes),
            LinkStream::Tls(tls) => {
                tls.flush()?;
                let count = tls.connection.writer().write(bytes)?;
                match tls.flush() {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
                    _ => Ok(count),
                }
            }
        }
    }

    /// Sends what was taken and waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when not all of it could leave.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            LinkStream::Plain(_) => Ok(()),
            LinkStream::Tls(tls) => tls.flush(),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            LinkStream::Plain(stream) => stream,
            LinkStream::Tls(tls) => &tls.stream,
        }
    }
}

/// A socket and the state of its encryption.
pub(super) struct TlsStream {
    stream: TcpStream,
    connection: Connection,
    received: Vec<u8>,
    /// What of `received` the connection has not taken.
    encrypted: Range<usize>,
    /// Decrypted bytes may be left that the socket knows nothing of.
    more: bool,
}

impl TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        loop {
            self.take_decrypted(buffer, &mut filled)?;
            self.more = filled == buffer.len();
            if self.more {
                return Ok(filled);
            }
            if !self.encrypted.is_empty() {
                self.decrypt()?;
                continue;
            }
            match self.stream.try_read(&mut self.received) {
                Ok(0) => return Ok(filled),
                Ok(count) => self.encrypted = 0..count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && filled > 0 => {
                    return Ok(filled);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives the connection a piece of what was received; it takes no more than a record or so.
    fn decrypt(&mut self) -> io::Result<()> {
        let piece = &self.received[self.encrypted.clone()];
        self.encrypted.start += self.connection.read_tls(&mut &*piece)?;
        if let Err(error) = self.connection.process_new_packets() {
            // The alert that tells the other end why.
            let _unheard = self.flush();
            return Err(io::Error::new(io::ErrorKind::InvalidData, in_words(&error)));
        }
        Ok(())
    }

    fn take_decrypted(&mut self, buffer: &mut [u8], filled: &mut usize) -> io::Result<()> {
        while *filled < buffer.len() {
            match self.connection.reader().read(&mut buffer[*filled..]) {
                Ok(0) => break,
                Ok(count) => *filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut Unblocking(&self.stream))?;
        }
        Ok(())
    }
}

/// A socket as rustls wants one: what cannot be done at once is an error.
pub(super) struct Unblocking<'a>(pub &'a TcpStream);

impl Read for Unblocking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Unblocking<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What went wrong between two ends that speak TLS.
pub(super) fn in_words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(_) => {
            "the other end shows another certificate than replication.tls.peer_certificate"
                .to_owned()
        }
        rustls::Error::AlertReceived(alert) => format!(
            "the other end refuses this node's certificate ({alert:?}); its \
             replication.tls.peer_certificate must be this node's replication.tls.certificate"
        ),
        rustls::Error::NoCertificatesPresented => "the other end shows no certificate".to_owned(),
        error => format!("TLS with the other end failed: {error}"),
    }
}
