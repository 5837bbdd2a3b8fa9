"""Both sides written during a split: the newest change of each key is on both, the others are counted."""

import time

from lab import wait_for
from linked import cut


def conflicts(linked):
    """What each host tells in `stats replication`: all, made here and lost, made there and lost."""
    names = (b"conflicts", b"conflicts_lost", b"conflicts_won")
    stats = [linked.client_of(node).stats("replication") for node in linked.nodes]
    return [tuple(told[name] for name in names) for told in stats]


def test_after_a_split_both_hosts_tell_how_many_changes_of_each_have_lost(linked):
    linked.start()
    first, second = (linked.client_of(node) for node in linked.nodes)
    for number in range(100):
        assert first.set(f"key-{number}", (0, b"before"))
    with cut(linked):
        for number in range(50):
            assert first.set(f"key-{number}", (0, b"older"))
        for number in range(50, 80):
            assert second.set(f"key-{number}", (0, b"older"))
        # Changed on one side alone, and removed on both: no conflict.
        for number in range(80, 85):
            assert first.set(f"key-{number}", (0, b"newer"))
        for client in (first, second):
            assert client.delete("key-99")
        time.sleep(0.05)
        for number in range(50):
            assert second.set(f"key-{number}", (0, b"newer"))
        for number in range(50, 80):
            assert first.set(f"key-{number}", (0, b"newer"))
    linked.wait_until_in_sync(70)
    expected = [(80, 50, 30), (80, 30, 50)]
    wait_for(lambda: conflicts(linked) == expected, f"conflicts are {expected}", 5)
    for client in (first, second):
        found = client.get_many([f"key-{number}" for number in range(85)])
        assert found == {f"key-{number}": (0, b"newer") for number in range(85)}
    said = "80 changes were made on both hosts: {} made here were overwritten"
    for node, lost in ((linked.a, 50), (linked.b, 30)):
        wait_for(lambda: said.format(lost) in node.log(), f"{node} says so in its log", 5)  # noqa: B023
    linked.assert_identical(at_least=99)
