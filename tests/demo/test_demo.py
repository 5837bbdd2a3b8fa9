"""`twincached demo` as a user runs it: one at a time, in the root namespace, with its fixed names."""

import os
import re
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from pymemcache.client.base import Client

from lab import missing_privilege, wait_for
from node import BINARY

VIRTUAL_ADDRESS = ("10.77.11.100", 11211)
ADMIN = {"a": "10.77.11.1:11280", "b": "10.77.11.2:11280"}


def left_behind():
    """Whatever of a demo is on this machine now. The lock file is meant to stay."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    namespaces = [line for line in listed.stdout.splitlines() if line.startswith("twincached-demo")]
    interface = Path("/sys/class/net/twincached-demo")
    found = namespaces + ([str(interface)] if interface.exists() else [])
    return found + [str(path) for path in Path("/tmp").glob("twincached-demo-*")]


def is_alive(pid):
    """Whether the process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


class Demo:
    """A running demo and what it printed. Use it in a `with` statement."""

    def __init__(self, *arguments, seconds=60, wrapper=()):
        self.command = [*wrapper, BINARY, "demo", *arguments]
        self.environment = os.environ | {"TWINCACHED_DEMO_SECONDS": str(seconds), "TMPDIR": "/tmp"}
        self.text = ""

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=30)
        self.read()
        self.process.stdout.close()
        print(self.text)

    def read(self):
        """Take what it printed meanwhile."""
        while select.select([self.process.stdout], [], [], 0)[0]:
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                return
            self.text += chunk.decode()

    def wait_for(self, pattern, seconds=40):
        """Wait until the pattern is printed and return the match."""

        def printed():
            self.read()
            return re.search(pattern, self.text, re.MULTILINE)

        return wait_for(printed, f"printed: {pattern}\n{self.text}", seconds)

    def end(self, number, seconds=20):
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=seconds)


def client():
    """A client in the namespace of the shell."""
    return Client(VIRTUAL_ADDRESS, connect_timeout=1, timeout=1, default_noreply=False)


def answer(key):
    """The value of `key` over the virtual address, `None` while nobody answers there."""
    made = client()
    try:
        return made.get(key)
    except OSError:
        return None
    finally:
        made.close()


@pytest.fixture(autouse=True)
def clean():
    """Skips where no demo in namespaces can run; checks that nothing is left of one."""
    reason = missing_privilege()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    if not BINARY.exists():
        pytest.fail(f"{BINARY} does not exist: cargo build --release")
    yield
    assert left_behind() == []


def test_a_killed_master_is_replaced_and_returns_as_backup():
    with Demo() as demo:
        pid = int(demo.wait_for(r"^ +kill -9 (\d+)$")[1])
        assert "telnet 10.77.11.100 11211" in demo.text
        master = demo.wait_for(rf" ([ab])  MASTER, has the address, .*\(pid {pid}\)$")[1]
        other = "b" if master == "a" else "a"
        writer = client()
        assert writer.set("greeting", b"hello") is True
        writer.close()

        os.kill(pid, signal.SIGKILL)

        demo.wait_for(rf" {master}  was ended by signal 9; starts again in 5 s$")
        demo.wait_for(rf" {other}  MASTER, has the address, .*\(pid \d+\)$")
        demo.wait_for(r"10\.77\.11\.100:11211 answers again, \d+\.\d{3} s after its last answer$")
        assert wait_for(lambda: answer("greeting"), "the virtual address answers") == b"hello"
        demo.wait_for(rf" {master}  is started again, pid \d+$")
        demo.wait_for(rf" {master}  BACKUP, in sync$")
        demo.wait_for(rf" {other}  MASTER, has the address, in sync \(pid \d+\)$")
        status = subprocess.run(
            [BINARY, "status", "--admin", ADMIN[other]], capture_output=True, text=True
        )
        assert status.returncode == 0, status.stdout
        assert status.stdout.startswith("OK: serves clients, MASTER")
        assert demo.end(signal.SIGINT) == 0


def test_a_handover_by_command_moves_the_address():
    with Demo() as demo:
        demo.wait_for(r"^Ctrl-C ends")
        master = demo.wait_for(r" ([ab])  MASTER, has the address, in sync")[1]
        other = "b" if master == "a" else "a"
        done = subprocess.run(
            [BINARY, "failover", "--admin", ADMIN[master]], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        demo.wait_for(rf" {other}  MASTER, has the address")
        assert demo.end(signal.SIGHUP) == 0


def test_it_ends_by_itself_after_the_seconds_asked_for():
    with Demo(seconds=1) as demo:
        assert demo.process.wait(timeout=60) == 0


def test_a_second_demo_names_the_first():
    with Demo() as demo:
        demo.wait_for(r"two nodes start")
        second = subprocess.run([BINARY, "demo"], capture_output=True, text=True, timeout=20)
        assert second.returncode == 1
        assert f"another demo is running on this machine (pid {demo.process.pid})" in second.stderr
        assert demo.end(signal.SIGTERM) == 0


def test_the_next_demo_removes_what_a_killed_one_left():
    with Demo() as demo:
        pid = int(demo.wait_for(r"^ +kill -9 (\d+)$")[1])
        demo.end(signal.SIGKILL)
        wait_for(lambda: not is_alive(pid), "the kernel ended the node")
        assert left_behind() != []
    with Demo(seconds=1) as demo:
        assert demo.process.wait(timeout=60) == 0


def test_a_network_in_use_is_refused_with_another_one_proposed():
    subprocess.run(["ip", "link", "add", "tcdemo-test", "type", "bridge"], check=True)
    try:
        for line in ("address add 192.168.78.1/24 dev tcdemo-test", "link set tcdemo-test up"):
            subprocess.run(["ip", *line.split()], check=True)
        with Demo("--network", "192.168.78.0") as demo:
            assert demo.process.wait(timeout=20) == 1
            demo.read()
        assert "192.168.78.0/24 is in use on this machine" in demo.text
        assert "demo --network" in demo.text
    finally:
        subprocess.run(["ip", "link", "del", "tcdemo-test"], check=True)


def test_without_privilege_the_pair_runs_on_loopback_addresses():
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]
    if subprocess.run([*nobody, BINARY, "--version"], capture_output=True).returncode != 0:
        pytest.skip(f"the user nobody cannot run {BINARY}")
    with Demo(wrapper=nobody) as demo:
        demo.wait_for(r"^Ctrl-C ends")
        assert "Without network namespaces (network namespaces need root)" in demo.text
        (a, port), (b, _) = re.findall(r"telnet (127\.0\.0\.\d) (\d+)", demo.text)
        writer = Client((a, int(port)), timeout=2, default_noreply=False)
        assert writer.set("greeting", b"hello") is True
        writer.close()
        os.kill(int(demo.wait_for(r"^ +kill -9 (\d+)$")[1]), signal.SIGKILL)
        reader = Client((b, int(port)), timeout=2)
        assert reader.get("greeting") == b"hello"
        reader.close()
        demo.wait_for(r" a  is started again, pid \d+$")
        demo.wait_for(r" a  in sync$")
        assert demo.end(signal.SIGINT) == 0
