//! The load: one thread, one epoll, many connections.
//!
//! Each connection sends a burst of requests, waits until all of them are answered, and sends the
//! next. Latency is counted for each request, from the moment its burst was sent.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::case::Case;
use crate::error::{Doing, Failure};
use crate::machine::{self, Cpu};
use crate::options::Cores;
use crate::wire::{Answer, Part, Wire};
use crate::workload::Workload;

/// Bytes read at once. They stay in the second-level cache.
const READ_BYTES: usize = 256 * 1024;
/// Events taken at once.
const EVENTS_MAX: usize = 1024;
/// A server that answers nothing for so long has failed.
const SILENCE_MAX: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};
/// What comes before the measurement, so that connections, caches and branches are warm.
const WARM_UP: Duration = Duration::from_millis(250);

/// Longer latencies, in nanoseconds, are counted as this.
const LATENCY_MAX: u64 = 60_000_000_000;

/// What one run showed.
pub struct Measured {
    pub operations: u64,
    pub elapsed: Duration,
    /// Of requests, in nanoseconds.
    pub latency: Histogram<u64>,
    /// CPU time of the server.
    pub server: Cpu,
    /// CPU time of this process.
    pub load: Duration,
    /// Time in which the server's core, and the load's, ran anything else.
    pub others: [Duration; 2],
}

/// Puts a server under the load of `case` and measures it for `run_time`.
pub fn measure(
    address: SocketAddr,
    case: &Case,
    server: u32,
    cores: Cores,
    run_time: Duration,
) -> Result<Measured, Failure> {
    let mut load = Load::new(address, case)?;
    load.run(WARM_UP)?;
    load.operations = 0;
    load.latency.reset();
    let before = Usage::now(server, cores)?;
    let elapsed = load.run(run_time)?;
    let after = Usage::now(server, cores)?;
    let server = after.server.since(before.server);
    let own = after.load - before.load;
    let others = |core: usize, known| after.busy[core].saturating_sub(before.busy[core] + known);
    Ok(Measured {
        operations: load.operations,
        elapsed,
        latency: load.latency,
        server,
        load: own,
        others: [others(0, server.total()), others(1, own)],
    })
}

/// What has been used up to a moment.
struct Usage {
    server: Cpu,
    load: Duration,
    /// By anyone, of the server's core and the load's.
    busy: [Duration; 2],
}

impl Usage {
    fn now(server: u32, cores: Cores) -> Result<Usage, Failure> {
        Ok(Usage {
            server: machine::cpu_of(server)?,
            load: machine::cpu_of_this_process(),
            busy: [
                machine::busy_time_of(cores.server)?,
                machine::busy_time_of(cores.load)?,
            ],
        })
    }
}

struct Load {
    epoll: OwnedFd,
    connections: Vec<Connection>,
    workload: Workload,
    pipeline: usize,
    input: Vec<u8>,
    operations: u64,
    latency: Histogram<u64>,
}

