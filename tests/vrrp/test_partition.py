"""Nothing passes between the hosts, and clients on either side go on writing.

Two masters are what no pair can exclude then. What counts is the heal: one master, both stores the
same, the newest change of each key on both, and clients of the loser that learn of it at once.
"""

import errno
import time

import pytest

from clients import connect, read_all
from ending import ending_of
from faults import TwoSwitches
from lab import VIRTUAL_ADDRESS, wait_for
from pair import Pair

KEYS = [f"key-{number}" for number in range(60)]


@pytest.fixture
def split(binary, privileged):
    """A pair with a switch and a client for each host."""
    with Pair() as pair:
        switches = TwoSwitches(pair.lab)
        try:
            pair.start()
            yield pair, switches
        finally:
            print(pair.describe())
            switches.close()


@pytest.mark.parametrize("seconds", [3, 15])
def test_a_partition_heals_to_one_master_and_two_equal_stores(split, measured, seconds):
    pair, switches = split
    master, standby = pair.roles()
    assert (master.name, standby.name) == ("a", "b")
    near, far = pair.lab.client.namespace, switches.far_client.namespace
    before = connect(VIRTUAL_ADDRESS, near)
    for key in KEYS:
        assert before.set(key, (0, b"both"))

    cut = time.monotonic()
    switches.cut()
    wait_for(lambda: pair.recorder.holders() == {"a", "b"}, "each side has a master", 6)
    near_client, far_client = connect(VIRTUAL_ADDRESS, near), connect(VIRTUAL_ADDRESS, far)
    # Of each kind some keys: changed here, changed there, on both with the newer one here or there,
    # deleted on one side, deleted on one and changed later on the other.
    write(near_client, KEYS[0:10], b"near")
    write(far_client, KEYS[10:20], b"far")
    write(near_client, KEYS[20:30], b"near, older")
    write(far_client, KEYS[30:40], b"far, older")
    delete(near_client, KEYS[40:45])
    delete(far_client, KEYS[45:50])
    delete(near_client, KEYS[50:60])
    time.sleep(0.05)
    write(far_client, KEYS[20:30], b"far, newer")
    write(near_client, KEYS[30:40], b"near, newer")
    write(far_client, KEYS[50:60], b"written after the delete")
    time.sleep(max(0.0, cut + seconds - time.monotonic()))

    endings = [ending_of(connect(VIRTUAL_ADDRESS, namespace)) for namespace in (near, far)]
    healed = time.monotonic()
    switches.heal()
    one = lambda: len(pair.recorder.holders()) == 1  # noqa: E731
    wait_for(one, "one master is left", 5, every=0.005)
    settled, left = pair.recorder.timeline[-1]
    assert settled - healed <= 2.0, pair.recorder.describe(cut)
    pair.wait_until_ready(25)
    time.sleep(1.5)
    assert pair.recorder.changes_since(healed) == [sorted(left)], pair.recorder.describe(cut)

    expected = {key: b"near" for key in KEYS[0:10]}
    expected |= {key: b"far" for key in KEYS[10:20]}
    expected |= {key: b"far, newer" for key in KEYS[20:30]}
    expected |= {key: b"near, newer" for key in KEYS[30:40]}
    expected |= {key: b"written after the delete" for key in KEYS[50:60]}
    for address in (VIRTUAL_ADDRESS, pair.a.address, pair.b.address):
        for namespace in (near, far):
            found = read_all(connect(address, namespace), KEYS)
            assert {key: value for key, (_, value) in found.items()} == expected, address

    # The connection to the loser ends at once, and with a reset.
    loser = endings[0] if left == {"b"} else endings[1]
    loser.join(timeout=3)
    assert loser.error == errno.ECONNRESET and loser.ended - settled <= 0.3
    pair.conclude()
    measured(f"one master {settled - healed:.2f} s after the heal: {' '.join(left)}")


def write(client, keys, value):
    for key in keys:
        assert client.set(key, (0, value))


def delete(client, keys):
    for key in keys:
        assert client.delete(key)
