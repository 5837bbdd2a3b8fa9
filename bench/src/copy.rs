//! The copy table: a full copy to an empty peer, and what a client of the sender notices of it.
//!
//! The sender has one core, the receiver another, so "one core of each side" is what each has, and
//! the CPU time of both tells what a copy would take of a core that it shared. The same bytes over
//! a plain connection between the same cores, in the same run, are the limit that loopback sets.
//!
//! The client asks at a fixed pace whatever the answers take. It comes from the receiver's core,
//! but as a machine of its own: it is served there before the receiver.

mod client;
mod loopback;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub use self::client::{PERCENTILES, REQUESTS_PER_SECOND};
use memmap2::{Advice, MmapMut};

use self::client::{Client, Phase};
use crate::error::{Doing, Failure};
use crate::machine::{self, Cpu};
use crate::memory::{self, Fill, Filler};
use crate::options::Options;
use crate::server::{Configuration, Pair, Server};
use crate::speed::median;

/// Bytes of keys and values.
const USER_BYTES: usize = 1 << 30;
/// `-m` of both hosts, so that nothing is evicted.
const MEMORY_MIB: usize = 2048;
/// MiB per second that a copy has to reach, or the loopback's limit if that is lower.
pub const GOAL: f64 = 400.0;
/// A client's 99th percentile may become so many times as long.
pub const LATENCY_GOAL: f64 = 2.0;
/// What [`Options::only`] is compared with.
const NAME: &str = "full copy of 1 GiB to an empty peer";
/// The client's latency without a copy is taken for so long.
const UNDISTURBED: Duration = Duration::from_secs(3);
/// A copy that takes longer has failed.
const COPY_TIME_MAX: Duration = Duration::from_secs(60);
/// How often it is looked whether it has begun or ended.
const GLANCE: Duration = Duration::from_millis(1);

/// The sender says so when it begins and when it has been told that the peer has everything.
const BEGUN: &str = "replication: connected to node";
const ENDED: &str = "replication: the peer has everything of this node";

/// How fast bytes went from one core to another.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// MiB per second that passed.
    pub wall: f64,
    /// MiB per second of CPU time of the sending and the receiving side.
    pub sender: f64,
    pub receiver: f64,
}

/// Medians of what the runs showed.
pub struct Row {
    pub name: &'static str,
    pub copy: Rate,
    /// The same while a client is served.
    pub beside_client: Rate,
    pub loopback: Rate,
    /// The client's [`PERCENTILES`]: without and with a copy, in microseconds, and how many times as
    /// long the latter are.
    pub latencies: [[f64; 3]; 3],
    /// The client had a core as soon as it wanted it.
    pub client_is_first: bool,
}

/// What one run showed.
struct Run {
    copy: Rate,
    beside_client: Rate,
    loopback: Rate,
    latencies: [[f64; 3]; 2],
    client_is_first: bool,
}

/// Measures the copy, if it was asked for.
pub fn measure(options: &Options) -> Result<Option<Row>, Failure> {
    if !NAME.contains(&options.only) {
        return Ok(None);
    }
    eprintln!("{NAME}");
    let pair = Pair::new(Configuration {
        memory_mib: MEMORY_MIB,
        mode: "peer",
    })?;
    let mut sender = pair.start(0, options, options.cores.server)?;
    let items = Arc::new(memory::sessions(USER_BYTES));
    sender.wait_for_clients()?;
    Filler::connect(sender.address)?.fill(&items)?;
    let mut runs = Vec::new();
    for _ in 0..options.runs {
        let run = run(options, &pair, &mut sender, &items)?;
        eprintln!(
            "  {:.0} MiB/s, p99 x {:.2}",
            run.copy.wall,
            run.latency_ratio(2)
        );
        runs.push(run);
    }
    Ok(Some(medians(&runs)))
}

fn run(
    options: &Options,
    pair: &Pair,
    sender: &mut Server,
    items: &Arc<Fill>,
) -> Result<Run, Failure> {
    let loopback = loopback::measure(options.cores, items.user_bytes())?;
    let copy = copy_to_empty(options, pair, sender, items, |_| {})?;
    let client = Client::start(sender.address, options.cores, items)?;
    client.enter(Phase::Undisturbed);
    thread::sleep(UNDISTURBED);
    client.enter(Phase::Between);
    let enter = |phase| client.enter(phase);
    let beside_client = copy_to_empty(options, pair, sender, items, enter)?;
    let seen = client.end()?;
    Ok(Run {
        copy,
        beside_client,
        loopback,
        latencies: [seen.undisturbed, seen.disturbed],
        client_is_first: seen.was_first,
    })
}

