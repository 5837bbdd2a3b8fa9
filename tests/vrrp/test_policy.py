"""Who may hold the address: both hosts booting, one alone, cuts of one path, many failovers."""

import time

import pytest

from faults import FORWARDING, LISTENING, cut_multicast, heal_multicast, set_port
from lab import VIRTUAL_ADDRESS, wait_for
from node import run_binary
from pair import Pair, assert_nothing_lost
from table import PROCESS_DEATH_MAX, assert_moved, assert_nothing_moves

# Master_Down_Interval of priority 140 and two seconds; and a margin.
JOIN_HOLD = (5.0, 6.5)


@pytest.fixture
def idle_pair(binary, privileged):
    """A pair on which nothing has been started."""
    with Pair() as made:
        yield made


def power_off(pair):
    """Both hosts go, with everything; then they are ready to boot."""
    for node in (pair.a, pair.b):
        node.power_loss()
        node.power_return()


def assert_one_winner(pair, since, winners):
    """Since then the address has come to one host and stayed there."""
    pair.wait_until_ready()
    time.sleep(1.5)
    changes = pair.recorder.changes_since(since)
    assert len(changes) == 1 and changes[0][0] in winners, pair.recorder.describe(since)


def test_both_hosts_boot_together_five_times_with_one_winner_and_no_flap(idle_pair):
    pair = idle_pair
    for lead in (0.0, 0.2, 0.7, 1.5, 2.8):
        since = time.monotonic()
        # The one with the lower priority is ahead, yet within the same wait.
        pair.b.start()
        time.sleep(lead)
        pair.a.start()
        # The higher priority begins only if both start at about the same time.
        assert_one_winner(pair, since, "a" if lead < 1 else "ab")
        power_off(pair)


def test_equal_priorities_still_have_one_winner(idle_pair):
    pair = idle_pair
    since = time.monotonic()
    for node in (pair.a, pair.b):
        node.start({"vrrp": {"priority": 200}})
    pair.wait_until_ready()
    time.sleep(2)
    assert len(pair.recorder.changes_since(since)) == 1, pair.recorder.describe(since)
    master, standby = pair.roles()
    struck = time.monotonic()
    master.kill9()
    pair.wait_for_holder(standby)
    master.start()
    pair.wait_for_return(master)
    assert_moved(pair, struck, master, standby, PROCESS_DEATH_MAX, PROCESS_DEATH_MAX)


def test_a_host_that_boots_alone_claims_after_the_join_hold_and_keeps_the_address(
    idle_pair, measured
):
    pair = idle_pair
    booted = time.monotonic()
    pair.b.start()
    pair.wait_for_holder(pair.b, 10)
    took = pair.recorder.timeline[-1][0] - booted
    assert JOIN_HOLD[0] <= took <= JOIN_HOLD[1]
    status = pair.b.status()
    assert (status.complete, status.serving, status.effective_priority) == (False, True, 100)
    client = pair.client()
    assert client.set("alone", (0, b"1"))
    # The other one has the higher priority, but nothing to offer.
    since = time.monotonic()
    pair.a.start()
    pair.wait_until_ready()
    time.sleep(3)
    assert pair.recorder.changes_since(since) == [], pair.recorder.describe(since)
    assert pair.roles()[0] is pair.b
    assert pair.client_of(pair.a).get("alone") == (0, b"1")
    measured(f"claimed after {took:.2f} s")


def test_an_empty_host_behind_a_port_that_forwards_late_yields_as_soon_as_it_hears(pair, measured):
    """It may claim alone after the join hold; its emptiness must not win when the port opens."""
    empty, full = pair.roles()
    client = pair.client()
    assert client.set("kept", (0, b"1"))
    client.close()
    empty.power_loss()
    pair.wait_for_holder(full)
    empty.power_return()
    set_port(empty, LISTENING)
    empty.start()
    wait_for(lambda: empty.name in pair.recorder.holders(), "it claims alone", 10)
    opened = time.monotonic()
    set_port(empty, FORWARDING)
    pair.wait_for_holder(full, 5)
    took = pair.recorder.timeline[-1][0] - opened
    assert took <= 1.5
    pair.wait_for_return(empty)
    assert pair.recorder.changes_since(opened) == [[full.name]], pair.recorder.describe(opened)
    for address in (VIRTUAL_ADDRESS, pair.a.address, pair.b.address):
        assert pair.client(address).get("kept") == (0, b"1")
    measured(f"yielded {took:.2f} s after the port opened")


