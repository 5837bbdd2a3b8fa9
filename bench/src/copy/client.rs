//! A client that asks at a fixed pace, nine gets to one set, and how long its answers take.
//!
//! What it asks late because an earlier answer was late counts from when it was due.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::error::{Doing, Failure};
use crate::machine;
use crate::memory::Fill;
use crate::options::Cores;

/// A moderate load.
pub const REQUESTS_PER_SECOND: u32 = 5000;
/// Of so many requests one stores.
const SET_EVERY: u32 = 10;
const SILENCE_MAX: Duration = Duration::from_secs(5);
const SEED: u64 = 20;
/// Longer latencies, in nanoseconds, are counted as this.
const LATENCY_MAX: u64 = 60_000_000_000;

/// What the client's latencies are counted as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Phase {
    /// Of neither.
    Between,
    /// Without a copy.
    Undisturbed,
    /// With one.
    Disturbed,
    /// Nothing more is asked.
    Ended,
}

/// So many percent of the answers took no longer than what is told.
pub const PERCENTILES: [f64; 3] = [50.0, 90.0, 99.0];

/// Percentiles in microseconds.
pub struct Seen {
    pub undisturbed: [f64; 3],
    pub disturbed: [f64; 3],
    /// It had a core as soon as it wanted one.
    pub was_first: bool,
}

/// A thread with one connection.
pub struct Client {
    phase: Arc<AtomicU8>,
    thread: JoinHandle<Result<Seen, Failure>>,
}

impl Client {
    /// Begins to ask for the items, on the core of the load.
    pub fn start(address: SocketAddr, cores: Cores, items: &Arc<Fill>) -> Result<Client, Failure> {
        let phase = Arc::new(AtomicU8::new(Phase::Between as u8));
        let stream = TcpStream::connect(address).doing("connecting to the server")?;
        stream.set_nodelay(true).doing("connecting to the server")?;
        let silence = stream.set_read_timeout(Some(SILENCE_MAX));
        silence.doing("connecting to the server")?;
        let asking = Asking {
            stream,
            items: items.clone(),
            random: StdRng::seed_from_u64(SEED),
            output: Vec::new(),
            expected: Vec::new(),
            input: Vec::new(),
        };
        let (entered, core) = (phase.clone(), cores.load);
        let thread = thread::spawn(move || asking.run(&entered, core));
        Ok(Client { phase, thread })
    }

    /// What is asked from now on belongs to this phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Ends it.
    pub fn end(self) -> Result<Seen, Failure> {
        self.enter(Phase::Ended);
        self.thread.join().expect("the client does not panic")
    }
}

struct Asking {
    stream: TcpStream,
    items: Arc<Fill>,
    random: StdRng,
    output: Vec<u8>,
    expected: Vec<u8>,
    input: Vec<u8>,
}

impl Asking {
    fn run(mut self, phase: &AtomicU8, core: usize) -> Result<Seen, Failure> {
        machine::pin(core)?;
        let was_first = machine::run_before_others();
        let histogram =
            || Histogram::new_with_bounds(1, LATENCY_MAX, 3).expect("the bounds are in order");
        let mut histograms: [Histogram<u64>; 3] = std::array::from_fn(|_| histogram());
        let start = Instant::now();
        for number in 0.. {
            let counted = phase.load(Ordering::Relaxed);
            if counted == Phase::Ended as u8 {
                break;
            }
            let due = start + Duration::from_secs(1) * number / REQUESTS_PER_SECOND;
            self.prepare(number % SET_EVERY == 0);
            let asked_at = wait_until(due);
            self.ask()?;
            let latency = asked_at.elapsed().as_nanos() as u64;
            histograms[counted as usize].saturating_record(latency);
        }
        let percentiles = |phase: Phase| {
            let histogram = &histograms[phase as usize];
            PERCENTILES.map(|percent| histogram.value_at_percentile(percent) as f64 / 1e3)
        };
        Ok(Seen {
            undisturbed: percentiles(Phase::Undisturbed),
            disturbed: percentiles(Phase::Disturbed),
            was_first,
        })
    }

    /// The next request and the answer that it must get.
    fn prepare(&mut self, stores: bool) {
        let number = self.random.random_range(0..self.items.lengths.len() as u32);
        self.output.clear();
        self.expected.clear();
        if stores {
            self.items.push_set(number, &mut self.output);
            self.expected.extend(b"STORED\r\n");
        } else {
            self.items.push_get(number, &mut self.output);
            self.items.push_answer(number, &mut self.expected);
        }
    }

    fn ask(&mut self) -> Result<(), Failure> {
        self.stream
            .write_all(&self.output)
            .doing("sending requests")?;
        self.input.resize(self.expected.len(), 0);
        let read = self.stream.read_exact(&mut self.input);
        read.doing("reading answers")?;
        if self.input == self.expected {
            return Ok(());
        }
        let start = |bytes: &[u8]| bytes[..bytes.len().min(80)].escape_ascii().to_string();
        Err(Failure::WrongAnswer {
            expected: start(&self.expected),
            found: start(&self.input),
        })
    }
}

/// Sleeps until then. Since when the request counts: that it is sent late because this thread
/// slept too long is nobody's latency.
fn wait_until(due: Instant) -> Instant {
    let left = due.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return due;
    }
    thread::sleep(left);
    Instant::now()
}
