//! Many seeds: each chooses a pair, a load and a plan of faults.
//!
//! `SEEDS=N` runs N seeds, `SEED=N` one of them with its trace.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use super::clients::Behaviour;
use super::random::Random;
use super::world::{Event, MS, Options, SECOND, World};

/// Seeds of a normal run.
const SEEDS_DEFAULT: u64 = 300;

/// What can go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    Start(usize),
    Kill { host: usize, guard_too: bool },
    PowerOff(usize),
    PowerOn(usize),
    Freeze(usize),
    Wake(usize),
    HangWorkers(usize),
    ReviveWorkers(usize),
    CutVrrp { from: usize, cut: bool },
    CutLink { from: usize, cut: bool },
    CutHosts(bool),
    CutClients { host: usize, cut: bool },
    ResetLink,
    SlowLink(bool),
    LoseDatagrams(u64),
    Terminate(usize),
    HandOver { host: usize, force: bool },
    RemoveAddress(usize),
    Interface { host: usize, up: bool },
    JumpClock { host: usize, ms: i64 },
}

impl World {
    pub fn inflict(&mut self, fault: &Fault) {
        self.tell(&format!("fault: {fault:?}"));
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
            Fault::SlowLink(slow) => {
                self.link.delay = if slow {
                    (5 * MS, 40 * MS)
                } else {
                    (50_000, 300_000)
                };
                self.link.segment_bytes = if slow { 2048 } else { 16 * 1024 };
            }
            Fault::LoseDatagrams(percent) => {
                self.lan.loss_percent = percent;
                self.lan.late_percent = percent / 2;
            }
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
            Fault::JumpClock { host, ms } => self.hosts[host].skew_ms += ms,
        }
    }

    /// Tells the node of a running process something.
    pub fn command(
        &mut self,
        host: usize,
        tell: impl FnOnce(&mut twincached::node::Node, vrrp::time::Instant),
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

    fn plan(&mut self, at: u64, fault: Fault) {
        self.at(at, Event::Fault(fault));
    }
}

/// A fault, and what ends it.
fn choose(rng: &mut Random) -> (Fault, Option<Fault>) {
    let host = rng.below(2) as usize;
    let guard_too = rng.chance(30);
    match rng.below(18) {
        0 | 1 => (Fault::Kill { host, guard_too }, Some(Fault::Start(host))),
        2 => (Fault::PowerOff(host), Some(Fault::PowerOn(host))),
        3 | 4 => (Fault::Freeze(host), Some(Fault::Wake(host))),
        5 => (
            Fault::CutVrrp {
                from: host,
                cut: true,
            },
            Some(Fault::CutVrrp {
                from: host,
                cut: false,
            }),
        ),
        6 | 7 => (
            Fault::CutLink {
                from: host,
                cut: true,
            },
            Some(Fault::CutLink {
                from: host,
                cut: false,
            }),
        ),
        8 | 9 => (Fault::CutHosts(true), Some(Fault::CutHosts(false))),
        10 => (
            Fault::CutClients { host, cut: true },
            Some(Fault::CutClients { host, cut: false }),
        ),
        11 => (Fault::ResetLink, Some(Fault::ResetLink)),
        12 => (Fault::SlowLink(true), Some(Fault::SlowLink(false))),
        13 => (
            Fault::LoseDatagrams(rng.between(5, 40)),
            Some(Fault::LoseDatagrams(0)),
        ),
        14 => (Fault::Terminate(host), Some(Fault::Start(host))),
        15 => (
            Fault::HandOver {
                host,
                force: rng.chance(30),
            },
            None,
        ),
        16 => (Fault::HangWorkers(host), Some(Fault::ReviveWorkers(host))),
        _ => match rng.below(3) {
            0 => (Fault::RemoveAddress(host), None),
            1 => (
                Fault::Interface { host, up: false },
                Some(Fault::Interface { host, up: true }),
            ),
            _ => (
                Fault::JumpClock {
                    host,
                    ms: rng.below(240_000) as i64 - 120_000,
                },
                None,
            ),
        },
    }
}

fn options(seed: u64, rng: &mut Random) -> Options {
    let mut options = Options::of_seed(seed);
    if rng.chance(30) {
        options.skew_ms = [
            rng.below(120_000) as i64 - 60_000,
            rng.below(120_000) as i64 - 60_000,
        ];
    }
    if rng.chance(30) {
        options.drift_ppm = [rng.below(200) as i64 - 100, rng.below(200) as i64 - 100];
    }
    if rng.chance(30) {
        options.priority = [240, 200];
    }
    if rng.chance(15) {
        options.memory = [1 << 20; 2];
        options.ample = false;
    }
    options
}

