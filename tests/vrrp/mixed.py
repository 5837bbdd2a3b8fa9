"""Debian's keepalived and twincached as the two routers of one virtual router."""

import contextlib
import dataclasses
import json
import re
import signal
import time

from holders import HolderRecorder
from ipv6 import VIRTUAL_ADDRESS_6, add_addresses, link_local
from lab import ADDRESSES, VIRTUAL_ADDRESS, Host, Lab, ip, wait_for
from node import Node

KEEPALIVED = """\
global_defs {{
  vrrp_version {version}
  vrrp_garp_master_refresh 0
}}
vrrp_instance twin {{
  state BACKUP
  {preempt}
  interface eth0
  virtual_router_id 51
  priority {priority}
  advert_int {interval:g}
{options}
  virtual_ipaddress {{ {address} dev eth0 }}
}}
"""

# What keepalived writes about an advertisement that it does not like, or about a conflict.
COMPLAINT = re.compile(
    r"bogus|invalid|incorrect|mismatch|not present|drop|wrong|unexpected|error|expected|"
    r"differ|duplicate|fail",
    re.IGNORECASE,
)
# Lines of every start, whatever the neighbour does.
HARMLESS = re.compile(r"Unable to load ipset|Registering|script|SECURITY|Assigned address", re.I)


@dataclasses.dataclass(frozen=True)
class Dialect:
    """A way to speak VRRP; both programs are configured for the same one."""

    version: int = 2
    interval: float = 1.0
    password: str | None = None
    unicast: bool = False
    ipv6: bool = False

    def __str__(self):
        password = "-password" if self.password else ""
        delivery = "unicast" if self.unicast else "multicast"
        family = "-ipv6" if self.ipv6 else ""
        return f"v{self.version}{family}{password}-{delivery}-{self.interval:g}s"

    @property
    def address(self):
        """The virtual address."""
        return VIRTUAL_ADDRESS_6 if self.ipv6 else VIRTUAL_ADDRESS

    @property
    def address_and_prefix(self):
        """As both programs want it."""
        return f"{self.address}/{128 if self.ipv6 else 32}"

    def of_twincached(self, name, priority):
        """What to override in the configuration of a node; without a peer for replication."""
        vrrp = {
            "version": self.version,
            "advertisement_interval": f"{round(self.interval * 1000)}ms",
            "priority": priority,
            "virtual_addresses": [self.address_and_prefix],
        }
        if self.password:
            vrrp["password"] = self.password
        if self.unicast:
            vrrp["unicast_peer"] = ADDRESSES[other(name)]
        return {"replication": None, "vrrp": vrrp, "listen": ["0.0.0.0:11211", "[::]:11211"]}

    def of_keepalived(self, name, priority, preempt=False):
        """keepalived.conf."""
        options = []
        if self.password:
            options.append(f"authentication {{\n auth_type PASS\n auth_pass {self.password}\n}}")
        if self.unicast:
            options.append(f"unicast_src_ip {ADDRESSES[name]}")
            options.append(f"unicast_peer {{\n {ADDRESSES[other(name)]}\n}}")
        return KEEPALIVED.format(
            version=self.version,
            preempt="" if preempt else "nopreempt",
            priority=priority,
            interval=self.interval,
            options="\n".join(options),
            address=self.address_and_prefix,
        )


def other(name):
    """The name of the other host."""
    return "b" if name == "a" else "a"


class Keepalived(Host):
    """A host that runs keepalived, by default with `nopreempt`."""

    def start(self, dialect, priority, preempt=False):
        """Write the configuration and start. Does not wait for anything."""
        config = self.lab.directory / f"{self.name}-keepalived.conf"
        config.write_text(dialect.of_keepalived(self.name, priority, preempt))
        pid_files = []
        for option, kind in (("--pid", "main"), ("--vrrp_pid", "vrrp")):
            pid_files += [option, self.lab.directory / f"{self.name}-{kind}.pid"]
            # A killed keepalived leaves it, and its number may belong to another process by now.
            pid_files[-1].unlink(missing_ok=True)
        command = ["keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp"]
        started = self.log().count("Entering BACKUP STATE")
        self.process = self.spawn(*command, "-f", config, *pid_files, log="keepalived.log")
        entered = lambda: self.log().count("Entering BACKUP STATE") > started  # noqa: E731
        wait_for(entered, f"keepalived runs\n{self.log()}")

    def stop(self):
        """SIGTERM, and wait for its end."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)

    def clear_leftover(self, dialect):
        """Remove the address that a killed keepalived left: nobody else does."""
        if dialect.address in self.addresses():
            ip("-n", self.namespace, "address", "del", dialect.address_and_prefix, "dev", "eth0")

    def complaints(self):
        """What keepalived said about advertisements that it rejected."""
        lines = self.log().splitlines()
        return [line for line in lines if COMPLAINT.search(line) and not HARMLESS.search(line)]


class Mixed:
    """twincached on host `a` and keepalived on host `b`. Use it in a `with` statement."""

    def __init__(self, dialect, twin_priority=240, keeper_priority=100):
        self.dialect = dialect
        self.twin_priority = twin_priority
        self.keeper_priority = keeper_priority
        self.origin = time.monotonic()
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            kinds = {"a": Node, "b": Keepalived}
            self.lab = stack.enter_context(Lab(lambda lab, name: kinds[name](lab, name)))
            self.twin, self.keeper = self.lab.a, self.lab.b
            address = self.dialect.address
            self.recorder = HolderRecorder(self.twin, self.keeper, address=address).start()
            if self.dialect.ipv6:
                add_addresses(self.lab)
            stack.callback(self.recorder.stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure):
        if failure[0] is not None:
            print(self.describe())
        self._stack.close()

    def start_twin(self, overrides=None):
        """Start twincached and wait until it answers."""
        if overrides is None:
            overrides = self.dialect.of_twincached("a", self.twin_priority)
        self.twin.start(overrides)
        wait_for(lambda: vrrp_status(self.twin), "twincached answers")

    def start_keeper(self):
        """Start keepalived and wait until it is BACKUP."""
        self.keeper.start(self.dialect, self.keeper_priority)

    def wait_for_holder(self, host, seconds):
        """Wait until `host` is the only holder; returns when that was so."""
        what = f"{host} alone holds the address\n{self.recorder.describe(self.origin)}"
        wait_for(lambda: self.recorder.holders() == {host.name}, what, seconds, every=0.005)
        return self.recorder.timeline[-1][0]

    def holder_stays(self, intervals=2.5):
        """For some intervals nothing moves."""
        before = self.recorder.holders()
        since = time.monotonic()
        time.sleep(intervals * self.dialect.interval)
        assert self.recorder.changes_since(since) == [], self.recorder.describe(since)
        assert self.recorder.holders() == before

    def assert_understood(self):
        """Neither rejected an advertisement of the other."""
        status = vrrp_status(self.twin)
        if status is not None:
            rejected = {reason: count for reason, count in status["rejected"].items() if count}
            assert not rejected, rejected
        assert "configured differently" not in self.twin.log()
        assert self.keeper.complaints() == []

    def source_of(self, host):
        """The address that a host advertises from."""
        return link_local(host) if self.dialect.ipv6 else host.address

    def describe(self):
        """Everything that helps to understand a failure."""
        table = self.recorder.describe(self.origin)
        return f"holders:\n{table}\n{self.twin.describe()}\nkeepalived:\n{self.keeper.log()}"


def vrrp_status(node):
    """The section `vrrp` of `/status`, `None` while nobody answers."""
    answer = node.http_get("/status")
    return json.loads(answer[1])["vrrp"] if answer and answer[0] == 200 else None
