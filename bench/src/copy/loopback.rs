//! What a plain connection between two cores carries: the limit of everything that uses one.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::{Rate, rate};
use crate::error::{Doing, Failure};
use crate::machine;
use crate::options::Cores;

/// Bytes given to the system at once, and taken from it. They stay in the second-level cache.
const PIECE_BYTES: usize = 256 * 1024;

/// Sends so many bytes from the server's core to the load's.
pub fn measure(cores: Cores, bytes: u64) -> Result<Rate, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing("listening")?;
    let address = listener.local_addr().doing("listening")?;
    let sender = thread::spawn(move || send(TcpStream::connect(address), cores.server, bytes));
    let (stream, _) = listener.accept().doing("accepting a connection")?;
    let begun = Instant::now();
    let receiver = thread::spawn(move || receive(stream, cores.load));
    let joined = |side: thread::JoinHandle<_>| side.join().expect("a side does not panic");
    let costs = [joined(sender)?, joined(receiver)?];
    Ok(rate(bytes, begun.elapsed(), costs))
}

fn send(stream: std::io::Result<TcpStream>, core: usize, bytes: u64) -> Result<Duration, Failure> {
    machine::pin(core)?;
    let mut stream = stream.doing("connecting")?;
    let piece = vec![7; PIECE_BYTES];
    let mut left = bytes;
    while left > 0 {
        let count = left.min(PIECE_BYTES as u64);
        let sent = stream.write_all(&piece[..count as usize]);
        sent.doing("sending over loopback")?;
        left -= count;
    }
    Ok(machine::cpu_of_this_thread())
}

fn receive(mut stream: TcpStream, core: usize) -> Result<Duration, Failure> {
    machine::pin(core)?;
    let mut piece = vec![0; PIECE_BYTES];
    while stream.read(&mut piece).doing("receiving over loopback")? > 0 {}
    Ok(machine::cpu_of_this_thread())
}
