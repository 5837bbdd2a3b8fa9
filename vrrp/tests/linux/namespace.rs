//! Two network namespaces joined by a veth pair, gone when the fixture is dropped.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use vrrp::linux::Interface;

/// The name of the interface at both ends.
pub const INTERFACE: &str = "eth0";

/// The end `a` has 10.77.0.1/24, fe80::1 and MAC 02:00:00:00:00:01; the end `b` has 2 for 1.
pub struct Pair {
    pub a: Namespace,
    pub b: Namespace,
}

/// One end. Removed from the host when dropped.
pub struct Namespace {
    pub name: String,
}

impl Pair {
    /// `None`, with a message, where this process may not make one.
    pub fn new() -> Option<Pair> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |end: char| format!("vrrp{}-{number}{end}", std::process::id());
        let (a, b) = match (Namespace::new(name('a')), Namespace::new(name('b'))) {
            (Ok(a), Ok(b)) => (a, b),
            (Err(why), _) | (_, Err(why)) => return skip(&why),
        };
        let pair = Pair { a, b };
        pair.join().expect("a veth pair between two new namespaces");
        Some(pair)
    }

    fn join(&self) -> Result<(), String> {
        let (a, b) = (&self.a.name, &self.b.name);
        let peer = format!("peer name {INTERFACE} address 02:00:00:00:00:02 netns {b}");
        ip(&format!(
            "-n {a} link add {INTERFACE} address 02:00:00:00:00:01 type veth {peer}"
        ))?;
        for (namespace, last) in [(a, 1), (b, 2)] {
            ip(&format!(
                "-n {namespace} address add 10.77.0.{last}/24 dev {INTERFACE}"
            ))?;
            ip(&format!("-n {namespace} link set lo up"))?;
            ip(&format!(
                "-n {namespace} link set {INTERFACE} addrgenmode none"
            ))?;
            ip(&format!("-n {namespace} link set {INTERFACE} up"))?;
            ip(&format!(
                "-n {namespace} address add fe80::{last}/64 dev {INTERFACE} nodad"
            ))?;
        }
        wait_for("both ends carry packets", || {
            [&self.a, &self.b].iter().all(|end| end.interface().running)
        });
        Ok(())
    }
}

impl Namespace {
    fn new(name: String) -> Result<Namespace, String> {
        ip(&format!("netns add {name}"))?;
        Ok(Namespace { name })
    }

    /// Runs `body` on a thread of its own inside this namespace. Sockets opened there stay there.
    pub fn run<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                let namespace = File::open(format!("/run/netns/{}", self.name)).expect("made");
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(namespace.as_fd(), kind).expect("privileged");
                body()
            });
            inside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    pub fn interface(&self) -> Interface {
        self.run(|| Interface::find(INTERFACE).expect("made by the fixture"))
    }

    pub fn ip(&self, arguments: &str) {
        ip(&format!("-n {} {arguments}", self.name)).expect("ip");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&format!("netns delete {}", self.name));
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.map_err(|error| format!("`ip` cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "`ip {arguments}`: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

/// Says why a test ends early, or fails it where privileges are demanded.
pub fn skip<T>(why: &str) -> Option<T> {
    let required = std::env::var_os("TWINCACHED_REQUIRE_PRIVILEGED").is_some_and(|v| v == "1");
    assert!(!required, "TWINCACHED_REQUIRE_PRIVILEGED=1, but {why}");
    eprintln!("skipped: {why}");
    None
}

/// Waits until `descriptor` is readable; false after `wait`.
pub fn readable(descriptor: &impl AsFd, wait: Duration) -> bool {
    let timeout = Timespec {
        tv_sec: wait.as_secs() as i64,
        tv_nsec: wait.subsec_nanos().into(),
    };
    let mut descriptors = [PollFd::new(descriptor, PollFlags::IN)];
    poll(&mut descriptors, Some(&timeout)).expect("poll") > 0
}

/// Asks again until `condition` holds, for at most 10 s.
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "waited 10 s for this: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}
