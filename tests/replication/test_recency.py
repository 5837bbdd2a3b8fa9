"""After a failover the standby evicts what the master would have: it has heard what was read there."""

import pytest

import time

from clients import connect, read_all
from node import BINARY

MEMORY_MIB = 32
HOT, COLD, NEW, SIZE = 2_000, 23_000, 14_000, 1_000
PORT = 11311
# A use moves an item once a minute (memcached ITEM_UPDATE_INTERVAL).
UNTIL_A_USE_COUNTS = 61


def keys(prefix, count):
    return [f"{prefix}-{number}" for number in range(count)]


def store(clients, prefix, count):
    """The same on every client."""
    names = keys(prefix, count)
    for start in range(0, count, 100):
        values = {key: (0, b"x" * SIZE) for key in names[start : start + 100]}
        for client in clients:
            assert client.set_many(values) == []


def survivors(client, prefix, count):
    return len(read_all(client, keys(prefix, count)))


@pytest.mark.timeout(240)
def test_a_hot_set_survives_a_failover_as_it_does_without_a_peer(linked, measured):
    host = linked.lab.client
    host.spawn(BINARY, "-u", "root", "-l", host.address, "-p", PORT, "-m", MEMORY_MIB, "-t", 1,
               log="alone.log")
    linked.start({"memory": f"{MEMORY_MIB}MiB"})
    master, standby = (linked.client_of(node) for node in linked.nodes)
    alone = connect(host.address, host.namespace, port=PORT)
    # The hot ones are the oldest, so that nothing but a read keeps them.
    store((master, alone), "hot", HOT)
    store((master, alone), "cold", COLD)
    for client in (master, standby, alone):
        assert int(client.stats()[b"evictions"]) == 0
    time.sleep(UNTIL_A_USE_COUNTS)
    for client in (master, alone):
        assert survivors(client, "hot", HOT) == HOT
    # Longer than the hints of one heartbeat take.
    time.sleep(1)
    linked.a.kill9()
    store((standby, alone), "new", NEW)
    hot, hot_alone = survivors(standby, "hot", HOT), survivors(alone, "hot", HOT)
    cold, cold_alone = survivors(standby, "cold", COLD), survivors(alone, "cold", COLD)
    evictions = [int(client.stats()[b"evictions"]) for client in (standby, alone)]
    measured(f"hot set of {HOT}: {hot} survive on the standby, {hot_alone} without a peer; of "
             f"{COLD} cold ones {cold} and {cold_alone}; evictions {evictions}")
    assert min(evictions) > 5_000
    assert hot_alone == HOT
    assert hot > 0.98 * HOT
    assert abs(cold - cold_alone) < 0.05 * COLD
