"""Whatever dies, hangs or is taken away: the address is served by one host, and leftovers go.

The table of holders is recorded in each test and printed with its failure.
"""

import contextlib
import json
import os
import signal
import time

import pytest
from pymemcache.exceptions import MemcacheError

import injected
from faults import delete_interface, make_interface, plug_cable, pull_cable, set_interface
from lab import VIRTUAL_ADDRESS, ip, wait_for
from memory_limit import MemoryLimit
from node import run_binary
from pair import Pair
from pair_fixtures import skip_or_fail
from table import (
    DOUBLE_SERVICE_MAX,
    HOST_DEATH_MAX,
    LEASE_MAX,
    PROCESS_DEATH_MAX,
    add_address,
    assert_moved,
    assert_nothing_moves,
    delete_address,
    gone_after,
)

ADDRESS = f"{VIRTUAL_ADDRESS}/32"


def guard_of(node):
    """The process id of a node's guard."""
    for pid in node.pids():
        with open(f"/proc/{pid}/cmdline", "rb") as arguments:
            if b"guard" in arguments.read().split(b"\0")[1:2]:
                return pid
    return None


def store(pair, key, value):
    """A write over the virtual address that was acknowledged."""
    client = pair.client()
    assert client.set(key, (0, value))
    client.close()


def assert_whole(pair, master):
    """The pair is as before the fault: one master, in sync, data there, and it can fail over."""
    pair.wait_until_ready(25)
    assert pair.roles()[0] is master
    client = pair.client()
    assert client.get("before") == (0, b"1")
    client.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT], ids=["kill-9", "abort"])
def test_the_server_dies_and_its_guard_removes_the_address(pair, measured, number):
    """kill -9 is what the OOM killer does; abort is how the runtime of Rust gives up."""
    master, standby = pair.roles()
    store(pair, "before", b"1")
    struck = time.monotonic()
    master.process.send_signal(number)
    master.process.wait(timeout=10)
    pair.wait_for_holder(standby)
    moved = assert_moved(pair, struck, master, standby, PROCESS_DEATH_MAX, PROCESS_DEATH_MAX)
    wait_for(lambda: not master.pids(), "the guard has ended")
    assert "the server died as master" in master.log()
    assert pair.recorder.longest_double(struck) <= DOUBLE_SERVICE_MAX
    master.start()
    assert_whole(pair, standby)
    measured(moved)



@pytest.mark.skipif(not injected.SUPPORTED, reason="the fault is written for x86-64")
def test_a_panic_of_a_worker_ends_the_server_and_the_address_moves(pair, measured):
    master, standby = pair.roles()
    store(pair, "before", b"1")
    struck = time.monotonic()
    injected.break_a_worker(master.process.pid)
    assert master.process.wait(timeout=10) == -signal.SIGABRT
    pair.wait_for_holder(standby)
    moved = assert_moved(pair, struck, master, standby, PROCESS_DEATH_MAX, PROCESS_DEATH_MAX)
    wait_for(lambda: not master.pids(), "the guard has ended")
    assert "a worker waits for its sockets" in master.log()
    assert "the server died as master" in master.log()
    master.start()
    assert_whole(pair, standby)
    measured(moved)

def test_the_oom_killer_takes_the_server_and_the_peer_takes_over(pair, measured):
    """Server and guard stand in one group, as in a service, and the server fills its limit."""
    master, standby = pair.roles()
    store(pair, "before", b"1")
    try:
        limit = MemoryLimit(8 << 20)
    except OSError as error:
        skip_or_fail(str(error))
    with contextlib.closing(limit):
        for pid in master.pids():
            limit.add(pid)
        began = time.monotonic()
        client = pair.client_of(master)
        with contextlib.suppress(OSError, MemcacheError):
            for number in range(100):
                client.set(f"large-{number}", (0, bytes(500_000)))
        master.process.wait(timeout=10)
        struck = time.monotonic()
        assert master.process.returncode == -signal.SIGKILL
        pair.wait_for_holder(standby)
        wait_for(lambda: not master.pids(), "the guard has ended")
    # It died some moments before this test noticed: its client ran into the end of the connection.
    assert pair.recorder.timeline[-1][0] - struck <= PROCESS_DEATH_MAX
    vacancy = pair.recorder.longest_vacancy(began)
    assert vacancy <= PROCESS_DEATH_MAX, pair.recorder.describe(began)
    assert pair.recorder.longest_double(began) <= DOUBLE_SERVICE_MAX
    assert "the server died as master" in master.log()
    master.start()
    assert_whole(pair, standby)
    measured(f"nobody had the address for {vacancy:.3f} s")


