"""What was missed is caught up with: under load, through resets, and after more deletes than fit."""

import contextlib
import random
import time
from pathlib import Path

from clients import read_all
from lab import REPLICATION_PORT, wait_for
from linked import SECRET, cut, fill
from relay import Relay
from test_bad_links import changing

MIB = 1 << 20
# Code, stacks and the buffers of sockets, beside the memory limit.
PROCESS_BYTES = 48 * MIB


class Peaks:
    """The largest resident memory of each host since the last look."""

    def __init__(self, linked):
        self._linked = linked
        self.bytes = {node.name: 0 for node in linked.nodes}

    def look(self):
        for node in self._linked.nodes:
            lines = Path(f"/proc/{node.process.pid}/status").read_text().splitlines()
            kib = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
            self.bytes[node.name] = max(self.bytes[node.name], kib * 1024)


def test_clients_of_both_hosts_go_on_while_200_mb_are_caught_up_with(linked, measured):
    linked.start({"memory": "384MiB"})
    peaks = Peaks(linked)
    with cut(linked):
        fill(linked.client_of(linked.a), 25_000, prefix="missed", size=8_000)
    sent = linked.a.link()["bytes_sent"]
    with changing(linked, linked.a, "both") as first, changing(linked, linked.b, "both") as second:

        def has_caught_up():
            peaks.look()
            link = linked.a.link()
            return link["state"] == "connected" and link["peer_has_all"]

        wait_for(has_caught_up, "caught up", 70, every=0.02)
        copied = linked.a.link()["bytes_sent"] - sent
    linked.wait_until_in_sync(70)
    peaks.look()
    count = linked.assert_identical(at_least=25_000)
    slowest = max(first[0], second[0])
    peak = max(peaks.bytes.values()) / MIB
    measured(f"{copied / 1e6:.0f} MB caught up with under load: {count} items identical, slowest "
             f"change {slowest:.3f} s, at most {peak:.0f} MiB resident")
    assert copied > 200_000_000
    # A pause for the copy would be as long as the copy; this bound only knows one from the other.
    assert slowest < 1.0
    assert peak < 384 + PROCESS_BYTES / MIB


def test_a_storm_of_resets_in_the_middle_of_a_catch_up_costs_no_second_copy(linked, measured):
    """Through a relay that carries 30 MB in a second and counts what passes."""
    items, size = 12_000, 8_000
    changed = items * size
    client = linked.lab.client
    chance = random.Random(7)
    with contextlib.ExitStack() as stack:
        of, relays = {}, []
        for number, node in enumerate(linked.nodes):
            target = (node.address, REPLICATION_PORT)
            relay = Relay(client, 12000 + number, target, bytes_per_second=30_000_000)
            relays.append(stack.enter_context(relay))
            peer = linked.b if node is linked.a else linked.a
            of[peer.name] = {"replication": {"peer": f"{client.address}:{12000 + number}",
                                             "secret_file": peer.write_secret(SECRET)}}
        linked.start({"memory": "256MiB"}, of_a=of["a"], of_b=of["b"])
        with cut(linked):
            fill(linked.client_of(linked.a), items, size=size)
        before = sum(relay.carried for relay in relays)
        in_the_middle = 0
        for _ in range(12):
            behind = linked.a.link()["lag_items"]
            in_the_middle += 0 < behind < items
            chance.choice(linked.nodes).reset_link()
            time.sleep(chance.uniform(0.1, 0.3))
        linked.wait_until_in_sync(70)
        carried = sum(relay.carried for relay in relays) - before
        count = linked.assert_identical(at_least=items)
        measured(f"12 resets, {in_the_middle} in the middle of {changed / 1e6:.0f} MB: "
                 f"{carried / 1e6:.0f} MB carried, {count} items identical")
        assert in_the_middle >= 4, "the test must reset in the middle"
        assert changed < carried < 1.5 * changed
        linked.conclude()


def test_more_deletes_than_can_be_remembered_are_found_by_comparing(linked, measured):
    linked.start({"memory": "32MiB"})
    peaks = Peaks(linked)
    first, second = (linked.client_of(node) for node in linked.nodes)
    keys = fill(first, 40_000, prefix="session", size=100)
    for number in range(1000):
        assert second.set(f"of-b-{number}", (0, b"x"))
    with cut(linked):
        # Older than what is forgotten, and not sent yet.
        assert first.set(keys[-1], (5, b"fresh"))
        assert second.set("while-apart", (5, b"kept"))
        for start in range(0, 30_000, 500):
            for key in keys[start : start + 500]:
                first.delete(key, noreply=True)
            first.version()
        tombstones = linked.a.status_of_store()["tombstones"]
        # A 32nd of the memory, in tombstones of at least 64 bytes.
        assert 1000 < tombstones < 16_384
        peaks.look()
    linked.wait_until_in_sync(70)
    assert "the peer compares" in linked.a.log()
    for client in (first, second):
        assert read_all(client, keys[:30_000]) == {}
        assert len(read_all(client, keys[30_000:])) == 10_000
        assert client.get(keys[-1]) == (5, b"fresh")
        assert client.get("while-apart") == (5, b"kept")
    peaks.look()
    count = linked.assert_identical(at_least=11_001)
    assert count == 11_001
    peak = max(peaks.bytes.values()) / MIB
    measured(f"30,000 deletes, {tombstones} remembered: {count} items identical, "
             f"{peak:.0f} MiB resident")
    assert peak < 32 + PROCESS_BYTES / MIB
