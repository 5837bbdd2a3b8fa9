//! Against the program that most of the world runs.

use crate::advertisements::{advertisement, hear, open, receiver};
use crate::namespace::{Namespace, Pair, address, skip, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use vrrp::linux::Addresses;
use vrrp::packet::{Advertisement, Authentication, Delivery, Version};

const PROGRAM: &str = "keepalived";

/// A running keepalived, ended and cleaned up when dropped.
struct Keepalived {
    child: Child,
    directory: PathBuf,
}

impl Keepalived {
    /// One instance in `namespace` that is configured like `like`. `None` where not installed.
    fn start(namespace: &Namespace, like: &Advertisement) -> Option<Keepalived> {
        if Command::new(PROGRAM)
            .arg("--version")
            .stderr(Stdio::null())
            .status()
            .is_err()
        {
            return skip("keepalived is not installed");
        }
        let directory = std::env::temp_dir().join(&namespace.name);
        std::fs::create_dir_all(&directory).expect("a directory of our own");
        let path = |name: &str| directory.join(name);
        std::fs::write(path("conf"), configuration(like)).expect("writable");
        let child = Command::new("ip")
            .args(["netns", "exec", &namespace.name, PROGRAM])
            .args(["--dont-fork", "--log-console", "--vrrp"])
            .arg("--use-file")
            .arg(path("conf"))
            .arg("--pid")
            .arg(path("pid"))
            .arg("--vrrp_pid")
            .arg(path("vrrp_pid"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ip");
        Some(Keepalived { child, directory })
    }

    /// `ip netns exec` replaces itself, so this is keepalived's own process.
    fn stop(&mut self) {
        let pid = Pid::from_child(&self.child);
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Keepalived {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn configuration(like: &Advertisement) -> String {
    let Advertisement {
        priority,
        virtual_router_id,
        ..
    } = like;
    let authentication = match like.authentication {
        Authentication::None => String::new(),
        Authentication::Password(octets) => {
            let password = String::from_utf8_lossy(&octets).replace('\0', "");
            format!("authentication {{\n auth_type PASS\n auth_pass {password}\n }}\n")
        }
    };
    let addresses: String = like
        .addresses
        .iter()
        .map(|address| format!("  {address} dev eth0\n"))
        .collect();
    format!(
        "global_defs {{\n vrrp_version {}\n}}\n\
         vrrp_instance twin {{\n state BACKUP\n interface eth0\n\
         virtual_router_id {virtual_router_id}\n priority {priority}\n advert_int {}\n\
         {authentication} virtual_ipaddress {{\n{addresses} }}\n}}\n",
        like.version.number(),
        like.interval.as_secs_f64(),
    )
}

fn holds(namespace: &Namespace, virtual_address: &str) -> bool {
    let index = namespace.interface().index;
    namespace.run(|| {
        let held = Addresses::open().and_then(|mut addresses| addresses.list(index));
        held.expect("netlink")
            .iter()
            .any(|held| held.address == address(virtual_address))
    })
}

/// keepalived alone becomes master; what it says is accepted, and its priority 0 at the end too.
fn is_heard(like: Advertisement, own: &str, sender: &str) {
    let Some(pair) = Pair::new() else { return };
    let Some(mut keepalived) = Keepalived::start(&pair.b, &like) else {
        return;
    };
    let own = address(own);
    let socket = open(&pair.a, own, Delivery::Multicast);
    let mut receiver = receiver(&like, own, Delivery::Multicast);
    let heard = hear(&socket, &mut receiver, Duration::from_secs(15)).expect("it becomes master");
    assert_eq!(heard.source, address(sender));
    assert_eq!(heard.advertisement, like);
    assert_eq!(heard.warnings, []);
    keepalived.stop();
    while hear(&socket, &mut receiver, Duration::from_secs(5))
        .expect("it says that it stops")
        .advertisement
        .priority
        != 0
    {}
    assert_eq!(receiver.counters().rejected(), 0);
}

/// While we advertise a higher priority keepalived stays backup; our priority 0 lets it take over.
fn obeys(like: Advertisement, virtual_address: &str) {
    let Some(pair) = Pair::new() else { return };
    let own = address("10.77.0.1");
    let socket = open(&pair.a, own, Delivery::Multicast);
    let mut receiver = receiver(&like, own, Delivery::Multicast);
    let send = |priority| {
        let ours = Advertisement {
            priority,
            ..like.clone()
        };
        let destination = Delivery::Multicast.destination(own);
        socket
            .send(&ours.encode(own, destination).expect("representable"))
            .expect("sent");
    };
    let Some(_keepalived) = Keepalived::start(&pair.b, &like) else {
        return;
    };
    // Longer than it takes to start and to wait its own Master_Down_Interval.
    let until = Instant::now() + 5 * like.interval + Duration::from_secs(2);
    while Instant::now() < until {
        send(200);
        assert_eq!(
            hear(&socket, &mut receiver, like.interval),
            None,
            "it stays backup"
        );
    }
    assert!(!holds(&pair.b, virtual_address));
    send(0);
    let skew = Duration::from_secs(1);
    let heard = hear(&socket, &mut receiver, skew + like.interval).expect("it takes over at once");
    assert_eq!(heard.advertisement.priority, like.priority);
    wait_for("keepalived holds the address", || {
        holds(&pair.b, virtual_address)
    });
}

#[test]
fn version_2_without_authentication_is_heard() {
    let like = advertisement(Version::V2, 150, "10.77.0.100");
    is_heard(like, "10.77.0.1", "10.77.0.2");
}

#[test]
fn version_2_with_a_password_is_heard() {
    let mut like = advertisement(Version::V2, 150, "10.77.0.100");
    like.authentication = Authentication::password("secret12").expect("8 bytes");
    is_heard(like, "10.77.0.1", "10.77.0.2");
}

#[test]
fn version_3_is_heard() {
    let mut like = advertisement(Version::V3, 150, "10.77.0.100");
    like.interval = Duration::from_millis(200);
    is_heard(like, "10.77.0.1", "10.77.0.2");
}

#[test]
fn version_3_over_ipv6_is_heard() {
    is_heard(
        advertisement(Version::V3, 150, "fe80::100"),
        "fe80::1",
        "fe80::2",
    );
}

#[test]
fn version_2_keeps_it_backup() {
    obeys(advertisement(Version::V2, 50, "10.77.0.100"), "10.77.0.100");
}

#[test]
fn version_2_with_a_password_keeps_it_backup() {
    let mut like = advertisement(Version::V2, 50, "10.77.0.100");
    like.authentication = Authentication::password("abc").expect("short enough");
    obeys(like, "10.77.0.100");
}

#[test]
fn version_3_keeps_it_backup() {
    let mut like = advertisement(Version::V3, 50, "10.77.0.100");
    like.interval = Duration::from_millis(200);
    obeys(like, "10.77.0.100");
}
