//! The socket of a client: TCP or unix.

use std::io::{self, Read, Write};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

/// A socket that does not block.
pub(super) enum ClientStream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl ClientStream {
    /// Reports from now on when it can be read or written, each time anew.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interests = Interest::READABLE | Interest::WRITABLE;
        match self {
            ClientStream::Tcp(stream) => stream.register(registry, token, interests),
            ClientStream::Unix(stream) => stream.register(registry, token, interests),
        }
    }

    /// Reads once. `None` if nothing has come.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        once(|| match self {
            ClientStream::Tcp(stream) => stream.read(buffer),
            ClientStream::Unix(stream) => stream.read(buffer),
        })
    }

    /// Writes once. `None` if the socket takes nothing now.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        once(|| match self {
            ClientStream::Tcp(stream) => stream.write(bytes),
            ClientStream::Unix(stream) => stream.write(bytes),
        })
    }
}

fn once(mut act: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        return match act() {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
    }
}
