"""Hosts whose clocks differ by minutes, and clocks that jump: a session lives as long as it was told.

libfaketime shows each server another wall clock, and moves it while the server runs.
"""

import time
from pathlib import Path

import pytest

from lab import wait_for
from linked import cut, fill
from pair_fixtures import skip_or_fail

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
LIFE = 5
# A life is counted in quarter seconds, and looking takes time too.
EARLY, LATE = 0.3, 1.0


@pytest.fixture
def skewed(linked):
    """A pair whose hosts are 12 minutes apart: a is 7 minutes ahead, b is 5 behind."""
    if not LIBRARIES:
        skip_or_fail("libfaketime is not installed (tests/prepare installs faketime as root)")
    linked.clocks_apart = -12 * 60
    for node, offset in ((linked.a, 7 * 60), (linked.b, -5 * 60)):
        node.wrapper = ["env", f"LD_PRELOAD={LIBRARIES[0]}", "FAKETIME_NO_CACHE=1",
                        f"FAKETIME_TIMESTAMP_FILE={clock_of(node)}", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
        set_clock(node, offset)
    linked.start()
    return linked


def clock_of(node):
    """The file from which the server of a host takes its wall clock."""
    return node.lab.directory / f"{node.name}.clock"


def set_clock(node, offset):
    """Move the wall clock of a host to so many seconds from the true time."""
    clock_of(node).write_text(f"{offset:+d}s\n")


class Watched:
    """When keys were last there and first gone, on each host."""

    def __init__(self, linked, keys):
        self._clients = {str(node): linked.client_of(node) for node in linked.nodes}
        self._keys = keys
        self.there, self.gone = {}, {}

    def look(self):
        for host, client in self._clients.items():
            asked = time.monotonic()
            found = client.get_many(self._keys)
            answered = time.monotonic()
            for key in self._keys:
                if key in found:
                    assert (host, key) not in self.gone, f"{key} is back on {host}"
                    self.there[host, key] = asked
                else:
                    self.gone.setdefault((host, key), answered)

    def until_all_are_gone(self, seconds):
        ends = time.monotonic() + seconds
        while len(self.gone) < len(self._keys) * len(self._clients) and time.monotonic() < ends:
            self.look()
            time.sleep(0.02)


def test_no_session_lives_longer_or_dies_earlier_whatever_the_clocks_say(skewed, measured):
    a, b = skewed.nodes
    writers = {"from-a": skewed.client_of(a), "from-b": skewed.client_of(b)}
    began, answered = {}, {}
    for name, client in writers.items():
        for way in ("set", "touched"):
            key = f"{name}-{way}"
            client.set(key, (3, b"session"), expire=LIFE if way == "set" else 900)
            began[key] = time.monotonic()
            if way == "touched":
                assert client.touch(key, LIFE)
            answered[key] = time.monotonic()
    watched = Watched(skewed, list(began))
    # Both clocks jump while the sessions live: an hour ahead, an hour back, and home again.
    for offset_a, offset_b in ((3600, -3600), (-3600, 3600), (420, -300)):
        set_clock(a, offset_a)
        set_clock(b, offset_b)
        for _ in range(20):
            watched.look()
            time.sleep(0.02)
    watched.until_all_are_gone(LIFE + 5)
    for (host, key), gone in watched.gone.items():
        assert gone - began[key] > LIFE - EARLY, f"{key} died early on {host}"
        assert watched.there[host, key] - answered[key] < LIFE + LATE, f"{key} lived on at {host}"
    assert len(watched.gone) == 8
    lives = sorted(watched.there[place] - began[place[1]] for place in watched.gone)
    measured(f"clocks 12 minutes apart: lives of {LIFE} s lasted {lives[0]:.2f} to {lives[-1]:.2f} s")


def test_a_clock_that_is_far_away_is_reported_and_the_newest_change_wins(skewed):
    a, b = skewed.nodes
    for node, skew in ((a, -720_000), (b, 720_000)):
        assert abs(node.link()["skew_ms"] - skew) < 5_000
        assert "the peer's clock is" in node.log()
    first, second = skewed.client_of(a), skewed.client_of(b)
    fill(first, 100)
    for key in ("twice", "deleted", "returned"):
        assert first.set(key, (0, b"before"), expire=900)
    with cut(skewed):
        # The host whose clock is ahead changes first, the other one last.
        first.set("twice", (0, b"older"))
        first.set("deleted", (0, b"older"))
        first.delete("returned")
        time.sleep(0.1)
        second.set("twice", (1, b"newest"))
        second.delete("deleted")
        second.set("returned", (1, b"newest"))
    wait_for(skewed.is_settled, "both have everything", 70)
    for client in (first, second):
        assert client.get("twice") == client.get("returned") == (1, b"newest")
        assert client.get("deleted") is None
    # The set and the delete here lost; the other delete too.
    for node, counts in ((a, (3, 3, 0)), (b, (3, 0, 3))):
        names = ("conflicts", "conflicts_lost", "conflicts_won")
        told = lambda: tuple(node.link()[name] for name in names)  # noqa: B023, E731
        wait_for(lambda: told() == counts, f"{node} counts {counts}", 5)  # noqa: B023
