//! Many seeds: each chooses a pair, a load and a plan of faults.
//!
//! `SEEDS=N` runs N seeds, `FIRST=N` starts at another one, `SEED=N` runs one with its trace.

mod faults;
mod plan;
mod reached;
mod stories;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

pub use self::faults::Fault;
use self::plan::run;
use super::coverage::Coverage;

/// Seeds of a normal run.
const SEEDS_DEFAULT: u64 = 500;
/// A long run tells this often, in seconds of real time, how far it is.
const PROGRESS_SECONDS: u64 = 10;

/// A seed that broke a promise, and how.
struct Failure {
    seed: u64,
    why: String,
}

fn passes(seed: u64, traced: bool) -> Result<Coverage, Failure> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run(seed, traced).coverage.clone()));
    outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let why = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let why = why.unwrap_or_default();
        Failure { seed, why }
    })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs all seeds on all cores. `stops`: after the first failure no new one is begun.
fn run_all(first: u64, seeds: u64, stops: bool) -> (Coverage, Vec<Failure>) {
    let next = AtomicU64::new(first);
    let result = parking_lot::Mutex::new((Coverage::default(), Vec::new()));
    let (began, told) = (Instant::now(), AtomicU64::new(0));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds || stops && !result.lock().1.is_empty() {
                return;
            }
            let passed = passes(seed, false);
            let (coverage, failures) = &mut *result.lock();
            match passed {
                Ok(reached) => coverage.add(&reached),
                Err(failure) => failures.push(failure),
            }
            let elapsed = began.elapsed().as_secs() / PROGRESS_SECONDS;
            if told.fetch_max(elapsed, Ordering::Relaxed) < elapsed {
                let (done, failed) = (seed - first + 1, failures.len());
                eprintln!("{done} of {seeds} seeds, {failed} failed");
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(8) {
            scope.spawn(work);
        }
    });
    let (coverage, mut failures) = result.into_inner();
    failures.sort_by_key(|failure| failure.seed);
    (coverage, failures)
}

#[test]
fn no_seed_breaks_a_promise() {
    if let Some(seed) = number("SEED") {
        if let Err(failure) = passes(seed, true) {
            panic!("seed {seed}: {}", failure.why);
        }
        return;
    }
    let seeds = number("SEEDS").unwrap_or(SEEDS_DEFAULT);
    let first = number("FIRST").unwrap_or(1);
    let (coverage, failures) = run_all(first, seeds, std::env::var_os("STOP").is_some());
    for Failure { seed, why } in &failures {
        eprintln!("seed {seed}: {why}");
    }
    let Some(Failure { seed, .. }) = failures.first() else {
        println!("{coverage}");
        reached::check(&coverage, seeds);
        return;
    };
    // Once more, for the trace.
    let again = passes(*seed, true).err().map(|failure| failure.why);
    panic!(
        "{} of {seeds} seeds fail; {again:?}\n  again, with all of its trace: SEED={seed} TRACE=1 cargo test --test \
         simulation no_seed_breaks_a_promise",
        failures.len(),
    );
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_one_another() {
    for seed in 3..7 {
        let (one, two) = (run(seed, true), run(seed, true));
        assert_eq!(one.trace.lines(), two.trace.lines());
        assert_eq!(one.trace.digest(), two.trace.digest());
        // Collecting a trace changes nothing.
        assert_eq!(one.trace.digest(), run(seed, false).trace.digest());
        assert_ne!(one.trace.digest(), run(seed + 100, false).trace.digest());
        assert!(one.trace.lines().len() > 50);
    }
}