fn behaviour(options: &Options, rng: &mut Random) -> Behaviour {
    Behaviour {
        pipeline: rng.between(1, 12),
        think: rng.between(1, 60) * MS,
        patience: rng.between(200, 1500) * MS,
        flushes: rng.chance(20),
        expires: rng.chance(70),
        only_sets: false,
        large: if options.ample { 3000 } else { 100_000 },
    }
}

/// One run.
fn run(seed: u64, traced: bool) -> World {
    let mut rng = Random::new(seed, 1);
    let options = Options {
        traced,
        ..options(seed, &mut rng)
    };
    let behaviour = behaviour(&options, &mut rng);
    let single = options.ample && rng.chance(35);
    let mut world = World::new(options);
    let begun = world.now;
    world.plan(begun + rng.below(2 * SECOND), Fault::Start(0));
    world.plan(begun + rng.below(9 * SECOND), Fault::Start(1));
    world.add_clients(rng.between(2, 4) as usize, 6, behaviour);
    if !single && rng.chance(30) {
        world.add_client(Some(0), 4, behaviour);
        world.add_client(Some(1), 4, behaviour);
    }
    if single {
        single_fault(&mut world, &mut rng);
    } else {
        for _ in 0..rng.between(2, 8) {
            let at = begun + rng.between(4_000, 26_000) * MS;
            let lasts = [
                rng.between(1, 400),
                rng.between(400, 4_000),
                rng.between(4_000, 15_000),
            ];
            let lasts = lasts[rng.below(3) as usize] * MS;
            let (fault, end) = choose(&mut rng);
            world.plan(at, fault);
            if let Some(end) = end {
                world.plan(at + lasts, end);
            }
        }
        world.run_until(begun + 28 * SECOND);
    }
    world.finish();
    world
}

/// One host fails while the pair is whole: nothing acknowledged may be lost.
fn single_fault(world: &mut World, rng: &mut Random) {
    world.run_until_holds(30_000, "the pair is whole", World::is_whole);
    world.run_ms(2_000);
    // They have met, so they know each other's clocks.
    world.model.skewed = false;
    world.checks.strict = true;
    world.run_ms(rng.between(500, 3_000));
    world.checks.strict = false;
    let host = rng.below(2) as usize;
    let lasts = rng.between(1, 9_000);
    let (fault, end) = match rng.below(4) {
        0 => (
            Fault::Kill {
                host,
                guard_too: false,
            },
            Fault::Start(host),
        ),
        1 => (
            Fault::Kill {
                host,
                guard_too: true,
            },
            Fault::Start(host),
        ),
        2 => (Fault::Freeze(host), Fault::Wake(host)),
        _ => (Fault::PowerOff(host), Fault::PowerOn(host)),
    };
    world.inflict(&fault);
    world.run_ms(lasts);
    world.inflict(&end);
    world.run_ms(rng.between(100, 4_000));
}

fn passes(seed: u64, traced: bool) -> Result<u64, String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run(seed, traced).trace.digest()));
    outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()
    })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[cfg(feature = "swarm")]
#[test]
fn no_seed_breaks_a_promise() {
    if let Some(seed) = number("SEED") {
        passes(seed, true).expect("this seed fails");
        return;
    }
    let seeds = number("SEEDS").unwrap_or(SEEDS_DEFAULT);
    let first = number("FIRST").unwrap_or(1);
    let next = AtomicU64::new(first);
    let failed = parking_lot::Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism()
        .map_or(2, usize::from)
        .min(8);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    if (seed - first) % 1000 == 999 {
                        eprintln!("{} of {seeds} seeds", seed - first + 1);
                    }
                    if let Err(why) = passes(seed, false) {
                        failed.lock().push((seed, why));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner();
    failed.sort();
    let Some((seed, _)) = failed.first() else {
        return;
    };
    for (seed, why) in &failed {
        eprintln!("seed {seed}: {why}");
    }
    let again = passes(*seed, true);
    panic!(
        "{} of {seeds} seeds fail; with its trace: {again:?}\n  SEED={seed} TRACE=1 cargo test --test simulation \
         no_seed_breaks_a_promise",
        failed.len(),
    );
}

#[cfg(feature = "swarm")]
#[test]
fn the_same_seed_gives_the_same_trace_and_another_one_another() {
    for seed in [3, 4, 5] {
        let (one, two) = (run(seed, true), run(seed, true));
        assert_eq!(one.trace.lines(), two.trace.lines());
        assert_eq!(one.trace.digest(), two.trace.digest());
        assert_ne!(one.trace.digest(), run(seed + 100, false).trace.digest());
        assert!(one.trace.lines().len() > 50);
    }
}
