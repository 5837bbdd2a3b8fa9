"""The states of README's table: a host is in exactly one of them, and says the same everywhere."""

import json
import time

from lab import wait_for
from linked import cut
from node import run_binary

STATES = {"in sync", "degraded", "disconnected", "catching up"}


def state_of(link):
    """The state in a section `replication`, which must not contradict itself."""
    state = link["progress"]
    assert state in STATES
    assert (link["in_sync"], link["degraded"]) == (state == "in sync", state == "degraded"), link
    assert (link["state"] == "disconnected") == (state == "disconnected"), link
    return state


def raw_stats(client):
    """`stats replication` as it is sent: the client's own reading ends a value at a space."""
    client.version()
    client.sock.sendall(b"stats replication\r\n")
    received = b""
    while not received.endswith(b"END\r\n"):
        received += client.sock.recv(1 << 16)
    lines = received.decode().splitlines()[:-1]
    return dict(line.removeprefix("STAT ").split(" ", 1) for line in lines)


def states_of(node, client):
    """As `/status`, `stats replication` and `twincached status` tell it, one after the other."""
    words = raw_stats(client)
    flags = {name: words[name] == "yes" for name in ("in_sync", "degraded")}
    told = run_binary(node, "status").stdout
    line = next(line for line in told.splitlines() if line.startswith("replication"))
    shown = line.removeprefix("replication").split(",")[0].strip()
    troubles = [line for line in told.splitlines() if line.startswith("!")]
    assert any(line.startswith("! degraded") for line in troubles) == (shown == "degraded"), told
    assert any(line.startswith("! no link") for line in troubles) == (shown == "disconnected"), told
    return [state_of(node.link()), state_of(words | flags), shown]


def agree(node, client, state):
    """Wait until all three say so."""
    wait_for(lambda: states_of(node, client) == [state] * 3, f"{node} says {state}", 30)


def test_every_output_tells_the_same_one_state(linked):
    linked.start()
    client = linked.client_of(linked.a)
    agree(linked.a, client, "in sync")
    with cut(linked):
        assert client.set("during", (0, b"x"))
        agree(linked.a, client, "disconnected")
    # Connected again: degraded during the back-off, although the peer has everything.
    seen = set()

    def is_restored():
        link = linked.a.link()
        seen.add((state_of(link), link["peer_has_all"]))
        return link["in_sync"]

    wait_for(is_restored, "in sync again", 70, every=0.02)
    assert ("degraded", True) in seen, seen
    agree(linked.a, client, "in sync")


def test_a_peer_that_does_not_answer_is_called_degraded_until_it_is_given_up(linked):
    linked.start()
    client = linked.client_of(linked.a)
    linked.b.freeze()
    try:
        began = time.monotonic()
        assert client.set("during", (0, b"x"))
        link = linked.a.link()
        # Silence for half a second is called disconnected, whatever stands between.
        assert state_of(link) in ("degraded", "disconnected"), link
        assert not link["waiting_for_peer"]
        assert time.monotonic() - began < 2
    finally:
        linked.b.wake()
    linked.wait_until_in_sync(70)


def test_the_states_are_metrics_and_json(linked):
    linked.start()
    # What others see is published ten times a second.
    metrics = {"twincached_replication_in_sync 1", "twincached_replication_degraded 0"}
    shown = lambda: metrics <= set(linked.a.http_get("/metrics")[1].decode().splitlines())  # noqa: E731
    wait_for(shown, f"{metrics} are shown", 5)
    told = json.loads(run_binary(linked.a, "status", "--json").stdout)["replication"]
    assert state_of(told) == "in sync"