def test_a_guard_that_is_stopped_does_not_keep_the_server_from_leaving(pair):
    master, standby = pair.roles()
    os.kill(guard_of(master), signal.SIGSTOP)
    struck = time.monotonic()
    assert master.sigterm() == 0
    assert time.monotonic() - struck <= 3
    pair.wait_for_holder(standby)
    assert_moved(pair, struck, master, standby, PROCESS_DEATH_MAX, PROCESS_DEATH_MAX)
    assert master.pids() == [], "the guard is gone with its server"
    master.start()


def test_a_leftover_is_cleared_by_command_and_a_served_address_is_not(pair, measured):
    """What `ExecStopPost` of the service runs."""
    master, standby = pair.roles()
    store(pair, "before", b"1")
    done = run_binary(master, "clear", master.config_file)
    assert done.returncode == 1 and "a server runs on this host" in done.stderr
    assert_nothing_moves(pair, 1)
    struck = time.monotonic()
    master.kill_everything()
    done = run_binary(master, "clear", master.config_file)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{VIRTUAL_ADDRESS} was left on eth0: removed\n"
    pair.wait_for_holder(standby)
    measured(assert_moved(pair, struck, master, standby, PROCESS_DEATH_MAX, PROCESS_DEATH_MAX))
    assert run_binary(master, "clear", master.config_file).stdout == ""
    master.start()
    assert_whole(pair, standby)


def test_a_guard_that_dies_is_replaced_and_the_new_one_does_its_work(pair, measured):
    master, standby = pair.roles()
    store(pair, "before", b"1")
    killed = guard_of(master)
    os.kill(killed, signal.SIGKILL)
    assert_nothing_moves(pair, 2.5)
    assert guard_of(master) not in (None, killed)
    assert "the guard has died (signal: 9 (SIGKILL)): another one is started" in master.log()
    struck = time.monotonic()
    master.kill9()
    pair.wait_for_holder(standby)
    measured(assert_moved(pair, struck, master, standby, PROCESS_DEATH_MAX, PROCESS_DEATH_MAX))
    wait_for(lambda: not master.pids(), "the guard has ended")
    master.start()
    assert_whole(pair, standby)


def test_server_and_guard_die_at_once_and_the_kernel_removes_the_address(pair, measured):
    master, standby = pair.roles()
    store(pair, "before", b"1")
    struck = time.monotonic()
    master.kill_everything()
    pair.wait_for_holder(standby)
    measured(assert_moved(pair, struck, master, standby, PROCESS_DEATH_MAX, LEASE_MAX))
    master.start()
    assert_whole(pair, standby)


@pytest.mark.parametrize("whole", [False, True], ids=["server", "everything"])
def test_what_hangs_loses_the_address_and_wakes_as_backup(pair, measured, whole):
    master, standby = pair.roles()
    store(pair, "before", b"1")
    struck = time.monotonic()
    if whole:
        master.freeze()
    else:
        master.process.send_signal(signal.SIGSTOP)
    pair.wait_for_holder(standby)
    moved = assert_moved(pair, struck, master, standby, HOST_DEATH_MAX, LEASE_MAX)
    time.sleep(max(0.0, struck + 4 - time.monotonic()))
    woken = time.monotonic()
    master.wake()
    pair.wait_for_return(master)
    assert pair.recorder.changes_since(woken) == [], pair.recorder.describe(struck)
    assert_whole(pair, standby)
    measured(moved)


def test_a_standby_that_hangs_and_wakes_takes_nothing_from_the_living_master(pair):
    """What it did not hear while it was stopped is no silence: it would serve what it has missed."""
    master, standby = pair.roles()
    store(pair, "before", b"1")
    for seconds in (3, 8):
        since = time.monotonic()
        standby.freeze()
        time.sleep(seconds)
        store(pair, f"missed-{seconds}", b"2")
        standby.wake()
        pair.wait_for_return(standby)
        time.sleep(2)
        assert pair.recorder.changes_since(since) == [], pair.recorder.describe(since)
        assert "this node was paused for" in standby.log()
        assert pair.client_of(standby).get(f"missed-{seconds}") == (0, b"2")
    assert_whole(pair, master)


def test_a_short_hang_moves_nothing(pair):
    master, _ = pair.roles()
    store(pair, "before", b"1")
    since = time.monotonic()
    master.freeze()
    time.sleep(0.8)
    master.wake()
    time.sleep(3)
    assert pair.recorder.changes_since(since) == [], pair.recorder.describe(since)
    assert_whole(pair, master)


