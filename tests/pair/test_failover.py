"""Five ways for a host to fail under write load, and one more for the address as a lease.

After each: who holds the address, what became of acknowledged writes, how long nobody could
write, and whether the returned host is Backup and in sync. The bounds asserted are wider than
those promised, because two cores run several pairs at once; the measured times are printed.
"""

import contextlib
import time

from pair import DOUBLE_HOLD_MAX, assert_nothing_lost


def begin_load(pair):
    """A load that has written enough for a loss to show."""
    load = pair.load()
    load.wait_for_writes(1000)
    return load


def assert_moved_once(pair, since, master, standby, double_hold_max=DOUBLE_HOLD_MAX):
    """The address went from `master` to `standby` and nowhere else."""
    steps = pair.recorder.changes_since(since)
    timeline = pair.recorder.describe(since)
    assert steps[-1] == [standby.name], timeline
    arrived = next(index for index, step in enumerate(steps) if standby.name in step)
    left = next(index for index, step in enumerate(steps) if master.name not in step)
    assert all(standby.name in step for step in steps[arrived:]), timeline
    assert all(master.name not in step for step in steps[left:]), timeline
    assert pair.recorder.longest_double(since) <= double_hold_max, timeline


def conclude(pair, load, since, master, standby, gap_max, **bounds):
    """Everything that has to hold once the failed master is back; returns the longest gap."""
    pair.wait_for_return(master)
    load.wait_for_writes()
    verdict = pair.check(load)
    assert_nothing_lost(verdict)
    assert_moved_once(pair, since, master, standby, **bounds)
    assert (master.state(), standby.state()) == ("BACKUP", "MASTER")
    assert verdict.longest_gap <= gap_max, str(verdict)
    return verdict.longest_gap


def test_kill_9_of_the_master_loses_nothing(pair, measured):
    master, standby = pair.roles()
    load = begin_load(pair)
    struck = time.monotonic()
    master.kill9()
    pair.wait_for_holder(standby)
    load.wait_for_writes()
    master.start()
    gap = conclude(pair, load, struck, master, standby, gap_max=1.5)
    measured(f"{gap:.3f} s without a write (promised 0.3 s)")


def test_power_loss_of_the_master_loses_nothing(pair, measured):
    master, standby = pair.roles()
    load = begin_load(pair)
    struck = time.monotonic()
    master.power_loss()
    pair.wait_for_holder(standby)
    load.wait_for_writes()
    master.power_return()
    master.start()
    gap = conclude(pair, load, struck, master, standby, gap_max=4.5)
    measured(f"{gap:.3f} s without a write (promised 2.1 s)")


def test_a_master_that_is_told_to_leave_hands_over_and_loses_nothing(pair, measured):
    master, standby = pair.roles()
    load = begin_load(pair)
    struck = time.monotonic()
    assert master.sigterm() == 0
    pair.wait_for_holder(standby)
    assert master.pids() == []
    load.wait_for_writes()
    master.start()
    gap = conclude(pair, load, struck, master, standby, gap_max=1.0)
    measured(f"{gap:.3f} s without a write (promised 0.1 s)")


def test_a_frozen_master_loses_the_address_and_wakes_as_backup(pair, measured):
    master, standby = pair.roles()
    load = begin_load(pair)
    waiting = pair.client()
    waiting.set("quiet", (0, b"before"))
    struck = time.monotonic()
    master.freeze()
    # The kernel of the frozen host takes this request; nobody reads it before the host wakes.
    waiting.sock.sendall(b"set quiet 0 0 3\r\nold\r\n")
    pair.wait_for_holder(standby)
    load.wait_for_writes()
    pair.client().set("quiet", (0, b"after"))
    time.sleep(max(0.0, struck + 5 - time.monotonic()))
    master.wake()
    gap = conclude(pair, load, struck, master, standby, gap_max=5.0)
    measured(f"{gap:.3f} s without a write (promised 3 s)")
    for node in (pair.a, pair.b):
        assert pair.client_of(node).get("quiet") == (0, b"after"), str(node)
    assert b"STORED" not in received(waiting.sock)


def received(sock):
    """What came without waiting; a closed or reset connection has nothing to say."""
    sock.settimeout(0.2)
    with contextlib.suppress(OSError):
        return sock.recv(4096)
    return b""


def test_the_standby_may_die_and_return_without_the_clients_noticing(pair, measured):
    master, standby = pair.roles()
    load = begin_load(pair)
    struck = time.monotonic()
    standby.kill9()
    load.wait_for_writes(1000)
    standby.start()
    pair.wait_for_return(standby)
    load.wait_for_writes()
    verdict = pair.check(load)
    assert_nothing_lost(verdict)
    assert pair.recorder.changes_since(struck) == [], pair.recorder.describe(struck)
    assert verdict.longest_gap <= 1.0, str(verdict)
    measured(f"{verdict.longest_gap:.3f} s without a write (promised 0.25 s, once)")


def test_the_address_goes_even_if_no_process_is_left_to_remove_it(pair, measured):
    master, standby = pair.roles()
    load = begin_load(pair)
    struck = time.monotonic()
    master.kill_everything()
    assert master.pids() == []
    pair.wait_for_holder(standby)
    gone = next(
        when for when, who in pair.recorder.timeline if when > struck and master.name not in who
    )
    load.wait_for_writes()
    master.start()
    # Nobody serves on the dead host, so its address may stand as long as the lease.
    gap = conclude(pair, load, struck, master, standby, gap_max=4.5, double_hold_max=3.0)
    assert gone - struck <= 3.0
    measured(
        f"address gone after {gone - struck:.3f} s (promised 2.3 s), {gap:.3f} s without a write"
    )
