"""A running pair: two nodes, the record of who held the address, and loads that write to it."""

import contextlib
import time

from clients import Load, connect, read_all
from compare import assert_same, contents
from holders import HolderRecorder
from lab import VIRTUAL_ADDRESS, Lab, wait_for
from node import Node

# DESIGN's P6: two hosts never serve on the virtual address for longer than this, in seconds.
DOUBLE_HOLD_MAX = 1.0


def assert_nothing_lost(verdict):
    """No acknowledged write missing or older, no deleted key back, and no error answer."""
    assert not verdict.violations and not verdict.errors, str(verdict)


class Pair:
    """Two nodes in a lab of their own. Use it in a `with` statement."""

    def __init__(self, overrides=None, address=VIRTUAL_ADDRESS):
        self.address = address
        self._overrides = overrides or {}
        self._stack = contextlib.ExitStack()
        self._seed = 0
        self.origin = time.monotonic()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.lab = stack.enter_context(Lab(Node))
            self.a, self.b = self.lab.a, self.lab.b
            self.recorder = HolderRecorder(self.a, self.b, address=self.address).start()
            stack.callback(self.recorder.stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def start(self):
        """Start both nodes and wait until the pair is complete."""
        for node in (self.a, self.b):
            node.start(self._overrides)
        self.wait_until_ready()

    def wait_until_ready(self, seconds=20):
        """Wait until the pair is as it should be when nothing is wrong."""
        wait_for(self.is_ready, "both in sync and waiting for each other's answer", seconds)

    def is_in_sync(self):
        """One Master that holds the address, one Backup, both complete, serving and in sync."""
        statuses = [self.a.status(), self.b.status()]
        if None in statuses:
            return False
        states = sorted(status.state for status in statuses)
        healthy = all(s.complete and s.serving and s.in_sync for s in statuses)
        return states == ["BACKUP", "MASTER"] and healthy and len(self.recorder.holders()) == 1

    def has_no_lag(self):
        """Each of the two has acknowledged everything of the other, flushes among it."""
        return all(node.status().lag_items == 0 for node in (self.a, self.b))

    def is_ready(self):
        """In sync, and an acknowledged write is on both hosts."""
        return self.is_in_sync() and not (self.a.status().degraded or self.b.status().degraded)

    def roles(self):
        """The node that holds the address and the other one."""
        holders = self.recorder.holders()
        assert len(holders) == 1, f"holders of the address: {sorted(holders)}"
        return (self.a, self.b) if holders == {"a"} else (self.b, self.a)

    def load(self, **options):
        """Start a load on the virtual address."""
        self._seed += 1
        return Load(self.lab, self.address, seed=self._seed, **options)

    def client(self, address=None):
        """A client on the client host, by default of the virtual address."""
        return connect(address or self.address, self.lab.client.namespace)

    def client_of(self, node):
        """A client on the client host that talks to a node's own address."""
        return self.client(node.address)

    def wait_for_holder(self, node, seconds=10):
        """Wait until `node` is the only one that holds the address."""
        what = f"{node} alone holds the address"
        wait_for(lambda: self.recorder.holders() == {node.name}, what, seconds, every=0.005)

    def wait_for_return(self, node, seconds=25):
        """Wait until a returned node is Backup and both are in sync and serving."""
        wait_for(lambda: self.is_ready() and node.state() == "BACKUP", f"{node} is back", seconds)

    def check(self, load):
        """End a load and compare the virtual address and both nodes with its ledger."""
        ledger = load.stop()
        readers = {"the virtual address": self.client()}
        readers |= {str(node): self.client_of(node) for node in (self.a, self.b)}
        for where, client in readers.items():
            ledger.compare(read_all(client, ledger.keys), where)
            client.close()
        verdict = ledger.verdict(until=load.ended_at)
        print(verdict)
        return verdict

    def conclude(self):
        """How a test ends in which nothing is evicted: both hosts have everything, and the same."""
        wait_for(self.is_in_sync, "both in sync at the end", 70)
        wait_for(self.has_no_lag, "everything acknowledged at the end", 70)
        found = [contents(self.client_of(node)) for node in (self.a, self.b)]
        assert_same(*found, ended_at=time.time())

    def describe(self):
        """Everything that helps to understand a failure."""
        timeline = self.recorder.describe(self.origin)
        parts = [f"holders of {self.address}:\n{timeline}", self.a.describe(), self.b.describe()]
        return "\n".join([*parts, f"client log:\n{self.lab.client.log()}"])
