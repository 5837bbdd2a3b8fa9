"""docs/several-pairs.md, with its files: two pairs on two hosts behind Debian's nutcracker."""

import shutil
import time

import pytest

from clients import connect, read_all
from documents import Page
from lab import Lab, wait_for
from node import BINARY, Node, run_binary
from pair_fixtures import skip_or_fail

PAGE = Page("docs/several-pairs.md")
FIRST, SECOND, PROXY = PAGE.blocks("yaml")
ADDRESSES = {"10.77.0.100": 11211, "10.77.0.101": 11221}
ADMIN = ("127.0.0.1:11280", "127.0.0.1:11281")
# Each moves like that of one pair alone: three intervals, and a busy machine.
HOST_DEATH_MAX = 3.0 + 2.0
KEYS = {f"key-{number}": (number % 7, b"value %d" % number) for number in range(2000)}


class TwoPairs:
    """The two hosts with both pairs, and nutcracker on the client's host."""

    def __enter__(self):
        self._lab = Lab(Node)
        self.lab = self._lab.__enter__()
        self.a, self.b = self.lab.a, self.lab.b
        return self

    def __exit__(self, *_):
        # Shown with a failure only.
        print(self.a.log(), self.b.log(), self.lab.client.log(), sep="\n")
        self._lab.__exit__(None, None, None)

    def start(self, host):
        """Both services of a host."""
        for number, text in enumerate((FIRST, SECOND), start=1):
            if host is self.b:
                text = text.replace("10.77.0.1:", "X:").replace("10.77.0.2:", "10.77.0.1:")
                text = text.replace("X:", "10.77.0.2:")
                text = text.replace("240", "X").replace("200", "240").replace("X", "200")
            config = self.lab.directory / f"{host.name}-{number}.yaml"
            config.write_text(text)
            host.spawn(BINARY, "--config", config, log=f"twincached-{number}.log")

    def start_proxy(self):
        """nutcracker with the file of the page, and a client of it."""
        config = self.lab.directory / "nutcracker.yml"
        config.write_text(PROXY)
        options = ["-c", config, "-p", self.lab.directory / "nutcracker.pid", "-a", "127.0.0.1"]
        self.lab.client.spawn("nutcracker", *options, log="nutcracker.log")
        wait_for(self.proxy_listens, "nutcracker listens")

    def proxy_listens(self):
        """Whether it can be connected."""
        try:
            self.lab.client.connect("127.0.0.1", 11211).close()
        except OSError:
            return False
        return True

    def client(self, address="127.0.0.1", port=11211):
        """A client of the proxy, or of one pair."""
        return connect(address, self.lab.client.namespace, port=port)

    def holders(self):
        """The host of each virtual address."""
        return [
            "".join(host.name for host in (self.a, self.b) if address in host.addresses())
            for address in ADDRESSES
        ]

    def wait_for_holders(self, first, second, seconds):
        """Until the addresses of the pairs are there, and nowhere else."""
        there = lambda: self.holders() == [first, second]  # noqa: E731
        wait_for(there, f"pair 1 at {first}, pair 2 at {second}", seconds)

    def wait_until_ok(self, seconds=30):
        """Until both pairs say OK on both hosts."""

        def all_ok():
            asked = [(host, admin) for host in (self.a, self.b) for admin in ADMIN]
            return all(
                run_binary(host, "status", "--admin", admin).stdout.startswith("OK:")
                for host, admin in asked
            )

        wait_for(all_ok, "both pairs are OK", seconds, every=0.2)


@pytest.fixture
def pairs(binary, privileged):
    """Both pairs and the proxy, running."""
    if shutil.which("nutcracker") is None:
        skip_or_fail("nutcracker is not installed (tests/prepare installs it as root)")
    with TwoPairs() as made:
        made.start(made.a)
        made.start(made.b)
        # The masters are spread by the priorities.
        made.wait_for_holders("a", "b", 20)
        made.wait_until_ok()
        made.start_proxy()
        yield made


def fill(pairs):
    """Every key through the proxy; both pairs get their share."""
    client = pairs.client()
    for key, value in KEYS.items():
        assert client.set(key, value)
    client.close()
    counts = [
        int(pairs.client(address, port).stats()[b"curr_items"])
        for address, port in ADDRESSES.items()
    ]
    assert sum(counts) == len(KEYS) and min(counts) > len(KEYS) // 4
    return counts


def read_through_proxy(pairs):
    """What the proxy gives for all keys, `None` while it answers with an error for some."""
    client = pairs.client()
    try:
        return read_all(client, list(KEYS))
    except Exception as error:  # noqa: BLE001: any error is an answer here, and it is shown
        print(f"{time.monotonic():.3f} {error!r}")
        return None
    finally:
        client.close()


def test_a_host_dies_and_the_keys_of_both_pairs_are_there(pairs, measured):
    counts = fill(pairs)
    # They share a network, and that is no fault of either.
    assert "was rejected" not in pairs.a.log() + pairs.b.log()
    struck = time.monotonic()
    pairs.a.power_loss()
    found = wait_for(lambda: read_through_proxy(pairs), "all is answered", HOST_DEATH_MAX + 3)
    took = time.monotonic() - struck
    assert found == KEYS
    assert pairs.holders() == ["", "b"] or pairs.holders() == ["b", "b"]
    pairs.wait_for_holders("b", "b", HOST_DEATH_MAX)
    client = pairs.client()
    assert client.set("key-0", (0, b"changed"))
    assert client.set("key-1", (0, b"changed"))
    client.close()

    pairs.a.power_return()
    pairs.start(pairs.a)
    pairs.wait_until_ok()
    assert pairs.holders() == ["b", "b"]
    (failover,) = PAGE.commands("Two pairs on two hosts", after="hand one over")
    assert run_binary(pairs.b, *failover.split()[1:]).returncode == 0
    pairs.wait_for_holders("a", "b", 5)
    expected = KEYS | {"key-0": (0, b"changed"), "key-1": (0, b"changed")}
    found = wait_for(lambda: read_through_proxy(pairs), "all is answered", 5)
    assert found == expected
    measured(f"{counts} keys in two pairs, all answered {took:.2f} s after the death of a host")


def test_while_one_pair_moves_the_other_is_not_delayed(pairs, measured):
    fill(pairs)
    second = pairs.client("10.77.0.101", 11221)
    mine = read_all(second, list(KEYS))
    second.close()
    client = pairs.client()
    pairs.a.power_loss()
    longest, until = 0.0, time.monotonic() + 2
    for key, value in list(mine.items()) * 10:
        asked = time.monotonic()
        if asked > until:
            break
        assert client.get(key) == value
        longest = max(longest, time.monotonic() - asked)
    assert longest < 0.5
    measured(f"longest answer of the other pair {longest:.3f} s")
