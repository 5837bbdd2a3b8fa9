"""Connections that begin at the very moment in which the address moves.

The kernel accepts them, and what they send, for a process that has not taken them yet. Told of the
move they connect again; forgotten, they wait for their own timeouts. And where the old host has no
address any more before the new one has announced it, nobody answers their first packet, which TCP
repeats after a second. Without a wait for the announcement that meets all visitors of a move, thirty
at once; a single one may still meet the old host's last answer to ARP.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from lab import VIRTUAL_ADDRESS
from node import run_binary

VISITORS = Path(__file__).with_name("visitors.py")
HANDOVERS = 8


DEATHS = 4


def begin_visits(pair):
    """Clients that come and go on the virtual address."""
    return subprocess.Popen(
        pair.lab.client.command(sys.executable, VISITORS, VIRTUAL_ADDRESS),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_no_new_connection_is_forgotten_or_late_in_a_handover(pair, measured):
    visitors = begin_visits(pair)
    for _ in range(HANDOVERS):
        time.sleep(0.7)
        master, standby = pair.roles()
        assert run_binary(master, "failover").returncode == 0
        pair.wait_for_holder(standby)
        pair.wait_for_return(master)
    printed, _ = visitors.communicate(timeout=30)
    numbers = json.loads(printed)
    assert numbers["answered"] > 100 * HANDOVERS
    assert numbers["forgotten"] == 0, pair.recorder.describe(pair.origin)
    assert numbers["late"] <= HANDOVERS, pair.recorder.describe(pair.origin)
    measured(f"{numbers['answered']} visits through {HANDOVERS} handovers, {numbers['late']} late")


def test_no_new_connection_is_forgotten_or_late_when_the_process_dies(pair, measured):
    """Until the new master has announced the address, the dead one's kernel refuses."""
    visitors = begin_visits(pair)
    for _ in range(DEATHS):
        time.sleep(0.7)
        master, standby = pair.roles()
        master.kill9()
        pair.wait_for_holder(standby)
        master.start()
        pair.wait_for_return(master)
    printed, _ = visitors.communicate(timeout=30)
    numbers = json.loads(printed)
    assert numbers["forgotten"] == 0, pair.recorder.describe(pair.origin)
    assert numbers["late"] <= DEATHS, pair.recorder.describe(pair.origin)
    measured(f"{numbers['answered']} visits through {DEATHS} deaths, {numbers['late']} late")
