"""Two hosts that are configured differently: log and status name it, and there is one master.

What VRRP cannot see, as the advertisements are rejected, the link's hello and heartbeats show.
"""

import time

import pytest

from lab import ADDRESSES, VIRTUAL_ADDRESS, wait_for
from node import run_binary
from pair import Pair
from table import PROCESS_DEATH_MAX

OTHER_ADDRESS = "10.77.0.101"

SILENT = "! the advertisements of the MASTER"

# What `a` and `b` override in `vrrp`, what a log has to say, and what a status.
CASES = {
    "router-id": (
        {"virtual_router_id": 51},
        {"virtual_router_id": 52},
        ["virtual_router_id is 52 here and 51 on the peer"],
        ["! configured differently: virtual_router_id is 52 here and 51 on the peer", SILENT],
    ),
    "password": ({"password": "alpha"}, {"password": "beta"}, ["wrong password"], [SILENT]),
    "password-on-one-side": (
        {"password": "alpha"},
        {},
        ["authentication type 1 instead of ours"],
        [SILENT],
    ),
    "interval": (
        {"advertisement_interval": "1s"},
        {"advertisement_interval": "2s"},
        ["advertisement_interval (ms) is 2000 here and 1000 on the peer"],
        ["! configured differently: advertisement_interval (ms) is 2000 here", SILENT],
    ),
    "version": (
        {"version": 3},
        {"version": 2},
        ["VRRP version is 2 here and 3 on the peer"],
        ["! configured differently: VRRP version is 2 here and 3 on the peer", SILENT],
    ),
    "addresses": (
        {"virtual_addresses": [f"{VIRTUAL_ADDRESS}/32"]},
        {"virtual_addresses": [f"{VIRTUAL_ADDRESS}/32", f"{OTHER_ADDRESS}/32"]},
        ["virtual_addresses is", "virtual addresses heard differ from ours"],
        ["! configured differently: virtual_addresses is"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_with_a_live_link_there_is_one_master_and_log_and_status_name_the_cause(
    binary, privileged, case
):
    with Pair() as pair:
        try:
            check(pair, *CASES[case])
        except BaseException:
            print(pair.describe())
            raise


def test_a_handover_to_other_addresses_needs_force(binary, privileged):
    of_a, of_b, *_ = CASES["addresses"]
    with Pair() as pair:
        pair.a.start({"vrrp": of_a})
        pair.b.start({"vrrp": of_b})
        pair.wait_until_ready()
        master, standby = pair.roles()
        refused = run_binary(master, "failover")
        assert refused.returncode == 1
        assert "not handed over: the peer has other virtual_addresses" in refused.stderr
        assert pair.recorder.holders() == {master.name}
        assert run_binary(master, "failover", "--force").returncode == 0
        pair.wait_for_holder(standby)


def test_254_on_both_hosts_is_advertised_as_250_and_there_is_one_master(binary, privileged):
    with Pair() as pair:
        try:
            highest, used = {"priority": 254}, "priority 254 is used as 250"
            check(pair, highest, highest, [used], ["OK:"])
            _, standby = pair.roles()
            heard = lambda: standby.status().data["vrrp"]["master_priority"]  # noqa: E731
            wait_for(lambda: heard() == 250, "the master's priority is heard", 5)
        except BaseException:
            print(pair.describe())
            raise


def check(pair, of_a, of_b, causes, lines):
    pair.a.start({"vrrp": of_a})
    pair.b.start({"vrrp": of_b})
    pair.wait_until_ready()
    watch(pair, advertisements=4)
    told = lambda: all(cause in pair.a.log() + pair.b.log() for cause in causes)  # noqa: E731
    wait_for(told, f"the log says: {causes}", 5)
    wait_for(lambda: missing(pair, lines) == [], f"a status says {lines}", 10, 0.2)

    master, standby = pair.roles()
    struck = time.monotonic()
    master.kill9()
    pair.wait_for_holder(standby)
    assert time.monotonic() - struck <= PROCESS_DEATH_MAX
    master.start()
    pair.wait_for_return(master)
    watch(pair, advertisements=3)
    assert pair.recorder.longest_double() <= 0.5, pair.recorder.describe(pair.origin)


def missing(pair, lines):
    """Those that neither node's status has."""
    told = "".join(run_binary(node, "status").stdout for node in (pair.a, pair.b))
    return [line for line in lines if line not in told]


def watch(pair, advertisements):
    """Until the master has sent so many more, it is the only one, and alone with its addresses."""
    first = sent(pair)
    deadline = time.monotonic() + 20
    while sent(pair) < first + advertisements:
        assert time.monotonic() < deadline, "the master advertises"
        masters = [node.name for node in (pair.a, pair.b) if node.state() == "MASTER"]
        assert len(masters) == 1, masters
        assert len(pair.recorder.holders()) == 1, pair.recorder.describe(pair.origin)
        time.sleep(0.05)


def sent(pair):
    """How many advertisements the master has sent."""
    master, _ = pair.roles()
    return master.status().data["vrrp"]["advertisements_sent"]


def test_a_secret_on_one_side_leaves_no_link_and_vrrp_keeps_one_master(binary, privileged):
    with Pair() as pair:
        secret = pair.lab.directory / "secret"
        secret.write_text("0123456789abcdef0123456789abcdef\n")
        secret.chmod(0o600)
        pair.a.start({"replication": {"secret_file": str(secret)}})
        pair.b.start({})
        wait_for(lambda: len(pair.recorder.holders()) == 1, "one host claims the address", 10)
        time.sleep(4)
        assert len(pair.recorder.holders()) == 1, pair.recorder.describe(pair.origin)
        logs = pair.a.log() + pair.b.log()
        assert "secret" in logs.replace("no secret_file", ""), logs
        for node in (pair.a, pair.b):
            trouble = run_binary(node, "status").stdout
            (link,) = [line for line in trouble.splitlines() if line.startswith("! no link to")]
            assert "secret" in link, trouble


def test_a_peer_that_is_somebody_else_is_refused_by_name(binary, privileged):
    """`peer` on one host names a third one; its own link is refused by the other."""
    with Pair() as pair:
        third = f"{ADDRESSES['client']}:11212"
        pair.a.start({})
        pair.b.start({"replication": {"peer": third}})
        wait_for(lambda: "is not the configured peer" in pair.b.log(), "the log names it", 10)
        wait_for(lambda: len(pair.recorder.holders()) == 1, "one host claims the address", 10)
        time.sleep(4)
        assert len(pair.recorder.holders()) == 1, pair.recorder.describe(pair.origin)
