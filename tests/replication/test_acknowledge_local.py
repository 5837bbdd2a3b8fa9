"""`acknowledge: local`: no reply waits for the peer, and what the peer lacks is told."""

import time

from clients import read_all
from lab import wait_for
from linked import fill

LOCAL = {"replication": {"acknowledge": "local"}}


def test_replies_do_not_wait_and_the_lag_is_told(linked):
    linked.start(LOCAL)
    client, other = (linked.client_of(node) for node in linked.nodes)
    keys = fill(client, 500)
    wait_for(lambda: linked.a.link()["lag_items"] == 0, "no lag", 5)
    linked.b.freeze()
    frozen = time.monotonic()
    for number in range(300):
        assert client.set(f"late-{number}", (2, b"y" * 1000))
    wait_for(lambda: linked.a.link()["lag_ms"] >= 300, "the lag is told", 5)
    # The peer stands still, so whatever was answered meanwhile was not answered by it, and nobody
    # who waited for it would have been answered without a degradation.
    link = linked.a.link()
    told = client.stats("replication")
    assert link["acknowledge"] == "local"
    assert link["lag_items"] == int(told[b"lag_items"]) == 300
    assert 300 <= link["lag_ms"] <= (time.monotonic() - frozen) * 1000
    # Nobody waits, so there is nothing to degrade.
    assert not link["degraded"] and link["degradations"] == 0 and not link["waiting_for_peer"]
    linked.b.wake()
    keys += [f"late-{number}" for number in range(300)]
    wait_for(lambda: len(read_all(other, keys)) == 800, "all are on the peer", 10)
    wait_for(lambda: linked.a.link()["lag_items"] == 0, "no lag", 5)
    assert linked.a.link()["lag_ms"] == 0
    linked.wait_until_in_sync()
    assert linked.assert_identical() == 800


def test_a_change_shows_on_the_other_side_within_a_moment(linked):
    linked.start(LOCAL)
    client, other = (linked.client_of(node) for node in linked.nodes)
    waits = []
    for number in range(100):
        began = time.monotonic()
        client.set("k", (0, b"%d" % number))
        wait_for(lambda: other.get("k") == (0, b"%d" % number), "shown", 5, every=0)  # noqa: B023
        waits.append(time.monotonic() - began)
    assert max(waits) < 0.8
    assert sorted(waits)[50] < 0.05
