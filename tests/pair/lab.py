"""Two hosts, a client host and the bridge between them, each in a network namespace of its own.

Nothing is created in the root namespace, so that a lab neither needs nor disturbs its network.
The bridge stands in a fourth namespace: taking its port down is what a pulled cable looks like.

A lab is closed by its owner. What a killed test run leaves behind is removed by `sweep`, which
also runs as `python lab.py`.
"""

import contextlib
import ctypes
import http.client
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

VIRTUAL_ADDRESS = "10.77.0.100"
ADDRESSES = {"a": "10.77.0.1", "b": "10.77.0.2", "client": "10.77.0.9"}
MEMCACHED_PORT = 11211
REPLICATION_PORT = 11212
ADMIN_PORT = 11280

PREFIX = "twincached-lab"
NAMESPACES = Path("/run/netns")
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def ip(*arguments):
    """Run `ip`; raise with its own words if it refuses."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def wait_for(condition, what, seconds=15.0, every=0.02):
    """Poll until `condition()` is true and return its value, or fail saying what was awaited."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:.0f} s still not: {what}")
        time.sleep(every)


def stands_still(pid):
    """Whether every thread of a process is stopped, or gone."""
    states = []
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            states.append(stat.read_text().rpartition(")")[2].split()[0])
    return set(states) <= set("TtZX")


def socket_in(namespace, *arguments):
    """A socket of `namespace`, usable from here.

    A socket belongs to the namespace that its thread was in when it was made, for its whole life.
    So a thread enters the namespace, makes the socket and ends; this process stays where it is.
    """
    made = []

    def make():
        try:
            with open(NAMESPACES / namespace) as entry:
                if _libc.setns(entry.fileno(), CLONE_NEWNET) != 0:
                    number = ctypes.get_errno()
                    raise OSError(number, f"setns {namespace}: {os.strerror(number)}")
            made.append(socket.socket(*arguments))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


class SocketModule:
    """The `socket` module as pymemcache wants it, but its sockets live in `namespace`."""

    def __init__(self, namespace):
        self._namespace = namespace

    def __getattr__(self, name):
        return getattr(socket, name)

    def socket(self, *arguments):
        return socket_in(self._namespace, *arguments)


