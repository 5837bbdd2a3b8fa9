"""docs/replacing.md, word by word: its files, its commands in its order, and what it says of them.

Host `b` is the page's 10.0.0.2 and is replaced first. Debian's memcached stands for repcached.
"""

import shlex
import socket
import subprocess
import sys
import time

import pytest

from clients import connect
from documents import REPOSITORY, Page
from holders import HolderRecorder
from lab import ADDRESSES, VIRTUAL_ADDRESS, Lab, wait_for
from node import BINARY, Node, run_binary

PAGE = Page("docs/replacing.md")
COPY_ITEMS = REPOSITORY / "packaging" / "copy-items"
COPY = "copy-items --remember /root/copied 10.77.0.1:11211 10.77.0.2:11211"
# Skew_Time of priority 100, and a busy machine.
LEAVING_MAX = 0.61 + 0.8


class OldHost(Node):
    """A host with memcached and keepalived that gets twincached; `do` is its shell."""

    def __init__(self, lab, name):
        super().__init__(lab, name)
        self._services = {}

    def do(self, command):
        """One line of the page. Returns what it printed, with its exit code for `status`."""
        words = shlex.split(command)
        if words[0] == "systemctl":
            action, _, service = words[1:]
            return {"enable": self._enable, "disable": self._disable}[action](service)
        if words[0] == "copy-items":
            words[2] = self.lab.directory / "copied"
            return self._completed(sys.executable, COPY_ITEMS, *words[1:])
        return run_binary(self, *words[1:])

    def _completed(self, *command):
        done = self.run(*command)
        assert done.returncode == 0, done.stderr
        return done

    def _enable(self, service):
        command = {
            "memcached": ["memcached", "-u", "root", "-p", "11211"],
            "keepalived": self._keepalived(),
            "twincached": self._twincached(),
        }[service]
        self._services[service] = self.spawn(*command, log=f"{service}.log")

    def _disable(self, service):
        self._services[service].terminate()
        self._services.pop(service).wait(timeout=15)

    def _keepalived(self):
        (text,) = PAGE.blocks()
        if self.name == "b":
            text = text.replace("MASTER", "BACKUP").replace("priority 150", "priority 100")
        config = self.lab.directory / f"{self.name}-keepalived.conf"
        config.write_text(text)
        pid_files = []
        for option, kind in (("--pid", "main"), ("--vrrp_pid", "vrrp")):
            pid_files += [option, self.lab.directory / f"{self.name}-{kind}.pid"]
            pid_files[-1].unlink(missing_ok=True)
        return ["keepalived", "--dont-fork", "--log-console", "--vrrp", "-f", config, *pid_files]

    def _twincached(self):
        (text,) = PAGE.blocks("yaml")
        if self.name == "a":
            # With their ports: the virtual address begins with the same digits.
            own, peer = (f"{ADDRESSES[name]}:" for name in "ab")
            text = text.replace(own, "OWN").replace(peer, own).replace("OWN", peer)
            text = text.replace("priority: 100", "priority: 150")
        self.config_file.write_text(text)
        assert run_binary(self, "check", self.config_file).returncode == 0
        return [BINARY, "--config", self.config_file]


class Site:
    """Two hosts in the old state, and the record of the address."""

    def __enter__(self):
        self.origin = time.monotonic()
        self._lab = Lab(OldHost)
        self.lab = self._lab.__enter__()
        self.a, self.b = self.lab.a, self.lab.b
        self.recorder = HolderRecorder(self.a, self.b).start()
        for host in (self.a, self.b):
            host.do("systemctl enable --now memcached")
            host.do("systemctl enable --now keepalived")
        self.wait_for_holder(self.a, 10)
        return self

    def __exit__(self, *failure):
        # Shown with a failure only.
        print(self.recorder.describe(self.origin), self.a.log(), self.b.log(), sep="\n")
        self.recorder.stop()
        self._lab.__exit__(*failure)

    def wait_for_holder(self, host, seconds):
        """Until `host` is the only one with the address."""
        alone = lambda: self.recorder.holders() == {host.name}  # noqa: E731
        wait_for(alone, f"{host} alone holds the address", seconds, every=0.005)

    def client(self, address=VIRTUAL_ADDRESS):
        """A client on the client host."""
        return connect(address, self.lab.client.namespace)

    def replace_first_host(self):
        """Step 1."""
        *commands, status = PAGE.commands("1. The host that does not have the address")
        assert status == "twincached status"
        for command in commands:
            self.b.do(command)
        said = self.wait_for_status(self.b, "BACKUP", "master heard: 10.77.0.1")
        assert "! no link to the peer" in said
        waits = "! does not serve clients yet"
        served = lambda: waits not in run_binary(self.b, "status").stdout  # noqa: E731
        wait_for(served, "it serves clients", 10, every=0.1)
        assert self.recorder.holders() == {"a"}

    def wait_for_status(self, host, *sentences, seconds=20):
        """Until `twincached status` says all of this."""
        said = lambda: run_binary(host, "status").stdout  # noqa: E731
        what = f"{host} says {sentences}"
        wait_for(lambda: all(part in said() for part in sentences), what, seconds, every=0.1)
        return said()


@pytest.fixture
def site(binary, stand_in_programs):
    """The old state."""
    with Site() as made:
        yield made


def life(client, key):
    """The remaining life of an item in seconds, -1: for ever."""
    return int(client.raw_command(f"mg {key} t").split(b"t")[1])