def test_a_leftover_found_at_start_is_removed_before_anything_else(pair, measured):
    master, standby = pair.roles()
    store(pair, "before", b"1")
    assert standby.sigterm() == 0
    add_address(standby, ADDRESS)
    started = time.monotonic()
    standby.start()
    pair.wait_for_holder(master)
    took = gone_after(pair, standby, started)
    assert took <= DOUBLE_SERVICE_MAX
    assert f"{VIRTUAL_ADDRESS} was left on eth0: removed" in standby.log()
    pair.wait_for_return(standby)
    assert_whole(pair, master)
    measured(f"gone {took:.2f} s after the start")


def test_an_address_that_someone_removes_comes_back(pair, measured):
    master, _ = pair.roles()
    store(pair, "before", b"1")
    client = pair.client()
    client.get("before")
    slowest = 0.0
    for _ in range(3):
        struck = time.monotonic()
        delete_address(master, ADDRESS)
        pair.wait_for_holder(master, 3)
        slowest = max(slowest, pair.recorder.longest_vacancy(struck))
        time.sleep(0.3)
    assert slowest <= 0.5
    assert "was removed by someone else; it is added again" in master.log()
    # The client's connection survives, as nobody answered for the address meanwhile.
    assert client.get("before") == (0, b"1")
    assert_whole(pair, master)
    measured(f"back after {slowest:.3f} s")


def test_an_interface_that_goes_down_and_up_returns_as_backup(pair, measured):
    master, standby = pair.roles()
    store(pair, "before", b"1")
    struck = time.monotonic()
    set_interface(master, "down")
    pair.wait_for_holder(standby)
    moved = assert_moved(pair, struck, master, standby, HOST_DEATH_MAX, PROCESS_DEATH_MAX)
    set_interface(master, "up")
    up = time.monotonic()
    pair.wait_for_return(master)
    assert pair.recorder.changes_since(up) == [], pair.recorder.describe(struck)
    assert_whole(pair, standby)
    measured(moved)


def test_carrier_loss_gives_the_address_up_and_returns_as_backup(pair, measured):
    master, standby = pair.roles()
    store(pair, "before", b"1")
    struck = time.monotonic()
    pull_cable(master)
    pair.wait_for_holder(standby)
    moved = assert_moved(pair, struck, master, standby, HOST_DEATH_MAX, PROCESS_DEATH_MAX)
    assert master.state() == "BACKUP"
    plugged = time.monotonic()
    plug_cable(master)
    pair.wait_for_return(master)
    assert pair.recorder.changes_since(plugged) == [], pair.recorder.describe(struck)
    assert_whole(pair, standby)
    measured(moved)


def test_a_master_without_the_address_that_it_advertises_from_is_none(pair, measured):
    """Nobody would hear it: not over VRRP, and not over a link that has the same address."""
    master, standby = pair.roles()
    store(pair, "before", b"1")
    struck = time.monotonic()
    delete_address(master, f"{master.address}/24")
    pair.wait_for_holder(standby)
    moved = assert_moved(pair, struck, master, standby, HOST_DEATH_MAX, PROCESS_DEATH_MAX)
    assert f"{master.address}, which advertisements come from, was removed" in master.log()
    added = time.monotonic()
    add_address(master, f"{master.address}/24")
    pair.wait_for_return(master)
    assert pair.recorder.changes_since(added) == [], pair.recorder.describe(struck)
    assert_whole(pair, standby)
    measured(moved)


def test_carrier_loss_of_the_standby_moves_nothing(pair):
    master, standby = pair.roles()
    store(pair, "before", b"1")
    pull_cable(standby)
    assert_nothing_moves(pair, 6)
    plug_cable(standby)
    pair.wait_for_return(standby)
    assert_whole(pair, master)


def test_a_renamed_interface_keeps_its_address_and_its_guard(pair, measured):
    master, standby = pair.roles()
    store(pair, "before", b"1")
    set_interface(master, "name", "lan0")
    assert_nothing_moves(pair, 3)
    struck = time.monotonic()
    master.kill9()
    pair.wait_for_holder(standby)
    moved = assert_moved(pair, struck, master, standby, PROCESS_DEATH_MAX, PROCESS_DEATH_MAX)
    ip("-n", master.namespace, "link", "set", "lan0", "name", "eth0")
    master.start()
    assert_whole(pair, standby)
    measured(moved)