class Host:
    """One host: a namespace with one interface, `eth0`, and the processes started in it."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.address = ADDRESSES[name]
        self.namespace = f"{lab.name}-{name}"
        self.bridge_port = f"port-{name}"
        self._processes = []
        self._logs = []

    def __repr__(self):
        return f"host {self.name}"

    def create(self):
        """Make the namespace and plug it into the bridge."""
        ip("netns", "add", self.namespace)
        peer = ["peer", "name", "eth0", "netns", self.namespace]
        ip("-n", self.lab.bridge, "link", "add", self.bridge_port, "type", "veth", *peer)
        ip("-n", self.lab.bridge, "link", "set", self.bridge_port, "master", "bridge", "up")
        ip("-n", self.namespace, "link", "set", "lo", "up")
        ip("-n", self.namespace, "link", "set", "eth0", "up")
        self._add_own_address()
        # The local table goes behind the rules of `cut_replication`, which else would never match.
        ip("-n", self.namespace, "rule", "add", "pref", "100", "lookup", "local")
        ip("-n", self.namespace, "rule", "del", "pref", "0")

    def _add_own_address(self):
        ip("-n", self.namespace, "address", "add", f"{self.address}/24", "dev", "eth0")

    def command(self, *command):
        """`command` as it runs on this host. It dies with the test run, however that ends."""
        inside = ["ip", "netns", "exec", self.namespace]
        return [*inside, "setpriv", "--pdeathsig", "KILL", "--", *map(str, command)]

    def spawn(self, *command, log=None, **options):
        """Start a process. `log` names the file that collects what it prints."""
        if log is not None:
            self._logs.append(self.lab.directory / f"{self.name}-{log}")
            options["stdout"] = options["stderr"] = self._logs[-1].open("ab")
        process = subprocess.Popen(self.command(*command), start_new_session=True, **options)
        if log is not None:
            options["stdout"].close()
        self._processes.append(process)
        return process

    def run(self, *command, seconds=20):
        """Run a command to its end and return it with what it printed."""
        return subprocess.run(
            self.command(*command), capture_output=True, text=True, timeout=seconds
        )

    def socket(self, *arguments):
        """A socket on this host."""
        return socket_in(self.namespace, *arguments)

    def connect(self, address, port, seconds=3.0):
        """A TCP connection from this host."""
        made = self.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(seconds)
        made.connect((address, port))
        return made

    def name_addresses(self, names):
        """Let names stand for addresses on this host, as its `/etc/hosts` would."""
        directory = Path("/etc/netns") / self.namespace
        directory.mkdir(parents=True, exist_ok=True)
        lines = [f"{address} {name}\n" for name, address in names.items()]
        (directory / "hosts").write_text("".join(["127.0.0.1 localhost\n", *lines]))

    def http_get(self, path, port=ADMIN_PORT):
        """Status and body of a GET to this host's loopback; `None` if nobody answers."""
        request = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
        try:
            request.sock = self.connect("127.0.0.1", port)
            request.request("GET", path)
            response = request.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            request.close()

    def addresses(self):
        """The addresses of the interface, as `ip` tells them."""
        shown = json.loads(ip("-n", self.namespace, "-j", "address", "show", "dev", "eth0"))
        return [entry["local"] for link in shown for entry in link.get("addr_info", [])]

    def holds_address(self):
        """Whether the virtual address stands on the interface now."""
        return VIRTUAL_ADDRESS in self.addresses()

    def pids(self):
        """Every process of this host, also the children of those that were started."""
        return [int(pid) for pid in ip("netns", "pids", self.namespace).split()]

    def signal_all(self, number):
        """Send a signal to every process of this host."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill_everything(self):
        """kill -9 for every process at once, so that none is left to tidy up after another."""
        self.signal_all(signal.SIGKILL)
        self._reap()

    def freeze(self):
        """Stop every process where it stands, as a host that hangs."""
        self.signal_all(signal.SIGSTOP)
        # A thread that runs on another core goes on until it is interrupted there.
        wait_for(lambda: all(map(stands_still, self.pids())), "every thread stopped", 5, 0.001)

    def wake(self):
        """Let frozen processes go on."""
        self.signal_all(signal.SIGCONT)

    def power_loss(self):
        """The network sees silence first; then the processes and the addresses are gone."""
        ip("-n", self.lab.bridge, "link", "set", self.bridge_port, "down")
        self.kill_everything()
        ip("-n", self.namespace, "address", "flush", "dev", "eth0")

    def power_return(self):
        """The host has booted: own address, link up, nothing started yet."""
        self._add_own_address()
        ip("-n", self.lab.bridge, "link", "set", self.bridge_port, "up")

    def cut_replication(self):
        """Drop what arrives for or from the replication port; VRRP and clients still pass."""
        for side in ("dport", "sport"):
            ip("-n", self.namespace, "rule", "add", *self._replication_rule(side))

    def heal_replication(self):
        """Undo `cut_replication`."""
        for side in ("dport", "sport"):
            ip("-n", self.namespace, "rule", "del", *self._replication_rule(side))

    @staticmethod
    def _replication_rule(side):
        match = ["iif", "eth0", "ipproto", "tcp", side, str(REPLICATION_PORT)]
        return ["pref", "50", *match, "blackhole"]

    def log(self):
        """What the processes of this host printed, in the order of their start."""
        logs = dict.fromkeys(self._logs)
        return "".join(path.read_text(errors="replace") for path in logs if path.exists())

    def _reap(self):
        for process in self._processes:
            process.wait(timeout=10)
        self._processes.clear()

    def close(self):
        """End what was started here and remove the namespace. Safe to call twice."""
        if not (NAMESPACES / self.namespace).exists():
            return
        self.wake()
        while self.pids():
            self.kill_everything()
        self._reap()
        ip("netns", "del", self.namespace)
        shutil.rmtree(Path("/etc/netns") / self.namespace, ignore_errors=True)


class Lab:
    """The hosts `a` and `b`, the host `client`, and the bridge. Use it in a `with` statement."""

    def __init__(self, host_class=Host):
        self.name = f"{PREFIX}-{os.getpid()}-{next(_numbers)}"
        self.bridge = f"{self.name}-bridge"
        self.directory = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.a = host_class(self, "a")
        self.b = host_class(self, "b")
        self.client = Host(self, "client")

    def __enter__(self):
        try:
            self._create()
        except BaseException:
            self.close()
            raise
        return self

    def _create(self):
        ip("netns", "add", self.bridge)
        # Without snooping the bridge floods VRRP's multicast, as a switch without IGMP does.
        options = ["type", "bridge", "forward_delay", "0", "mcast_snooping", "0"]
        ip("-n", self.bridge, "link", "add", "bridge", *options)
        ip("-n", self.bridge, "link", "set", "bridge", "up")
        for host in (self.a, self.b, self.client):
            host.create()

    def close(self):
        """Remove everything, also after a failure half way through."""
        for host in (self.client, self.a, self.b):
            host.close()
        if (NAMESPACES / self.bridge).exists():
            ip("netns", "del", self.bridge)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __exit__(self, *_):
        self.close()


def missing_privilege():
    """Why labs cannot be made here, or `None` if they can."""
    for program in ("ip", "setpriv"):
        if shutil.which(program) is None:
            return f"{program} is not installed (tests/prepare installs it as root)"
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        with Lab() as lab:
            lab.client.run("true")
    except (OSError, AssertionError) as error:
        return f"network namespaces cannot be made here: {error}"
    return None


def sweep():
    """Remove what test runs left behind that were killed: namespaces, their processes, files."""
    for entry in sorted(NAMESPACES.glob(f"{PREFIX}-*")) if NAMESPACES.exists() else []:
        if _is_abandoned(entry):
            with contextlib.suppress(OSError):
                for pid in ip("netns", "pids", entry.name).split():
                    os.kill(int(pid), signal.SIGKILL)
                ip("netns", "del", entry.name)
    for entry in Path(tempfile.gettempdir()).glob(f"{PREFIX}-*"):
        if _is_abandoned(entry):
            shutil.rmtree(entry, ignore_errors=True)


def _is_abandoned(entry):
    """Whether the test run whose process id stands in the name is gone."""
    owner = entry.name.removeprefix(f"{PREFIX}-").split("-")[0]
    return not Path(f"/proc/{owner}").exists()


if __name__ == "__main__":
    sweep()
