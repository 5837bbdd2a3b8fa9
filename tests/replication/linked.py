"""Two hosts that replicate and have no virtual address: their link, and what each of them stores.

`assert_identical` is how a test ends: it compares the hosts completely, by a listing of all keys
and by reading every value.
"""

import contextlib
import json
import re

from clients import Load, connect
from compare import assert_same, contents
from lab import MEMCACHED_PORT, REPLICATION_PORT, Lab, wait_for
from node import BINARY, Node, merged

WITHOUT_ROUTER = {"vrrp": None}
SECRET = "one secret for both hosts\n"


class LinkedNode(Node):
    """A host that runs twincached without a virtual address."""

    def start_with_flags(self, *flags):
        """Start with flags alone, as repcached is started."""
        self.process = self.spawn(BINARY, "-u", "root", *flags, log="twincached.log")

    def link(self):
        """The section `replication` of the status, `None` while nobody answers."""
        answer = self.http_get("/status")
        return json.loads(answer[1])["replication"] if answer and answer[0] == 200 else None

    def status_of_store(self):
        """The section `store` of the status."""
        return json.loads(self.http_get("/status")[1])["store"]

    def in_sync(self):
        """Each of the two has everything of the other, and replies wait where they should."""
        link = self.link()
        return bool(link) and link["in_sync"] and link["have_all"]

    def write_secret(self, text):
        """A secret file for this host. Returns its path."""
        path = self.lab.directory / f"{self.name}.secret"
        path.write_text(text)
        path.chmod(0o600)
        return path

    def link_sockets(self):
        """How many connections on the replication port stand on this host."""
        shown = self.run("ss", "-Htn", "state", "established").stdout
        return len(re.findall(rf":{REPLICATION_PORT}\b.*\n", shown))

    def reset_link(self):
        """Reset every connection on the replication port, as a firewall that lost its state."""
        port = f":{REPLICATION_PORT}"
        self.run("ss", "-K", "-tn", f"( sport = {port} or dport = {port} )")

    def warnings(self):
        """The warnings that this host logged."""
        return [line for line in self.log().splitlines() if " WARN " in line]


class Linked:
    """Two hosts and a client host. Use it in a `with` statement."""

    def __init__(self):
        self._lab = Lab(LinkedNode)
        self._seed = 0
        # How far the clock of b is ahead of that of a, in seconds.
        self.clocks_apart = 0

    def __enter__(self):
        self.lab = self._lab.__enter__()
        self.a, self.b = self.lab.a, self.lab.b
        self.nodes = (self.a, self.b)
        return self

    def __exit__(self, *_):
        self.lab.close()

    def start(self, overrides=None, of_a=None, of_b=None, wait=True):
        """Start both; settings of one host alone go over those of both."""
        both = merged(WITHOUT_ROUTER, overrides or {})
        self.a.start(merged(both, of_a or {}))
        self.b.start(merged(both, of_b or {}))
        if wait:
            self.wait_until_in_sync()

    def wait_until_in_sync(self, seconds=20):
        """Wait until both have everything and acknowledged writes are on both."""
        wait_for(lambda: all(node.in_sync() for node in self.nodes), "both in sync", seconds)

    def client_of(self, node, port=MEMCACHED_PORT):
        """A client on the client host that talks to a node's own address."""
        return connect(node.address, self.lab.client.namespace, port=port)

    def wait_for_client(self, node, port=MEMCACHED_PORT):
        """A client of a node that answers."""

        def answers():
            with contextlib.suppress(OSError):
                client = self.client_of(node, port)
                client.version()
                return client

        return wait_for(answers, f"{node} answers on port {port}", 10)

    def load(self, node, **options):
        """Start a load on the address of one host."""
        self._seed += 1
        return Load(self.lab, node.address, seed=self._seed, **options)

    def connections(self):
        """How many connections fed the stores of each host since its start."""
        return [node.link()["connections"] for node in self.nodes]

    def assert_identical(self, at_least=0):
        """Both hosts have the same keys, values, flags, lives and cas tokens; returns how many."""
        stored = [contents(self.client_of(node)) for node in self.nodes]
        return assert_same(*stored, at_least, self.clocks_apart)

    def conclude(self):
        """How a test ends in which nothing is evicted: both hosts have everything, and the same.

        Hosts that a test leaves apart or dead, or without an admin port, are compared by the test.
        """
        if all(self._is_connected(node) for node in self.nodes):
            wait_for(self.is_settled, "both acknowledged everything", 70)
            self.assert_identical()

    @staticmethod
    def _is_connected(node):
        link = node.link()
        return bool(link) and link.get("heard_ms") is not None

    def is_settled(self):
        """Both are connected and have acknowledged all of each other."""
        links = [node.link() for node in self.nodes]
        return all(
            link and link["peer_has_all"] and link["have_all"] and link["lag_items"] == 0
            for link in links
        )

    def describe(self):
        """Everything that helps to understand a failure."""
        parts = [f"{node} link: {node.link()}\n{node} log:\n{node.log()}" for node in self.nodes]
        return "\n".join([*parts, f"client log:\n{self.lab.client.log()}"])


def fill(client, count, prefix="filled", size=1000, expire=0):
    """Store `count` items and return their keys."""
    keys = [f"{prefix}-{number}" for number in range(count)]
    for start in range(0, count, 100):
        values = {key: (number % 7, b"x" * size) for number, key in enumerate(keys[start:][:100])}
        assert client.set_many(values, expire=expire) == []
    return keys


@contextlib.contextmanager
def cut(linked):
    """The replication port is cut inside, and both know it."""
    for node in linked.nodes:
        node.cut_replication()
    try:
        wait_for(lambda: all(node.link()["heard_ms"] is None for node in linked.nodes),
                 "disconnected", 10)
        yield
    finally:
        for node in linked.nodes:
            node.heal_replication()