/// Starts an empty peer and waits until it has everything. `enter` is told when that begins and
/// when it has ended; then the peer is ended too.
fn copy_to_empty(
    options: &Options,
    pair: &Pair,
    sender: &mut Server,
    items: &Fill,
    enter: impl Fn(Phase),
) -> Result<Rate, Failure> {
    touch_memory()?;
    sender.news()?;
    let receiver = pair.start(1, options, options.cores.load)?;
    let sides = [sender.id(), receiver.id()];
    let costs = || Ok([machine::cpu_of(sides[0])?, machine::cpu_of(sides[1])?]);
    let (mut printed, mut before) = (String::new(), costs()?);
    let mut begun = Instant::now();
    while !printed.contains(BEGUN) {
        if begun.elapsed() > COPY_TIME_MAX {
            return Err(Failure::Silent);
        }
        before = costs()?;
        printed = more(sender)?;
    }
    begun = Instant::now();
    enter(Phase::Disturbed);
    while !printed.contains(ENDED) {
        if begun.elapsed() > COPY_TIME_MAX {
            return Err(Failure::Silent);
        }
        printed = more(sender)?;
    }
    let elapsed = begun.elapsed();
    enter(Phase::Between);
    let [sent, received] = costs()?;
    let [sender_cost, receiver_cost] = [sent.since(before[0]), received.since(before[1])];
    Ok(rate(
        items.user_bytes(),
        elapsed,
        [sender_cost, receiver_cost].map(Cpu::total),
    ))
}

/// Uses as much memory once as the peer is about to take. On a virtual machine whose host takes back
/// what is free, the first use of a page waits for the host, ten times as long as the peer needs
/// it for; that is the host's speed, not the copy's.
fn touch_memory() -> Result<(), Failure> {
    let mut memory = MmapMut::map_anon(USER_BYTES / 2 * 3).doing("mapping memory")?;
    // Only advice: a system without huge pages does without.
    let _ = memory.advise(Advice::HugePage);
    memory.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    Ok(())
}

/// What the sender prints within a glance.
fn more(sender: &mut Server) -> Result<String, Failure> {
    thread::sleep(GLANCE);
    sender.news()
}

/// `costs` are CPU times of the sending and the receiving side.
fn rate(bytes: u64, elapsed: Duration, costs: [Duration; 2]) -> Rate {
    let per = |time: Duration| bytes as f64 / f64::from(1 << 20) / time.as_secs_f64();
    Rate {
        wall: per(elapsed),
        sender: per(costs[0]),
        receiver: per(costs[1]),
    }
}

impl Run {
    fn latency_ratio(&self, percentile: usize) -> f64 {
        let [undisturbed, disturbed] = self.latencies;
        disturbed[percentile] / undisturbed[percentile]
    }
}

fn medians(runs: &[Run]) -> Row {
    let of = |figure: &dyn Fn(&Run) -> f64| median(runs.iter().map(figure).collect());
    let rate = |rate: &dyn Fn(&Run) -> Rate| Rate {
        wall: of(&|run| rate(run).wall),
        sender: of(&|run| rate(run).sender),
        receiver: of(&|run| rate(run).receiver),
    };
    Row {
        name: NAME,
        copy: rate(&|run| run.copy),
        beside_client: rate(&|run| run.beside_client),
        loopback: rate(&|run| run.loopback),
        latencies: [
            [0, 1, 2].map(|percentile| of(&|run| run.latencies[0][percentile])),
            [0, 1, 2].map(|percentile| of(&|run| run.latencies[1][percentile])),
            [0, 1, 2].map(|percentile| of(&|run| run.latency_ratio(percentile))),
        ],
        client_is_first: runs.iter().all(|run| run.client_is_first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_mib_per_second_of_each_clock() {
        let costs = [Duration::from_millis(1000), Duration::from_millis(500)];
        let rate = rate(200 << 20, Duration::from_secs(2), costs);
        assert_eq!(
            (rate.wall, rate.sender, rate.receiver),
            (100.0, 200.0, 400.0)
        );
    }
}
