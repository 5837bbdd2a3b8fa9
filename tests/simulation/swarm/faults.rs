//! What can go wrong, and what ends it.

use vrrp::time::Instant;

use super::super::random::Random;
use super::super::world::{Event, MS, World};

/// What can go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    Start(usize),
    Kill {
        host: usize,
        guard_too: bool,
    },
    PowerOff(usize),
    PowerOn(usize),
    Freeze(usize),
    Wake(usize),
    HangWorkers(usize),
    ReviveWorkers(usize),
    CutVrrp {
        from: usize,
        cut: bool,
    },
    CutLink {
        from: usize,
        cut: bool,
    },
    CutHosts(bool),
    CutClients {
        host: usize,
        cut: bool,
    },
    ResetLink,
    SlowLink(bool),
    /// Long enough to meet, hardly enough to send what waits.
    PoorLink {
        delay_ms: u64,
        segment_bytes: u64,
        window_bytes: usize,
    },
    LoseDatagrams(u64),
    DelayDatagrams(u64),
    Terminate(usize),
    HandOver {
        host: usize,
        force: bool,
    },
    RemoveAddress(usize),
    Interface {
        host: usize,
        up: bool,
    },
    JumpClock {
        host: usize,
        ms: i64,
    },
}

impl Fault {
    /// What coverage counts. `None` for what only ends another one.
    const fn name(&self) -> Option<&'static str> {
        Some(match self {
            Fault::Start(_) => "fault: restart",
            Fault::Kill {
                guard_too: false, ..
            } => "fault: kill",
            Fault::Kill {
                guard_too: true, ..
            } => "fault: kill with the guard",
            Fault::PowerOff(_) => "fault: power off",
            Fault::PowerOn(_) => "fault: power on",
            Fault::Freeze(_) => "fault: freeze",
            Fault::Wake(_) => "fault: wake",
            Fault::HangWorkers(_) => "fault: hung workers",
            Fault::CutVrrp { cut: true, .. } => "fault: advertisements cut one way",
            Fault::CutLink { cut: true, .. } => "fault: link cut one way",
            Fault::CutHosts(true) => "fault: hosts cut off from each other",
            Fault::CutClients { cut: true, .. } => "fault: clients cut off",
            Fault::ResetLink => "fault: link reset",
            Fault::SlowLink(true) => "fault: slow link",
            Fault::PoorLink { .. } => "fault: poor link",
            Fault::LoseDatagrams(1..) => "fault: lost advertisements",
            Fault::DelayDatagrams(1..) => "fault: late advertisements",
            Fault::Terminate(_) => "fault: told to stop",
            Fault::HandOver { force: false, .. } => "fault: told to hand over",
            Fault::HandOver { force: true, .. } => "fault: told to hand over by force",
            Fault::RemoveAddress(_) => "fault: address removed",
            Fault::Interface { up: false, .. } => "fault: interface down",
            Fault::JumpClock { .. } => "fault: wall clock jumps",
            _ => return None,
        })
    }
}

impl World {
    pub fn inflict(&mut self, fault: &Fault) {
        self.tell(&format!("fault: {fault:?}"));
        if let Some(name) = fault.name() {
            self.coverage.reach(name);
        }
        match *fault {
            Fault::Start(host) => self.start(host),
            Fault::Kill { host, guard_too } => self.kill(host, guard_too),
            Fault::PowerOff(host) => self.power_off(host),
            Fault::PowerOn(host) => {
                self.hosts[host].powered = true;
                self.start(host);
            }
            Fault::Freeze(host) => self.freeze(host),
            Fault::Wake(host) => self.wake(host),
            Fault::HangWorkers(host) | Fault::ReviveWorkers(host) => {
                let hung = matches!(fault, Fault::HangWorkers(_));
                if let Some(process) = &mut self.hosts[host].process {
                    process.workers_hung = hung;
                    let since = process.hung_since.unwrap_or(self.now);
                    process.hung_since = hung.then_some(since);
                }
            }
            Fault::CutVrrp { from, cut } => self.lan.vrrp_cut[from] = cut,
            Fault::CutLink { from, cut } => {
                self.link.cut[from] = cut;
                self.link_healed();
            }
            Fault::CutHosts(cut) => {
                self.lan.vrrp_cut = [cut; 2];
                self.link.cut = [cut; 2];
                self.link_healed();
            }
            Fault::CutClients { host, cut } => self.lan.clients_cut[host] = cut,
            Fault::ResetLink => self.reset_link(),
            Fault::SlowLink(slow) => self.slow_link(slow),
            Fault::PoorLink {
                delay_ms,
                segment_bytes,
                window_bytes,
            } => {
                self.link.delay = (MS / 2, delay_ms * MS);
                self.link.segment_bytes = segment_bytes;
                self.link.window_bytes = window_bytes;
            }
            Fault::LoseDatagrams(percent) => self.lan.loss_percent = percent,
            Fault::DelayDatagrams(percent) => self.lan.late_percent = percent,
            Fault::Terminate(host) => self.command(host, |node, now| node.leave(now)),
            Fault::HandOver { host, force } => {
                self.command(host, |node, now| {
                    let _refused = node.hand_over(now, force);
                });
            }
            Fault::RemoveAddress(host) => {
                if self.hosts[host].address_until.take().is_some() {
                    self.address_gone(host);
                }
            }
            Fault::Interface { host, up } => {
                self.lan.vrrp_cut = [!up; 2];
                self.link.cut = [!up; 2];
                self.lan.clients_cut[host] = !up;
                self.command(host, |node, now| node.set_interface_up(now, up));
                self.link_healed();
            }
            Fault::JumpClock { host, ms } => {
                // A process reads it when it starts, and never again.
                self.hosts[host].skew_ms += ms;
                self.model.skewed = true;
            }
        }
    }

