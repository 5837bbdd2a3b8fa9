"""A virtual address of IPv6: version 3, neighbour advertisements, and a link over IPv6 too."""

import time

import pytest

from clients import connect
from ipv6 import ADDRESSES_6, VIRTUAL_ADDRESS_6, add_addresses
from lab import ip, wait_for
from node import run_binary
from pair import Pair, assert_nothing_lost
from table import (
    DOUBLE_SERVICE_MAX,
    HOST_DEATH_MAX,
    LEASE_MAX,
    PROCESS_DEATH_MAX,
    add_address,
    assert_moved,
    gone_after,
)

PREFIXED = f"{VIRTUAL_ADDRESS_6}/128"


def overrides(name):
    """What a host of an IPv6 pair is configured with."""
    peer = "b" if name == "a" else "a"
    return {
        "listen": ["0.0.0.0:11211", "[::]:11211"],
        "replication": {
            "listen": f'"[{ADDRESSES_6[name]}]:11212"',
            "peer": f'"[{ADDRESSES_6[peer]}]:11212"',
        },
        "vrrp": {"version": 3, "virtual_addresses": [PREFIXED]},
    }


@pytest.fixture
def pair(binary, privileged):
    """A complete pair that was started at once, while link-local addresses are still tentative."""
    with Pair(address=VIRTUAL_ADDRESS_6) as made:
        add_addresses(made.lab)
        for node in (made.a, made.b):
            node.start(overrides(node.name))
        try:
            made.wait_until_ready()
            yield made
        except BaseException:
            print(made.describe())
            raise


def test_the_address_moves_by_handover_death_and_silence_and_clients_follow(pair, measured):
    load = pair.load()
    load.wait_for_writes(500)
    told = []

    master, standby = pair.roles()
    struck = time.monotonic()
    assert run_binary(master, "failover").returncode == 0
    pair.wait_for_holder(standby)
    load.wait_for_writes(200)
    moved = assert_moved(pair, struck, master, standby, PROCESS_DEATH_MAX, PROCESS_DEATH_MAX)
    told.append(f"handover: {moved}")
    pair.wait_for_return(master)

    for name, strike, taken_max, gone_max in (
        ("kill -9", lambda host: host.kill9(), PROCESS_DEATH_MAX, PROCESS_DEATH_MAX),
        ("no process left", lambda host: host.kill_everything(), PROCESS_DEATH_MAX, LEASE_MAX),
        ("freeze", lambda host: host.freeze(), HOST_DEATH_MAX, LEASE_MAX),
    ):
        master, standby = pair.roles()
        struck = time.monotonic()
        strike(master)
        wait_for(lambda: standby.name in pair.recorder.holders(), f"{name}: taken over")
        load.wait_for_writes(200)
        pair.wait_for_holder(standby)
        moved = assert_moved(pair, struck, master, standby, taken_max, gone_max)
        told.append(f"{name}: {moved}")
        if name == "freeze":
            master.wake()
        else:
            master.start()
        pair.wait_for_return(master)
    ledger = load.stop()
    assert_nothing_lost(ledger.verdict(until=load.ended_at))
    measured("; ".join(told))


def test_the_clients_neighbour_entry_points_to_the_new_holder_at_once(pair):
    """Without unsolicited advertisements it would point to the old one until it is doubted."""
    client = pair.client()
    assert client.set("k", (0, b"1"))
    client.close()
    master, standby = pair.roles()
    assert neighbour(pair) == mac_of(master)
    master.power_loss()
    wait_for(lambda: standby.name in pair.recorder.holders(), "taken over")
    wait_for(lambda: neighbour(pair) == mac_of(standby), "the neighbour is known", 0.5)
    fresh = connect(VIRTUAL_ADDRESS_6, pair.lab.client.namespace, timeout=1)
    assert fresh.get("k") == (0, b"1")


def neighbour(pair):
    """The Ethernet address behind the virtual one, as the client host believes."""
    namespace = pair.lab.client.namespace
    words = ip("-n", namespace, "-6", "neighbour", "show", VIRTUAL_ADDRESS_6).split()
    return words[words.index("lladdr") + 1] if "lladdr" in words else None


def mac_of(host):
    """The Ethernet address of a host."""
    words = ip("-n", host.namespace, "link", "show", "dev", "eth0").split()
    return words[words.index("link/ether") + 1]


def test_a_leftover_found_at_start_is_removed(pair):
    master, standby = pair.roles()
    assert standby.sigterm() == 0
    add_address(standby, PREFIXED, "nodad")
    started = time.monotonic()
    standby.start()
    pair.wait_for_holder(master)
    assert gone_after(pair, standby, started) <= DOUBLE_SERVICE_MAX
    assert f"{VIRTUAL_ADDRESS_6} was left on eth0: removed" in standby.log()
    pair.wait_for_return(standby)
