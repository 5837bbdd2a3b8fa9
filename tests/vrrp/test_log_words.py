"""What the logs of both hosts say, to whoever reads them afterwards."""

import time

from lab import wait_for
from node import run_binary


def test_an_asked_handover_is_called_so_in_the_log_and_the_status_and_names_who_asked(pair):
    master, standby = pair.roles()
    before = len(master.log())
    assert run_binary(master, "failover").returncode == 0
    pair.wait_for_holder(standby)
    pair.wait_for_return(master)
    said = master.log()[before:]
    assert "a failover was asked for from 127.0.0.1" in said
    assert "MASTER -> INITIALIZE with priority" in said and "handed over as asked" in said
    assert "shut down" not in said and ": started" not in said
    assert master.status().data["vrrp"]["reason"] == "handed over as asked"
    assert standby.status().data["vrrp"]["reason"] == "the master has handed over"


def test_a_frozen_peer_is_told_once_and_its_pause_is_the_first_it_says_when_it_wakes(pair):
    master, standby = pair.roles()
    before = {node: len(node.log().splitlines()) for node in (master, standby)}
    new = lambda node: node.log().splitlines()[before[node] :]  # noqa: E731
    standby.freeze()
    told = lambda: any("fallen silent" in line for line in new(master))  # noqa: E731
    wait_for(told, "its silence is told", 10)
    # A new connection is made at once, and says nothing either: every 2.1 s.
    time.sleep(7)
    standby.wake()
    silent = [line for line in new(master) if "fallen silent" in line or "says nothing" in line]
    assert len(silent) == 2, silent
    pair.wait_until_ready()
    assert "this node was paused for" in new(standby)[0], new(standby)