    fn slow_link(&mut self, slow: bool) {
        self.link.delay = if slow {
            (5 * MS, 40 * MS)
        } else {
            (50_000, 300_000)
        };
        self.link.segment_bytes = if slow { 2048 } else { 16 * 1024 };
        // What waits for room there has not been sent yet.
        self.link.window_bytes = if slow { 4 * 1024 } else { 192 * 1024 };
    }

    /// Tells the node of a running process something.
    pub fn command(
        &mut self,
        host: usize,
        tell: impl FnOnce(&mut twincached::node::Node, Instant),
    ) {
        if self.hosts[host].is_running() {
            let now = self.local(host);
            tell(self.node(host), now);
            self.turn(host);
        }
    }

    /// Everything works again, and both processes run.
    pub fn end_faults(&mut self) {
        self.lan.loss_percent = 0;
        self.lan.late_percent = 0;
        self.lan.vrrp_cut = [false; 2];
        self.lan.clients_cut = [false; 2];
        self.link.cut = [false; 2];
        self.inflict(&Fault::SlowLink(false));
        self.link_healed();
        for host in 0..2 {
            self.inflict(&Fault::ReviveWorkers(host));
            self.wake(host);
            self.hosts[host].powered = true;
            self.start(host);
            self.command(host, |node, now| node.set_interface_up(now, true));
        }
    }

    pub(super) fn plan(&mut self, at: u64, fault: Fault) {
        self.at(at, Event::Fault(fault));
    }
}

/// A fault, and what ends it.
pub(super) fn choose(rng: &mut Random) -> (Fault, Option<Fault>) {
    let host = rng.below(2) as usize;
    let guard_too = rng.chance(30);
    match rng.below(20) {
        0 | 1 => (Fault::Kill { host, guard_too }, Some(Fault::Start(host))),
        2 => (Fault::PowerOff(host), Some(Fault::PowerOn(host))),
        3 | 4 => (Fault::Freeze(host), Some(Fault::Wake(host))),
        5 => cut(|cut| Fault::CutVrrp { from: host, cut }),
        6 | 7 => cut(|cut| Fault::CutLink { from: host, cut }),
        8 | 9 => cut(Fault::CutHosts),
        10 => cut(|cut| Fault::CutClients { host, cut }),
        11 => (Fault::ResetLink, Some(Fault::ResetLink)),
        12 => cut(Fault::SlowLink),
        13 => (
            Fault::LoseDatagrams(rng.between(5, 40)),
            Some(Fault::LoseDatagrams(0)),
        ),
        14 => (
            Fault::DelayDatagrams(rng.between(5, 40)),
            Some(Fault::DelayDatagrams(0)),
        ),
        15 => (Fault::Terminate(host), Some(Fault::Start(host))),
        16 => (
            Fault::HandOver {
                host,
                force: rng.chance(30),
            },
            None,
        ),
        17 => (Fault::HangWorkers(host), Some(Fault::ReviveWorkers(host))),
        18 => (Fault::RemoveAddress(host), None),
        _ if rng.chance(50) => {
            let (down, up) = (false, true);
            (
                Fault::Interface { host, up: down },
                Some(Fault::Interface { host, up }),
            )
        }
        _ => {
            let ms = rng.below(240_000) as i64 - 120_000;
            (Fault::JumpClock { host, ms }, None)
        }
    }
}

fn cut(fault: impl Fn(bool) -> Fault) -> (Fault, Option<Fault>) {
    (fault(true), Some(fault(false)))
}
