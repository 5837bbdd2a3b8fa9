"""Connections that begin at the very moment in which the address is handed over.

The kernel accepts them, and what they send, for a process that has not taken them yet. Told of the
handover they connect again; forgotten, they wait for their own timeouts.
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


def test_no_new_connection_is_forgotten_in_a_handover(pair, measured):
    visitors = subprocess.Popen(
        pair.lab.client.command(sys.executable, VISITORS, VIRTUAL_ADDRESS),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
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
    measured(f"{numbers['answered']} visits through {HANDOVERS} handovers")