impl Load {
    /// Connects and sends the first bursts.
    fn new(address: SocketAddr, case: &Case) -> Result<Load, Failure> {
        let mut load = Load {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).doing("epoll")?,
            connections: Vec::with_capacity(case.connections),
            workload: Workload::new(case),
            pipeline: case.pipeline,
            input: Vec::with_capacity(READ_BYTES),
            operations: 0,
            latency: Histogram::new_with_bounds(1, LATENCY_MAX, 3)
                .expect("the bounds are in order"),
        };
        for number in 0..case.connections {
            let connection = Connection::open(address).doing("connecting to the server")?;
            let data = epoll::EventData::new_u64(number as u64);
            epoll::add(&load.epoll, &connection.stream, data, epoll::EventFlags::IN)
                .doing("epoll")?;
            load.connections.push(connection);
        }
        for number in 0..case.connections {
            load.ask(number)?;
        }
        Ok(load)
    }

    /// Goes on for `run_time`. Returns how long it really was.
    fn run(&mut self, run_time: Duration) -> Result<Duration, Failure> {
        let start = Instant::now();
        let mut events = Vec::with_capacity(EVENTS_MAX);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&SILENCE_MAX)) {
                Ok(0) => return Err(Failure::Silent),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error).doing("epoll"),
            }
            for event in &events {
                self.serve(event.data.u64() as usize, event.flags)?;
            }
            let elapsed = start.elapsed();
            if elapsed >= run_time {
                return Ok(elapsed);
            }
        }
    }

    fn serve(&mut self, number: usize, flags: epoll::EventFlags) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        if flags.contains(epoll::EventFlags::OUT) {
            connection.flush(&self.epoll, number)?;
        }
        self.input.clear();
        match recv(
            &connection.stream,
            spare_capacity(&mut self.input),
            RecvFlags::empty(),
        ) {
            Ok((0, _)) => return Err(Failure::Silent),
            Ok(_) => {}
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(error).doing("reading answers"),
        }
        let seen = connection.receive(self.workload.wire(), &self.input)?;
        if seen.completed > 0 {
            let nanoseconds = connection.asked_at.elapsed().as_nanos() as u64;
            self.latency
                .saturating_record_n(nanoseconds, seen.completed);
            self.operations += seen.operations;
        }
        if self.connections[number].due.is_empty() {
            self.ask(number)?;
        }
        Ok(())
    }

    fn ask(&mut self, number: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        for _ in 0..self.pipeline {
            self.workload
                .ask(&mut connection.output, &mut connection.due);
        }
        connection.asked_at = Instant::now();
        connection.flush(&self.epoll, number)
    }
}

struct Connection {
    stream: TcpStream,
    output: Vec<u8>,
    written: usize,
    /// Writability is being waited for.
    is_full: bool,
    /// Answers that have to come, in order.
    due: VecDeque<Answer>,
    /// Bytes of the first of them that have come.
    offset: usize,
    /// Operations since a request was last completed.
    operations: u64,
    asked_at: Instant,
}

/// What some bytes of answers held.
#[derive(Default)]
struct Seen {
    /// Requests answered to the end.
    completed: u64,
    /// Operations of these requests.
    operations: u64,
}

impl Connection {
    fn open(address: SocketAddr) -> std::io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection {
            stream,
            output: Vec::new(),
            written: 0,
            is_full: false,
            due: VecDeque::new(),
            offset: 0,
            operations: 0,
            asked_at: Instant::now(),
        })
    }

    fn receive(&mut self, wire: &mut Wire, mut bytes: &[u8]) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        while !bytes.is_empty() {
            let Some(answer) = self.due.front().copied() else {
                return Err(Failure::WrongAnswer {
                    expected: "nothing more".to_owned(),
                    found: bytes[..bytes.len().min(120)].escape_ascii().to_string(),
                });
            };
            let (taken, ended) = wire.check(answer, self.offset, bytes)?;
            bytes = &bytes[taken..];
            self.offset += taken;
            if !ended {
                break;
            }
            self.offset = 0;
            self.due.pop_front();
            self.operations += u64::from(answer.part != Part::End);
            if answer.completes {
                seen.completed += 1;
                seen.operations += std::mem::take(&mut self.operations);
            }
        }
        Ok(seen)
    }

    /// Writes as much as the socket takes, and watches for more room as long as that is not all.
    fn flush(&mut self, epoll: &OwnedFd, number: usize) -> Result<(), Failure> {
        while self.written < self.output.len() {
            let rest = &self.output[self.written..];
            match send(&self.stream, rest, SendFlags::NOSIGNAL) {
                Ok(count) => self.written += count,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error).doing("sending requests"),
            }
        }
        let is_full = self.written < self.output.len();
        if !is_full {
            self.written = 0;
            self.output.clear();
        }
        if is_full == self.is_full {
            return Ok(());
        }
        self.is_full = is_full;
        let mut flags = epoll::EventFlags::IN;
        flags.set(epoll::EventFlags::OUT, is_full);
        let data = epoll::EventData::new_u64(number as u64);
        epoll::modify(epoll, &self.stream, data, flags).doing("epoll")
    }
}
