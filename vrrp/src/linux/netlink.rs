//! Requests to the kernel's routing tables (rtnetlink), with a bound on how long one may take.

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use socket2::SockRef;
use std::io;
use std::time::{Duration, Instant};

/// How long the kernel may take to answer. It answers from memory, under a lock that a busy host
/// may hold for some milliseconds.
const ANSWER_WAIT: Duration = Duration::from_millis(500);
/// The kernel fills at most 32 KiB of a datagram with a dump.
const DATAGRAM_BYTES_MAX: usize = 64 * 1024;
/// A dump that changes while it is read is read again, so often at most.
const DUMP_ATTEMPTS_MAX: usize = 4;

/// A connection to the kernel for one request at a time.
pub(super) struct Requests {
    socket: Socket,
    sequence: u32,
    datagram: Vec<u8>,
}

impl Requests {
    pub(super) fn open() -> io::Result<Requests> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        SockRef::from(&socket).set_read_timeout(Some(ANSWER_WAIT))?;
        Ok(Requests {
            socket,
            sequence: 0,
            datagram: Vec::with_capacity(DATAGRAM_BYTES_MAX),
        })
    }

    /// Asks for one thing, or for a change.
    pub(super) fn request(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.send(message, NLM_F_REQUEST | NLM_F_ACK | flags)?;
        Ok(self.receive()?.messages)
    }

    /// Asks for a whole table.
    pub(super) fn dump(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        for _ in 0..DUMP_ATTEMPTS_MAX {
            self.send(message.clone(), NLM_F_REQUEST | NLM_F_DUMP)?;
            let answer = self.receive()?;
            if !answer.interrupted {
                return Ok(answer.messages);
            }
        }
        Err(io::Error::other("the table changed each time it was read"))
    }

    fn send(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = self.sequence;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map(drop)
    }

    /// Everything up to the acknowledgement or the end of the dump.
    fn receive(&mut self) -> io::Result<Answer> {
        let deadline = Instant::now() + ANSWER_WAIT;
        let mut answer = Answer::default();
        while Instant::now() < deadline {
            self.datagram.clear();
            match self.socket.recv(&mut self.datagram, 0) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            for message in messages(&self.datagram) {
                if answer.take(message?, self.sequence)? {
                    return Ok(answer);
                }
            }
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the kernel did not answer within 500 ms",
        ))
    }
}

#[derive(Default)]
struct Answer {
    messages: Vec<RouteNetlinkMessage>,
    interrupted: bool,
}

impl Answer {
    /// Whether the answer is complete. Answers to earlier requests, which came too late, are
    /// passed over.
    fn take(
        &mut self,
        message: NetlinkMessage<RouteNetlinkMessage>,
        sequence: u32,
    ) -> io::Result<bool> {
        if message.header.sequence_number != sequence {
            return Ok(false);
        }
        self.interrupted |= message.header.flags & NLM_F_DUMP_INTR != 0;
        match message.payload {
            NetlinkPayload::Error(answer) if answer.code.is_some() => Err(answer.to_io()),
            NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => Ok(true),
            NetlinkPayload::InnerMessage(message) => {
                self.messages.push(message);
                Ok(false)
            }
            _ => Ok(false),
        }
    }
}

/// The messages of one datagram; after the first that cannot be read there are no more.
pub(super) fn messages<M: NetlinkDeserializable>(
    datagram: &[u8],
) -> impl Iterator<Item = io::Result<NetlinkMessage<M>>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let message = NetlinkMessage::deserialize(rest);
        let length = message
            .as_ref()
            .map_or(rest.len(), |m| m.header.length as usize);
        rest = rest.get(length.max(1).next_multiple_of(4)..).unwrap_or(&[]);
        Some(message.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)))
    })
}
