//! What can happen, and its place in the queue.

/// What happens at a time.
#[derive(Clone, Debug)]
pub enum Event {
    Timer {
        host: usize,
        boot: u64,
    },
    WorkersAlive {
        host: usize,
        boot: u64,
    },
    Orders {
        host: usize,
        boot: u64,
    },
    AddressExpires {
        host: usize,
    },
    GuardActs {
        host: usize,
        master: bool,
        boots: u64,
    },
    Datagram {
        to: usize,
        bytes: Vec<u8>,
    },
    Announced {
        from: usize,
        client: usize,
    },
    Syn {
        from: usize,
        boot: u64,
        started: u64,
    },
    Dialled {
        host: usize,
        boot: u64,
        connection: Option<u64>,
        refused: bool,
    },
    Segment {
        connection: u64,
        pipe: usize,
    },
    Retransmit {
        connection: u64,
        pipe: usize,
    },
    ClientActs {
        client: usize,
        turn: u64,
    },
    ClientSyn {
        client: usize,
        turn: u64,
    },
    ToServer {
        connection: u64,
        bytes: Vec<u8>,
        end: bool,
    },
    ToClient {
        connection: u64,
        bytes: Vec<u8>,
        copies: Vec<u64>,
    },
    ClientClosed {
        connection: u64,
    },
    Impatient {
        client: usize,
        turn: u64,
    },
    FlushDue {
        flushing: super::super::model::Flushing,
        boot: u64,
        since: u64,
        flushes: u64,
    },
    Fault(super::super::swarm::Fault),
    Probe,
}

/// An event in the queue: ordered by time, and by its number where that is the same.
#[derive(Debug)]
pub(super) struct Entry {
    pub at: u64,
    pub number: u64,
    pub event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}