def test_an_interface_that_is_deleted_and_made_again_is_used_again(pair, measured):
    master, standby = pair.roles()
    store(pair, "before", b"1")
    struck = time.monotonic()
    delete_interface(master)
    pair.wait_for_holder(standby)
    moved = assert_moved(pair, struck, master, standby, HOST_DEATH_MAX, PROCESS_DEATH_MAX)
    time.sleep(1)
    make_interface(master)
    pair.wait_for_return(master)
    heard = json.loads(master.http_get("/status")[1])["vrrp"]["received"]
    wait_for(
        lambda: json.loads(master.http_get("/status")[1])["vrrp"]["received"] > heard,
        "advertisements are heard again",
        5,
    )
    # And it can hold the address again, also without the link's word.
    struck = time.monotonic()
    standby.kill9()
    pair.wait_for_holder(master)
    assert_moved(pair, struck, standby, master, PROCESS_DEATH_MAX, PROCESS_DEATH_MAX)
    assert_nothing_moves(pair, 3)
    standby.start()
    assert_whole(pair, master)
    measured(moved)


def test_another_address_with_a_lifetime_stays_untouched(pair):
    """As a DHCP client manages it, in the same network and beside the virtual one."""
    master, standby = pair.roles()
    store(pair, "before", b"1")
    add_address(master, "10.77.0.50/24", "valid_lft", "600", "preferred_lft", "300")
    before = entry(master, "10.77.0.50")
    time.sleep(1.5)
    assert same(entry(master, "10.77.0.50"), before)
    master.kill9()
    pair.wait_for_holder(standby)
    assert same(entry(master, "10.77.0.50"), before)
    master.start()
    assert_whole(pair, standby)
    assert same(entry(master, "10.77.0.50"), before)
    assert standby.sigterm() == 0
    pair.wait_for_holder(master)
    assert same(entry(master, "10.77.0.50"), before)

    # The DHCP client renews it, and the host's own address too: nothing moves, and nobody undoes it.
    since = time.monotonic()
    for address in ("10.77.0.50", master.address):
        change = ("address", "change", f"{address}/24", "dev", "eth0")
        ip("-n", master.namespace, *change, "valid_lft", "900", "preferred_lft", "800")
    renewed = [entry(master, address) for address in ("10.77.0.50", master.address)]
    time.sleep(2.5)
    assert pair.recorder.changes_since(since) == [], pair.recorder.describe(since)
    for before in renewed:
        assert same(entry(master, before["local"]), before)
    standby.start()


def entry(host, address):
    """What the kernel says of an address."""
    shown = json.loads(ip("-n", host.namespace, "-j", "address", "show", "dev", "eth0"))
    return next(one for one in shown[0]["addr_info"] if one["local"] == address)


def same(now, before):
    """Only its age has changed."""
    ages = ("valid_life_time", "preferred_life_time")
    rest = [{key: value for key, value in one.items() if key not in ages} for one in (now, before)]
    aged = [before[age] - now[age] for age in ages]
    return rest[0] == rest[1] and aged[0] == aged[1] and 0 <= aged[0] <= 30


@pytest.mark.parametrize("fault", ["kill-9", "power-loss", "freeze"])
def test_version_3_at_a_fifth_of_a_second_moves_within_half_a_second(
    binary, privileged, measured, fault
):
    """Below 1 s the kernel's lifetimes are too coarse for the lease, so a leftover stays longer."""
    with Pair({"vrrp": {"version": 3, "advertisement_interval": "200ms"}}) as pair:
        try:
            pair.start()
            measured(moves_within_half_a_second(pair, fault))
        except BaseException:
            print(pair.describe())
            raise


def moves_within_half_a_second(pair, fault):
    master, standby = pair.roles()
    store(pair, "before", b"1")
    struck = time.monotonic()
    {"kill-9": master.kill9, "power-loss": master.power_loss, "freeze": master.freeze}[fault]()
    wait_for(lambda: standby.name in pair.recorder.holders(), "taken over", every=0.005)
    pair.wait_for_holder(standby)
    moved = assert_moved(pair, struck, master, standby, 0.5 + 0.5, 1.3 + 0.4)
    assert pair.recorder.longest_double(struck) <= DOUBLE_SERVICE_MAX + 0.3
    returned = time.monotonic()
    if fault == "freeze":
        time.sleep(1)
        master.wake()
    else:
        if fault == "power-loss":
            master.power_return()
        master.start()
    assert_whole(pair, standby)
    assert pair.recorder.changes_since(returned) == [], pair.recorder.describe(struck)
    return moved
