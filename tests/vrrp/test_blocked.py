"""VRRP does not pass, or is rejected, while the link lives: all is well until the link breaks too.

Nobody would notice before that, so both hosts tell it.
"""

from faults import cut_multicast, heal_multicast
from lab import wait_for
from node import run_binary

BOTH = "should the link break too, both will be MASTER"


def status(node):
    """What `twincached status` prints."""
    return run_binary(node, "status").stdout


def metric(node, name):
    """A number of `/metrics`."""
    lines = node.http_get("/metrics")[1].decode().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name} "))


def test_blocked_advertisements_are_told_on_both_hosts_and_no_longer_when_they_pass(pair):
    master, standby = pair.roles()
    for node in (master, standby):
        assert status(node).startswith("OK: ")
    cut_multicast(pair.lab)
    told = f"! the advertisements of the MASTER do not arrive here: {BOTH}"
    wait_for(lambda: status(standby).startswith(told), "the BACKUP tells", 8)
    assert "let IP protocol 112 through the firewall, or set unicast_peer" in status(standby)
    wait_for(
        lambda: status(master).startswith("! the other host hears no advertisements of this MASTER"),
        "the MASTER tells",
    )
    # What /metrics shows is published every 100 ms.
    for node, name in ((standby, "master_unheard"), (master, "unheard_by_peer")):
        wait_for(lambda n=node, m=name: metric(n, f"twincached_vrrp_{m}") == "1", f"{name} is 1")
    assert "none of its advertisements arrive: let IP protocol 112 through" in standby.log()
    heal_multicast(pair.lab)
    for node in (master, standby):
        wait_for(lambda node=node: status(node).startswith("OK: "), f"{node} is well again")
    wait_for(lambda: metric(standby, "twincached_vrrp_master_unheard") == "0", "it is 0 again")
    assert "the advertisements of the master arrive again" in standby.log()


def test_rejected_advertisements_are_told_with_the_reason(pair):
    _, standby = pair.roles()
    assert standby.sigterm() == 0
    standby.start({"vrrp": {"password": "another"}})
    told = f"! the advertisements of the MASTER are rejected here: {BOTH}"
    wait_for(lambda: told in status(standby), "the BACKUP tells", 12)
    assert "rejected for authentication" in status(standby)
    assert standby.sigterm() == 0
    standby.start({})