def test_a_cut_of_the_link_alone_moves_nothing(pair):
    master, _ = pair.roles()
    client = pair.client()
    assert client.set("before", (0, b"1"))
    for node in (pair.a, pair.b):
        node.cut_replication()
    assert_nothing_moves(pair, 5)
    assert client.set("during", (0, b"2"))
    for node in (pair.a, pair.b):
        node.heal_replication()
    pair.wait_until_ready()
    assert_nothing_moves(pair, 1.5)
    for node in (pair.a, pair.b):
        assert pair.client_of(node).get("during") == (0, b"2")
    assert pair.roles()[0] is master


def test_a_cut_of_vrrp_alone_never_makes_two_masters(pair, measured):
    master, standby = pair.roles()
    cut_multicast(pair.lab)
    assert_nothing_moves(pair, 6)
    # The link alone is enough to fail over, both when asked and by death.
    struck = time.monotonic()
    assert run_binary(master, "failover").returncode == 0
    pair.wait_for_holder(standby)
    handed = assert_moved(pair, struck, master, standby, PROCESS_DEATH_MAX, PROCESS_DEATH_MAX)
    assert_nothing_moves(pair, 4)
    struck = time.monotonic()
    standby.kill9()
    pair.wait_for_holder(master)
    died = assert_moved(pair, struck, standby, master, PROCESS_DEATH_MAX, PROCESS_DEATH_MAX)
    standby.start()
    pair.wait_for_return(standby)
    assert_nothing_moves(pair, 4)
    heal_multicast(pair.lab)
    assert_nothing_moves(pair, 3)
    assert pair.recorder.longest_double() <= 0.5
    measured(f"handover {handed}; death {died}")


@pytest.mark.timeout(240)
def test_a_hundred_failovers_in_a_row_lose_nothing(idle_pair, measured):
    pair = idle_pair
    for node in (pair.a, pair.b):
        node.start({"vrrp": {"version": 3, "advertisement_interval": "200ms"}})
    pair.wait_until_ready()
    load = pair.load(rate=60)
    load.wait_for_writes(300)
    began = time.monotonic()
    slowest = 0.0
    for turn in range(100):
        master, standby = pair.roles()
        struck = time.monotonic()
        # Each death makes acknowledged mode return later, so there are few of them.
        killed = turn % 25 == 24
        if killed:
            master.kill9()
        else:
            done = run_binary(master, "failover")
            assert done.returncode == 0, f"failover {turn}: {done.stderr}"
        pair.wait_for_holder(standby)
        moved = pair.recorder.timeline[-1][0] - struck
        slowest = max(slowest, moved)
        assert moved <= PROCESS_DEATH_MAX, pair.recorder.describe(struck)
        if killed:
            master.start()
        pair.wait_for_return(master)
        assert pair.recorder.changes_since(struck)[-1] == [standby.name]
    load.wait_for_writes()
    verdict = pair.check(load)
    assert_nothing_lost(verdict)
    assert verdict.longest_gap <= 1.5, str(verdict)
    assert pair.recorder.longest_double(began) <= 0.5, pair.recorder.describe(began)
    priorities = {node.status().effective_priority for node in (pair.a, pair.b)}
    assert priorities == {240, 200}, "in sync both are back at their configured priority"
    took = time.monotonic() - began
    measured(f"{took:.0f} s, slowest move {slowest:.3f} s, longest gap {verdict.longest_gap:.3f} s")
