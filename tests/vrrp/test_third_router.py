"""Advertisements of others: forged ones in the peer's name, and a third router that is really there.

While the link lives it speaks for the peer, so an advertisement that contradicts it moves nothing. A
router with an address of its own is followed as the RFC says.
"""

import time

import pytest

import vrrp_frames
from holders import HolderRecorder
from lab import wait_for
from mixed import Dialect, Keepalived
from pair import DOUBLE_HOLD_MAX
from table import assert_nothing_moves


@pytest.mark.parametrize("priority", [250, 254, 255])
def test_an_advertisement_in_the_peers_name_does_not_demote_while_the_link_lives(pair, priority):
    master, standby = pair.roles()
    message = vrrp_frames.advertisement(priority)
    before = received(master)
    for _ in range(8):
        vrrp_frames.send(pair.lab.client, message, 255, source=standby.address)
        assert_nothing_moves(pair, 0.25)
    assert received(master) >= before + 8, "they were heard and understood"
    assert_nothing_moves(pair, 4)
    assert pair.roles() == (master, standby)
    # A stop in its name ends nothing either.
    for _ in range(3):
        stop = vrrp_frames.advertisement(0)
        vrrp_frames.send(pair.lab.client, stop, 255, source=standby.address)
        assert_nothing_moves(pair, 0.5)


def received(node):
    """Advertisements that a node accepted."""
    return node.status().data["vrrp"]["received"]


def test_a_keepalived_of_higher_priority_is_followed_and_succeeded(
    pair, stand_in_programs, measured
):
    """As when a new router is put beside a pair that it replaces."""
    keeper = Keepalived(pair.lab, "client")
    recorder = HolderRecorder(pair.a, pair.b, keeper).start()
    try:
        pair_master, _ = pair.roles()
        began = time.monotonic()
        keeper.start(Dialect(), 254, preempt=True)
        alone = lambda: recorder.holders() == {"client"}  # noqa: E731
        wait_for(alone, "the third router alone has it", 10)
        assert recorder.longest_double(began) <= DOUBLE_HOLD_MAX, recorder.describe(began)
        named = f"{keeper.address} is a third router of this virtual router, with priority 254"
        wait_for(lambda: named in pair.a.log() and named in pair.b.log(), "both logs name it")
        assert pair_master.state() == "BACKUP"
        settled = time.monotonic()
        time.sleep(4)
        assert recorder.changes_since(settled) == [], recorder.describe(began)
        # The pair is as it was otherwise: a death in it does not make the other one take over.
        other = pair.b if pair_master is pair.a else pair.a
        other.kill9()
        time.sleep(3)
        other.start()
        assert recorder.changes_since(settled) == [], recorder.describe(began)
        both = lambda: pair.a.status().in_sync and pair.b.status().in_sync  # noqa: E731
        wait_for(both, "the pair is in sync", 20)

        left = time.monotonic()
        keeper.stop()
        one = lambda: len(recorder.holders()) == 1 and "client" not in recorder.holders()  # noqa: E731
        wait_for(one, "one of the pair has it", 5, every=0.005)
        took = recorder.timeline[-1][0] - left
        pair.wait_until_ready()
        assert recorder.longest_double(left) <= DOUBLE_HOLD_MAX, recorder.describe(left)
        assert took <= 2.0
        assert keeper.complaints() == []
        measured(f"the pair has it again {took:.2f} s after the third router left")
    finally:
        keeper.kill_everything()
        recorder.stop()
