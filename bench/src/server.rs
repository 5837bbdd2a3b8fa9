//! Starts servers, waits until they serve, ends them.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::geteuid;

use crate::error::{Doing, Failure};
use crate::machine;
use crate::options::{Cores, Options};

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
                server.wait_until(address, "version\r\nquit\r\n", "VERSION")?;
                Ok(server)
            }
            Kind::PairLocal => Server::start_pair(options, memory_mib, "local"),
            Kind::PairPeer => Server::start_pair(options, memory_mib, "peer"),
        }
    }

    fn start_pair(options: &Options, memory_mib: usize, mode: &str) -> Result<Server, Failure> {
        let mut hosts = [Host::new()?, Host::new()?];
        hosts[0].peer = hosts[1].link;
        hosts[1].peer = hosts[0].link;
        let start = |host: &Host, core| {
            Process::start(&options.twincached, options.cores, core, |directory| {
                let path = directory.join("twincached.yaml");
                let text = host.configuration(memory_mib, mode);
                fs::write(&path, text).doing("writing a configuration")?;
                let mut arguments = vec!["--config".into(), path.into()];
                arguments.extend(user());
                Ok(arguments)
            })
        };
        let server = Server {
            address: hosts[0].clients,
            process: start(&hosts[0], options.cores.server)?,
            _peer: Some(start(&hosts[1], options.cores.load)?),
        };
        for sign in ["\"in_sync\":true", "\"have_all\":true"] {
            server.wait_until(hosts[0].admin, "GET /status HTTP/1.0\r\n\r\n", sign)?;
        }
        // The status is published before the client port opens.
        server.wait_until(server.address, "version\r\nquit\r\n", "VERSION")?;
        Ok(server)
    }

    /// The process whose CPU time and memory count.
    pub fn id(&self) -> u32 {
        self.process.child.id()
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

/// The addresses of one host of a pair.
struct Host {
    clients: SocketAddr,
    link: SocketAddr,
    /// The link's other end.
    peer: SocketAddr,
    admin: SocketAddr,
}

impl Host {
    /// Its own peer, until it is told another.
    fn new() -> Result<Host, Failure> {
        let link = free_address()?;
        Ok(Host {
            clients: free_address()?,
            link,
            peer: link,
            admin: free_address()?,
        })
    }

    fn configuration(&self, memory_mib: usize, mode: &str) -> String {
        let Host {
            clients,
            link,
            peer,
            admin,
        } = self;
        format!(
            "memory: {memory_mib}MiB\n\
             threads: 1\n\
             connections_max: {CONNECTIONS_MAX}\n\
             listen: [\"{clients}\"]\n\
             replication:\n  listen: {link}\n  peer: {peer}\n  acknowledge: {mode}\n\
             admin:\n  listen: {admin}\n"
        )
    }
}

/// An address on loopback on which nothing listens.
fn free_address() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing("looking for a free port")?;
    listener.local_addr().doing("looking for a free port")
}

/// A process with a directory of its own, which holds what it prints.
struct Process {
    child: Child,
    name: String,
    directory: PathBuf,
}

impl Process {
    fn start(
        program: &Path,
        cores: Cores,
        core: usize,
        arguments: impl FnOnce(&Path) -> Result<Vec<OsString>, Failure>,
    ) -> Result<Process, Failure> {
        let directory = new_directory()?;
        let arguments = arguments(&directory)?;
        let output = File::create(directory.join("output")).doing("creating a file")?;
        let also = output.try_clone().doing("creating a file")?;
        // The child inherits the core of the thread that starts it.
        machine::pin(core)?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(also)
            .spawn();
        machine::pin(cores.load)?;
        let name = program.display().to_string();
        Ok(Process {
            child: child.doing(&format!("starting {name}"))?,
            name,
            directory,
        })
    }

    fn failure(&self) -> Failure {
        Failure::Server {
            name: self.name.clone(),
            output: fs::read_to_string(self.directory.join("output")).unwrap_or_default(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It holds nothing worth a farewell. What fails here had ended before.
        let _ended = self.child.kill();
        let _status = self.child.wait();
        let _removed = fs::remove_dir_all(&self.directory);
    }
}

fn new_directory() -> Result<PathBuf, Failure> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("twincached-bench-{}-{number}", std::process::id());
    let path = env::temp_dir().join(name);
    fs::create_dir(&path).doing("creating a directory")?;
    Ok(path)
}
