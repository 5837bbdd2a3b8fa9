//! One host of the two: its process, what waits for that, and the link as it sees it.

use super::*;

/// Heartbeats and datagrams that wait for a frozen process.
const WAITING_MAX: usize = 64;

pub enum Heard {
    Packet(Vec<u8>),
    Heartbeat(Standing),
}

pub struct Host {
    pub index: usize,
    pub holder: Option<Holder>,
    pub frozen: bool,
    pub powered: bool,
    pub restart_at: Option<u64>,
    /// Until when requests over the address are executed.
    pub serves_until: Option<u64>,
    pub linked: bool,
    /// When this process was started; a new one is another.
    pub boot: u64,
    /// The process of the peer that its last hello told of.
    pub met: Option<u64>,
    pub heard_at: u64,
    pub inbox: VecDeque<Heard>,
    pub complete: bool,
    /// Since when it is a running master, and nothing keeps its advertisements back.
    pub audible_since: Option<u64>,
}

impl Host {
    pub fn new(index: usize) -> Host {
        Host {
            index,
            holder: None,
            frozen: false,
            powered: true,
            restart_at: None,
            serves_until: None,
            linked: false,
            boot: 0,
            met: None,
            heard_at: 0,
            inbox: VecDeque::new(),
            complete: false,
            audible_since: None,
        }
    }

    pub fn boot(&mut self, now: u64) {
        *self = Host {
            holder: Some(started(at(now), self.index)),
            boot: now,
            ..Host::new(self.index)
        };
    }

    pub fn runs(&self) -> bool {
        self.holder.is_some() && !self.frozen
    }

    pub fn is_master(&self) -> bool {
        self.holder.as_ref().is_some_and(Holder::is_master)
    }

    pub fn serves(&self, now: u64) -> bool {
        self.runs() && self.serves_until.is_some_and(|until| now < until)
    }

    /// A hello of the peer, if there was none of this process on this connection.
    pub fn meet(&mut self, now: Instant, boot: u64) {
        if self.linked && self.met == Some(boot) {
            return;
        }
        let other = 1 - self.index;
        let holder = self.holder.as_mut().expect("it runs");
        if self.linked {
            holder.handle_link_lost(now);
        }
        if self.met.is_some_and(|met| met != boot) {
            holder.handle_peer_died(now);
        }
        holder.handle_hello(now, PRIORITIES[other], Some(address(other)));
        (self.linked, self.met, self.heard_at) = (true, Some(boot), now.as_millis());
    }

    /// What waits beyond a bound is lost.
    pub fn put(&mut self, heard: Heard) {
        if self.holder.is_some() && self.inbox.len() < WAITING_MAX {
            self.inbox.push_back(heard);
        }
    }
}

/// The address side of a host, started.
fn started(now: Instant, index: usize) -> Holder {
    let mut holder = holder(now, index, PRIORITIES[index], true);
    holder.set_workers_at(now);
    holder.start(now);
    holder
}
