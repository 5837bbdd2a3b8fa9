//! Advertisements that the link contradicts: the peer says over it that it is BACKUP, and yet
//! somebody on its host advertises. One may be late; one after the other is another VRRP speaker,
//! mostly a keepalived that was left running beside twincached.

use std::net::IpAddr;
use std::time::Duration;

use vrrp::time::Instant;

/// So many within [`LATELY`] are no late ones.
const CERTAIN: u32 = 3;
/// Without another one for so long the speaker has gone.
const LATELY: Duration = Duration::from_secs(5);

/// The present run of them.
#[derive(Debug, Default)]
pub(super) struct Contradictions {
    last: Option<(IpAddr, Instant)>,
    count: u32,
}

impl Contradictions {
    /// One has arrived. True when it is the one that makes the matter certain.
    pub fn note(&mut self, now: Instant, source: IpAddr) -> bool {
        if self.fresh(now).is_none() {
            self.count = 0;
        }
        self.last = Some((source, now));
        self.count = self.count.saturating_add(1);
        self.count == CERTAIN
    }

    /// Who speaks VRRP on the peer's host beside twincached, as far as is certain.
    pub fn speaker(&self, now: Instant) -> Option<IpAddr> {
        self.fresh(now).filter(|_| self.count >= CERTAIN)
    }

    fn fresh(&self, now: Instant) -> Option<IpAddr> {
        let (source, at) = self.last?;
        (now.since(at) < LATELY).then_some(source)
    }
}
