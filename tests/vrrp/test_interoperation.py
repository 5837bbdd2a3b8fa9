"""keepalived and twincached in one virtual router: this is how a user replaces one host at a time.

twincached runs on `a`, keepalived with `nopreempt` on `b`; the RFC's timers apply to both. The
bounds are the RFC's and a margin, because two cores run several labs at once.
"""

import time

import pytest

from faults import cut_multicast, heal_multicast
from lab import VIRTUAL_ADDRESS, wait_for
from mixed import Dialect, Mixed, vrrp_status

MARGIN = 0.8

DIALECTS = [
    Dialect(),
    Dialect(unicast=True),
    Dialect(password="secret"),
    Dialect(password="eight888", unicast=True),
    Dialect(version=3),
    Dialect(version=3, unicast=True, interval=0.2),
    Dialect(version=3, ipv6=True),
]


# Skew_Time and Master_Down_Interval in seconds of the priorities 240 (twincached) and 100
# (keepalived), by the interval: RFC 3768 6.1 and RFC 9568 6.1, which agree where it is 1 s.
TIMERS = {
    1.0: ((0.0625, 3.0625), (0.609375, 3.609375)),
    0.2: ((0.0125, 0.6125), (0.121875, 0.721875)),
}


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_mastership_passes_both_ways_whoever_leaves_or_dies(
    binary, stand_in_programs, measured, dialect
):
    with Mixed(dialect) as mixed:
        twin, keeper = mixed.twin, mixed.keeper
        (twin_skew, twin_down), (keeper_skew, keeper_down) = TIMERS[dialect.interval]

        def passes(fault, to, most):
            """Let `fault` happen; the time until the address is on `to` alone."""
            struck = time.monotonic()
            fault()
            took = mixed.wait_for_holder(to, most + 5) - struck
            assert took <= most + MARGIN, mixed.recorder.describe(struck)
            return took

        mixed.start_keeper()
        mixed.wait_for_holder(keeper, keeper_down + 3)
        mixed.start_twin()
        mixed.holder_stays(3.5)
        status = vrrp_status(twin)
        assert (status["state"], status["master_priority"]) == ("BACKUP", 100)
        assert status["master_seen"] == mixed.source_of(keeper) and status["received"] >= 3

        left = passes(keeper.stop, twin, twin_skew)
        mixed.start_keeper()
        mixed.holder_stays()
        mixed.assert_understood()
        given = passes(twin.sigterm, keeper, keeper_skew)
        assert twin.process.returncode == 0

        mixed.start_twin()
        mixed.holder_stays()
        struck = time.monotonic()
        keeper.kill_everything()
        wait_for(lambda: "a" in mixed.recorder.holders(), "twincached takes over", every=0.005)
        died = time.monotonic() - struck
        assert died <= twin_down + MARGIN
        keeper.clear_leftover(mixed.dialect)
        mixed.start_keeper()
        mixed.holder_stays()
        mixed.assert_understood()
        guarded = passes(twin.kill9, keeper, keeper_skew)

        mixed.start_twin()
        passes(keeper.stop, twin, twin_skew)
        mixed.start_keeper()
        mixed.holder_stays()
        mixed.assert_understood()
        vanished = passes(twin.kill_everything, keeper, max(keeper_down, 2.3))
        assert keeper.complaints() == []
        measured(
            f"keepalived leaves {left:.2f} s, dies {died:.2f} s; "
            f"twincached leaves {given:.2f} s, is killed {guarded:.2f} s, "
            f"vanishes with its guard {vanished:.2f} s"
        )


@pytest.mark.parametrize(
    ("dialect", "priorities", "winner"),
    [
        (Dialect(), (240, 100), "a"),
        (Dialect(version=3, interval=0.2), (100, 200), "b"),
        # 10.77.0.2 is the higher address.
        (Dialect(version=3, interval=0.2), (150, 150), "b"),
    ],
    ids=["our-priority", "its-priority", "higher-address"],
)
def test_two_masters_settle_by_priority_then_by_address(
    binary, stand_in_programs, dialect, priorities, winner
):
    twin_priority, keeper_priority = priorities
    with Mixed(dialect, twin_priority, keeper_priority) as mixed:
        cut_multicast(mixed.lab)
        mixed.start_keeper()
        mixed.start_twin()
        both = lambda: mixed.recorder.holders() == {"a", "b"}  # noqa: E731
        wait_for(both, "both are master", 4 * dialect.interval + 3)
        heal_multicast(mixed.lab)
        host = mixed.twin if winner == "a" else mixed.keeper
        mixed.wait_for_holder(host, 1.5 * dialect.interval + MARGIN)
        mixed.holder_stays(4)
        mixed.assert_understood()
        assert vrrp_status(mixed.twin)["state"] == ("MASTER" if winner == "a" else "BACKUP")


def test_a_peer_without_hello_and_a_keepalived_neighbour_mean_the_timers_of_the_rfc(
    binary, stand_in_programs, measured
):
    """The operator has configured replication, but the other host still runs keepalived."""
    with Mixed(Dialect()) as mixed:
        mixed.start_keeper()
        mixed.wait_for_holder(mixed.keeper, 7)
        mixed.start_twin(overrides={})
        assert vrrp_status(mixed.twin)["effective_priority"] == 140
        mixed.holder_stays(6)
        status = vrrp_status(mixed.twin)
        assert (status["state"], status["effective_priority"]) == ("BACKUP", 240)

        struck = time.monotonic()
        mixed.keeper.kill_everything()
        wait_for(lambda: "a" in mixed.recorder.holders(), "twincached takes over", every=0.005)
        died = time.monotonic() - struck
        assert died <= 3.07 + MARGIN
        mixed.keeper.clear_leftover(mixed.dialect)
        serves(mixed)
        mixed.start_keeper()
        mixed.holder_stays()
        mixed.assert_understood()
        assert mixed.twin.sigterm() == 0
        mixed.wait_for_holder(mixed.keeper, 0.61 + MARGIN)

        # Started again it is new; that the master leaves is heard before the join hold too.
        mixed.start_twin(overrides={})
        mixed.holder_stays(1.5)
        mixed.keeper.stop()
        mixed.wait_for_holder(mixed.twin, 0.46 + MARGIN)
        serves(mixed)
        measured(f"takes over {died:.2f} s after the death of keepalived")


def serves(mixed):
    """A client of the virtual address gets its answer."""
    client = mixed.lab.client.connect(VIRTUAL_ADDRESS, 11211)
    with client:
        client.sendall(b"set k 0 0 1\r\nx\r\n")
        assert client.recv(100) == b"STORED\r\n"


def test_routers_that_are_configured_differently_say_so_on_both_sides(binary, stand_in_programs):
    """So the tests above would see an advertisement that either side rejects."""
    with Mixed(Dialect(password="alpha")) as mixed:
        mixed.start_keeper()
        mixed.wait_for_holder(mixed.keeper, 7)
        mixed.start_twin(Dialect(password="beta").of_twincached("a", 240))
        both = lambda: mixed.recorder.holders() == {"a", "b"}  # noqa: E731
        wait_for(both, "both are master, as neither understands the other", 6)
        wait_for(mixed.keeper.complaints, "keepalived names the cause", 5)
        assert vrrp_status(mixed.twin)["rejected"]["authentication"] >= 2
        assert "an advertisement was rejected: wrong password" in mixed.twin.log()
