//! The speed table: both servers in turn, several times, and the medians.

use std::thread;
use std::time::{Duration, Instant};

use crate::case::Case;
use crate::error::Failure;
use crate::load::{self, Measured};
use crate::machine::busy_time_of;
use crate::memory::Filler;
use crate::options::{Cores, Options};
use crate::server::{Kind, Server};
use crate::workload;

/// `-m`, so that nothing is evicted.
const MEMORY_MIB: usize = 1024;
/// With more than this share of a core taken by other processes a run counts as disturbed.
pub const OTHERS_MAX: f64 = 0.08;

/// The medians of one server's runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Operations per second.
    pub operations: f64,
    /// The fastest run's operations less the slowest's, as part of the median.
    pub spread: f64,
    /// Microseconds of the server's CPU per operation.
    pub user: f64,
    pub system: f64,
    /// Microseconds per request: half of them, 99 and 99.9 percent took no longer.
    pub latency: [f64; 3],
    /// Shares of a core: the server's, the load's, and of both cores what anything else took.
    pub server_load: f64,
    pub generator_load: f64,
    pub others: [f64; 2],
}

/// One row: a case and what both servers made of it.
pub struct Row {
    pub case: Case,
    /// Left out on request.
    pub memcached: Option<Speed>,
    pub ours: Speed,
}

/// Measures all cases that were asked for.
pub fn measure(options: &Options, cases: &[Case]) -> Result<Vec<Row>, Failure> {
    let wanted = |case: &&Case| case.to_string().contains(&options.only);
    let cases: Vec<&Case> = cases.iter().filter(wanted).collect();
    let mut rows = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        eprintln!("{} of {}: {case}", number + 1, cases.len());
        let row = row(options, case)?;
        // Where the program is ended early, this is what remains.
        let theirs = row.memcached.map_or(0.0, |speed| speed.operations);
        eprintln!("  {:.0} ops/s, memcached {theirs:.0}", row.ours.operations);
        rows.push(row);
    }
    Ok(rows)
}

fn row(options: &Options, case: &Case) -> Result<Row, Failure> {
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..options.runs {
        if options.with_memcached {
            theirs.push(run(options, case, Kind::Memcached)?);
        }
        ours.push(run(options, case, case.ours)?);
    }
    Ok(Row {
        case: case.clone(),
        memcached: (!theirs.is_empty()).then(|| medians(&theirs)),
        ours: medians(&ours),
    })
}

/// One run; if it was disturbed, the least disturbed of as many as patience allows.
fn run(options: &Options, case: &Case, kind: Kind) -> Result<Measured, Failure> {
    let until = Instant::now() + options.patience;
    let mut best: Option<Measured> = None;
    loop {
        wait_until_idle(options.cores, until)?;
        let run = attempt(options, case, kind)?;
        let disturbance = run.disturbance(kind);
        if best
            .as_ref()
            .is_none_or(|best| disturbance < best.disturbance(kind))
        {
            best = Some(run);
        }
        match best {
            Some(run) if disturbance <= OTHERS_MAX || Instant::now() >= until => return Ok(run),
            _ => {}
        }
    }
}

/// Waits until other processes leave the cores alone, but not beyond `until`.
fn wait_until_idle(cores: Cores, until: Instant) -> Result<(), Failure> {
    const GLANCE: Duration = Duration::from_millis(200);
    let busy = || Ok([busy_time_of(cores.server)?, busy_time_of(cores.load)?]);
    while Instant::now() < until {
        let before = busy()?;
        thread::sleep(GLANCE);
        let after = busy()?;
        let is_idle = |(before, after): (&Duration, &Duration)| {
            after.saturating_sub(*before).div_duration_f64(GLANCE) <= OTHERS_MAX
        };
        if before.iter().zip(&after).all(is_idle) {
            break;
        }
    }
    Ok(())
}

fn attempt(options: &Options, case: &Case, kind: Kind) -> Result<Measured, Failure> {
    let server = Server::start(kind, options, MEMORY_MIB)?;
    let mut filler = Filler::connect(server.address)?;
    filler.fill_for(case, workload::keys(case.value_bytes))?;
    load::measure(
        server.address,
        case,
        server.id(),
        options.cores,
        options.run_time,
    )
}

impl Measured {
    fn others(&self, core: usize) -> f64 {
        self.others[core].div_duration_f64(self.elapsed)
    }

    /// What strangers took of a core. A pair's second server is none: it belongs on the load's.
    fn disturbance(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Memcached | Kind::Twincached => self.others(0).max(self.others(1)),
            Kind::PairLocal | Kind::PairPeer => self.others(0),
        }
    }
}

fn medians(runs: &[Measured]) -> Speed {
    let of = |figure: &dyn Fn(&Measured) -> f64| median(runs.iter().map(figure).collect());
    let per_second = |run: &Measured| run.operations as f64 / run.elapsed.as_secs_f64();
    let rates = || runs.iter().map(per_second);
    let (slowest, fastest) = (
        rates().fold(f64::MAX, f64::min),
        rates().fold(0.0, f64::max),
    );
    let operations = of(&per_second);
    let latency = |part| of(&|run| run.latency.value_at_quantile(part) as f64 / 1e3);
    Speed {
        operations,
        spread: (fastest - slowest) / operations,
        user: of(&|run| run.server.user.as_secs_f64() * 1e6 / run.operations as f64),
        system: of(&|run| run.server.system.as_secs_f64() * 1e6 / run.operations as f64),
        latency: [latency(0.5), latency(0.99), latency(0.999)],
        server_load: of(&|run| run.server.total().div_duration_f64(run.elapsed)),
        generator_load: of(&|run| run.load.div_duration_f64(run.elapsed)),
        others: [of(&|run| run.others(0)), of(&|run| run.others(1))],
    }
}

/// The one in the middle, or what lies between the two there.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 {
        figures[middle]
    } else {
        (figures[middle - 1] + figures[middle]) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn a_median_stands_in_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 4.0]), 4.0);
        assert_eq!(median(vec![9.0, 1.0, 4.0, 5.0]), 4.5);
    }
}
