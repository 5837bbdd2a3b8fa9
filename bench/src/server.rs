//! Starts servers, waits until they serve, ends them.

mod pair;
mod process;

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::geteuid;

pub use self::pair::Configuration;
use self::pair::Hosts;
use self::process::Process;
use crate::error::{Doing, Failure};
use crate::options::Options;

/// A server that does not serve after so long has failed.
const START_TIME_MAX: Duration = Duration::from_secs(20);
const CONNECTIONS_MAX: &str = "2048";

/// What is started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Memcached,
    Twincached,
    /// Two of ours, the first of which is measured, with `acknowledge: local`.
    PairLocal,
    /// The same with `acknowledge: peer`.
    PairPeer,
}

/// A running server. It ends when this is dropped.
pub struct Server {
    pub address: SocketAddr,
    process: Process,
    _peer: Option<Process>,
}

impl Server {
    /// Starts a server on the core for servers; a pair's second one on the core of the load. `-m`
    /// is in MiB.
    pub fn start(kind: Kind, options: &Options, memory_mib: usize) -> Result<Server, Failure> {
        let address = free_address()?;
        match kind {
            Kind::Memcached | Kind::Twincached => {
                let program = match kind {
                    Kind::Memcached => &options.memcached,
                    _ => &options.twincached,
                };
                let process = Process::start(program, options.cores, options.cores.server, |_| {
                    Ok(flags(address, memory_mib))
                })?;
                let server = Server {
                    address,
                    process,
                    _peer: None,
                };
                server.wait_for_clients()?;
                Ok(server)
            }
            Kind::PairLocal => {
                let mode = "local";
                Server::start_pair(options, Configuration { memory_mib, mode })
            }
            Kind::PairPeer => {
                let mode = "peer";
                Server::start_pair(options, Configuration { memory_mib, mode })
            }
        }
    }

    fn start_pair(options: &Options, configuration: Configuration) -> Result<Server, Failure> {
        let hosts = Hosts::new()?;
        let server = Server {
            address: hosts.clients(0),
            process: hosts.start(0, options, configuration, options.cores.server)?,
            _peer: Some(hosts.start(1, options, configuration, options.cores.load)?),
        };
        for sign in ["\"in_sync\":true", "\"have_all\":true"] {
            server.wait_until(hosts.admin(0), "GET /status HTTP/1.0\r\n\r\n", sign)?;
        }
        // The status is published before the client port opens.
        server.wait_for_clients()?;
        Ok(server)
    }

    /// The process whose CPU time and memory count.
    pub fn id(&self) -> u32 {
        self.process.child.id()
    }

    /// What it has printed since the last call.
    pub fn news(&mut self) -> Result<String, Failure> {
        self.process.news()
    }

    /// Waits until it takes clients.
    pub fn wait_for_clients(&self) -> Result<(), Failure> {
        self.wait_until(self.address, "version\r\nquit\r\n", "VERSION")
    }

    /// Asks at `address` until the answer holds `sign`.
    fn wait_until(&self, address: SocketAddr, request: &str, sign: &str) -> Result<(), Failure> {
        let begun = Instant::now();
        while begun.elapsed() < START_TIME_MAX {
            if answer(address, request).is_ok_and(|answer| answer.contains(sign)) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(self.process.failure())
    }
}

/// A pair whose hosts are started one by one, so that one of them has something to copy.
pub struct Pair {
    hosts: Hosts,
    configuration: Configuration,
}

impl Pair {
    /// None of the two runs yet.
    pub fn new(configuration: Configuration) -> Result<Pair, Failure> {
        Ok(Pair {
            hosts: Hosts::new()?,
            configuration,
        })
    }

    /// Starts one of the two, 0 or 1, on a core, empty.
    pub fn start(&self, number: usize, options: &Options, core: usize) -> Result<Server, Failure> {
        let process = self
            .hosts
            .start(number, options, self.configuration, core)?;
        Ok(Server {
            address: self.hosts.clients(number),
            process,
            _peer: None,
        })
    }
}

/// What a server answers before it closes the connection.
fn answer(address: SocketAddr, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn flags(address: SocketAddr, memory_mib: usize) -> Vec<OsString> {
    let mut flags: Vec<OsString> = vec![
        "-l".into(),
        address.ip().to_string().into(),
        "-p".into(),
        address.port().to_string().into(),
        "-m".into(),
        memory_mib.to_string().into(),
    ];
    flags.extend(["-t", "1", "-c", CONNECTIONS_MAX].map(OsString::from));
    flags.extend(user());
    flags
}

/// memcached refuses to run as root, so neither of them does.
fn user() -> impl Iterator<Item = OsString> {
    let words: &[&str] = if geteuid().is_root() {
        &["-u", "nobody"]
    } else {
        &[]
    };
    words.iter().map(OsString::from)
}

/// An address on loopback on which nothing listens.
fn free_address() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing("looking for a free port")?;
    listener.local_addr().doing("looking for a free port")
}