def test_one_host_at_a_time_and_the_items_come_along(site, measured):
    a, b = site.a, site.b
    old = site.client()
    assert old.set("session", (3, b"before"), expire=600)
    assert old.set("for-ever", (0, b"x" * 20_000))
    for number in range(300):
        assert old.set(f"many-{number}", (0, b"%d" % number), expire=900)
    assert old.set("changed", (0, b"1")) and old.set("deleted", (0, b"1"))
    assert old.set("ours", (0, b"1"))

    site.replace_first_host()
    first, leave, second, status, _ = PAGE.commands("2. The address")
    assert (first, second, status) == (COPY, COPY, "twincached status")
    assert "the old server has 305 items and named 305" in b.do(first).stdout
    assert old.set("changed", (0, b"2")) and old.delete("deleted")
    assert old.set("added", (0, b"1"))
    old.close()
    struck = time.monotonic()
    a.do(leave)
    site.wait_for_holder(b, LEAVING_MAX)
    gap = site.recorder.longest_vacancy(struck)
    client = site.client()
    assert client.set("ours", (0, b"of a client"))
    assert "2 copied, 1 removed, 0 left" in b.do(second).stdout
    site.wait_for_status(b, "MASTER")
    assert client.stats("vrrp")[b"address"] == b"10.77.0.2"
    expected = {
        "session": (3, b"before"),
        "for-ever": (0, b"x" * 20_000),
        "changed": (0, b"2"),
        "added": (0, b"1"),
        "ours": (0, b"of a client"),
    } | {f"many-{number}": (0, b"%d" % number) for number in range(300)}
    assert client.get_many([*expected, "deleted"]) == expected
    assert 560 <= life(client, "session") <= 600
    assert life(client, "for-ever") == -1

    *commands, status = PAGE.commands("3. The other host")
    assert status == "twincached status"
    for command in commands:
        a.do(command)
    for host in (a, b):
        site.wait_for_status(host, "OK:", seconds=30)
    assert site.recorder.holders() == {"b"}

    (failover,) = PAGE.commands("After")
    moved = time.monotonic()
    assert b.do(failover).returncode == 0
    site.wait_for_holder(a, 5)
    client.close()
    client = site.client()
    assert client.get_many([*expected, "deleted"]) == expected
    assert 500 <= life(client, "session") <= 600
    assert site.recorder.longest_double(struck) <= 0.1
    measured(
        f"nobody had the address for {gap:.2f} s, and for "
        f"{site.recorder.longest_vacancy(moved):.2f} s in the handover at the end"
    )


def test_the_way_back_leads_to_the_old_data_and_what_is_new_can_be_taken_along(site):
    a, b = site.a, site.b
    old = site.client()
    assert old.set("old", (0, b"1"), expire=600)
    site.replace_first_host()
    first, leave, *_ = PAGE.commands("2. The address")
    b.do(first)
    a.do(leave)
    site.wait_for_holder(b, 5)
    client = site.client()
    assert client.set("new", (0, b"2"))

    (back,) = PAGE.commands("2. The address", after="**Back")
    forget, back = back.split("; ")
    assert forget == "rm /root/copied"
    (site.lab.directory / "copied").unlink()
    # What was there already is not touched.
    assert "1 copied, 0 removed, 1 left" in a.do(back).stdout
    a.do("systemctl enable --now keepalived")
    # It has the higher priority and no `nopreempt`, but twincached has taken over with one more.
    time.sleep(4)
    assert site.recorder.holders() == {"b"}
    b.do("systemctl disable --now twincached")
    site.wait_for_holder(a, LEAVING_MAX)
    client = site.client()
    assert client.get_many(["old", "new"]) == {"old": (0, b"1"), "new": (0, b"2")}


def test_the_standby_without_a_copy_takes_over_empty_when_the_last_old_host_dies(site):
    a, b = site.a, site.b
    old = site.client()
    assert old.set("old", (0, b"1"))
    site.replace_first_host()
    a.power_loss()
    site.wait_for_holder(b, 6)
    client = site.client()
    assert client.get("old") is None
    assert client.set("new", (0, b"2"))


def test_items_of_a_memcached_that_only_knows_cachedump_are_copied(site):
    """As repcached: it has no `lru_crawler metadump`."""
    a, b = site.a, site.b
    a.do("systemctl disable --now memcached")
    a.spawn("memcached", "-u", "root", "-o", "no_modern,no_lru_crawler", log="memcached.log")
    site.replace_first_host()
    old = site.client()
    assert old.set("session", (5, b"value"), expire=600)
    assert old.set("for-ever", (0, b"value"))
    done = b.do(PAGE.commands("2. The address")[0])
    assert "2 items and named 2" in done.stdout and "2 copied" in done.stdout
    new = site.client(b.address)
    expected = {"session": (5, b"value"), "for-ever": (0, b"value")}
    assert new.get_many(expected) == expected
    assert 560 <= life(new, "session") <= 600
    assert life(new, "for-ever") == -1


@pytest.mark.parametrize(
    ("remember", "old", "said"),
    [
        ("copied", "10.0.0.1", "10.0.0.1: write HOST:PORT, such as 10.0.0.1:11211"),
        ("copied", "127.0.0.1:1", "127.0.0.1:1: [Errno 111] Connection refused"),
        ("no/copied", None, "[Errno 2] No such file or directory: '{}/no/copied'"),
        ("other", None, "{}/other is not what an earlier run has written; name another file"),
    ],
)
def test_a_mistake_in_the_command_is_told_in_a_line_before_anything_is_copied(
    tmp_path, remember, old, said
):
    (tmp_path / "other").write_text("shopping list")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = "{}:{}".format(*listening.getsockname())
        command = [COPY_ITEMS, "--remember", tmp_path / remember, old or server, server]
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    assert done.stderr == f"copy-items: {said.format(tmp_path)}\n"
    assert (done.returncode, done.stdout) == (1, "")
