//! What the holder hears: advertisements over VRRP, and the peer over the link.

use std::net::IpAddr;
use std::time::Duration;

use tracing::{info, warn};
use vrrp::packet::{Accepted, Datagram, Rejection, Warning};
use vrrp::router::{Reason, Role};
use vrrp::time::Instant;

use super::Holder;
use super::repeated::times;
use crate::command::Standing;
use crate::failover::{self, Rival};

/// The last word of a master that lost; 0 would call other backups to an election.
const CONCEDING_PRIORITY: u8 = 1;
/// Differences that were told last, and are not told again.
const WARNED_MAX: usize = 8;
/// A master that hears a lesser one answers at most this often.
const ANSWER_INTERVAL: Duration = Duration::from_millis(200);

impl Holder {
    /// A datagram of protocol 112 arrived.
    pub fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.begin(now);
        let Some(receiver) = &mut self.receiver else {
            return;
        };
        match receiver.accept(datagram) {
            Ok(accepted) => self.handle_advertisement(now, &accepted),
            Err(Rejection::VirtualRouterId(_)) => {}
            Err(rejection) => {
                // Each is counted by the receiver.
                if let Some(count) = self.repeated.rejected(now, &rejection) {
                    let times = times(count);
                    warn!("vrrp: an advertisement was rejected: {rejection}{times}");
                }
            }
        }
        self.settle(now);
    }

    fn handle_advertisement(&mut self, now: Instant, accepted: &Accepted) {
        let Accepted {
            source,
            advertisement,
            warnings,
        } = accepted;
        for warning in warnings {
            self.tell_of_difference(now, *source, warning);
        }
        let source = *source;
        self.tell_of_third(now, source, advertisement.priority);
        let knew_no_master = self.seen.master_sign_at.is_none();
        self.seen.advertisement(now, source, advertisement);
        let Some(router) = &mut self.router else {
            return;
        };
        let Some(master_since) = self.master_since else {
            if advertisement.priority == 0 {
                if let Some(count) = self.repeated.leaves.happened(now) {
                    info!("vrrp: {source} leaves (priority 0){}", times(count));
                }
            } else if knew_no_master && let Some(count) = self.repeated.is_master.happened(now) {
                let (priority, times) = (advertisement.priority, times(count));
                info!("vrrp: {source} is master with priority {priority}{times}");
            }
            router.handle_advertisement(now, source, advertisement);
            return;
        };
        if self.successor.is_awaited() && !self.seen.is_third(source) && advertisement.priority > 0
        {
            self.successor.advertises(now);
            return;
        }
        if advertisement.priority == 0 {
            // Who leaves may have told the neighbours that the address is still there.
            router.announce_now(now);
        }
        let rival = failover::rival(&self.rules, &self.seen, now, master_since, source);
        if rival == Rival::Contradicted
            && advertisement.priority > 0
            && self.contradictions.note(now, source)
            && let Some(count) = self.repeated.contradicted.happened(now)
        {
            warn!(
                "vrrp: {source} advertises priority {}, but twincached there says over the link \
                 that it is BACKUP: does keepalived still run on that host? it may have put the \
                 virtual address there too; stop it{}",
                advertisement.priority,
                times(count)
            );
        }
        match rival {
            Rival::Better => {
                router.become_backup(now, Reason::Caller("the peer is the better master"))
            }
            Rival::Lesser | Rival::Contradicted if advertisement.priority > 0 => {
                self.assert_mastership(now);
            }
            Rival::Lesser | Rival::Contradicted | Rival::Unknown => {
                router.handle_advertisement(now, source, advertisement);
                if router.state().role() == Role::Backup {
                    self.concede(now);
                }
            }
        }
    }

    /// VRRP may be blocked where the link is not. All is well then, until the link breaks too.
    pub(super) fn note_unheard(&mut self, now: Instant) {
        let backup = self.router.is_some() && !self.is_master() && self.interface_up;
        let unheard = backup && failover::master_is_unheard(&self.rules, &self.seen, now);
        if self.unheard_since.is_some() == unheard {
            return;
        }
        let since = std::mem::replace(&mut self.unheard_since, unheard.then_some(now));
        // Where the link has broken too, nobody knows any more what the master does.
        let heard_again = since.is_some() && self.seen.advertisement_at > since;
        if unheard {
            warn!(
                "vrrp: the peer is master, as the link says, but none of its advertisements arrive: \
                 let IP protocol 112 through, or set unicast_peer on both hosts where multicast is \
                 filtered; should the link break too, both would be master"
            );
        } else if backup && heard_again {
            info!("vrrp: the advertisements of the master arrive again");
        }
    }

    /// Each difference is told once, or when there are many at least one in a minute.
    fn tell_of_difference(&mut self, now: Instant, source: IpAddr, warning: &Warning) {
        if self.warned.contains(warning) {
            return;
        }
        let mut count = Some(1);
        if self.warned.len() == WARNED_MAX {
            count = self.repeated.differs.happened(now);
        }
        if let Some(count) = count {
            let times = times(count);
            warn!("vrrp: {source} is configured differently: {warning}{times}");
            self.warned.truncate(WARNED_MAX - 1);
            self.warned.insert(0, warning.clone());
        }
    }

    /// A router that is neither of the two is obeyed, and nobody should have to guess that it is
    /// there.
    fn tell_of_third(&mut self, now: Instant, source: IpAddr, priority: u8) {
        let is_news = self.seen.is_third(source) && self.third != Some(source);
        if is_news && let Some(count) = self.repeated.third.happened(now) {
            self.third = Some(source);
            warn!(
                "vrrp: {source} is a third router of this virtual router, with priority {priority}: \
                 it is followed as the RFC says{}",
                times(count)
            );
        }
    }

    /// There were two masters, and VRRP's comparison has made the other one win. Having heard only
    /// us first, it may not know: our neighbours' caches would point here until its next routine
    /// announcement. A last advertisement, sent when the addresses are gone, makes it announce. Its
    /// priority is the lowest, so that it wins against no priority that the winner falls back to.
    fn concede(&mut self, now: Instant) {
        self.drain(now);
        self.send(CONCEDING_PRIORITY);
    }

    /// Tells a lesser master, and the switches, who holds the address.
    fn assert_mastership(&mut self, now: Instant) {
        if now.since(self.answered_at) < ANSWER_INTERVAL {
            return;
        }
        self.answered_at = now;
        if let Some(router) = &mut self.router {
            router.advertise_now(now);
            router.announce_now(now);
        }
    }

    /// The peer told its standing over the link.
    pub fn handle_heartbeat(&mut self, now: Instant, node_id: u64, standing: Standing) {
        self.begin(now);
        self.seen.heartbeat(now, node_id, standing);
        if self.successor.is_awaited() {
            if standing.master {
                self.successor.is_told(now);
            }
        } else if let (Some(since), true) = (self.master_since, standing.master) {
            match failover::yields_as_master(&self.rules, &self.seen, now, since) {
                Some(true) => {
                    let router = self.router.as_mut().expect("a master has a router");
                    router.become_backup(now, Reason::Caller("the peer is the better master"));
                }
                Some(false) => self.assert_mastership(now),
                None => {}
            }
        }
        self.settle(now);
    }

    /// The link stands; the peer's configured priority, and where its advertisements come from.
    pub fn handle_hello(&mut self, now: Instant, priority: u8, address: Option<IpAddr>) {
        self.begin(now);
        self.seen.peer_address = address;
        self.seen.hello_ever = true;
        self.seen.hello_at = Some(now);
        self.seen.hello_priority = (priority > 0).then_some(priority);
        self.settle(now);
    }

    /// The link is gone.
    pub fn handle_link_lost(&mut self, now: Instant) {
        self.begin(now);
        self.seen.link_lost();
        self.settle(now);
    }

    /// The peer's process is dead.
    pub fn handle_peer_died(&mut self, now: Instant) {
        self.begin(now);
        self.seen.peer_died(now);
        self.settle(now);
    }

    /// The peer has handed over. It does not wait for one that was paused, and is master all the same.
    pub fn handle_handed_over(&mut self, now: Instant) {
        self.begin(now);
        if self.has_just_woken(now) {
            info!("this node was paused when the peer handed over: it does not take over");
        } else {
            self.seen.peer_handed_over(now);
        }
        self.settle(now);
    }
}
