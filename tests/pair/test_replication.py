"""What one host is told, the other knows, at once while the link stands and after it was cut.

Writes go to one host's own address and reads to the other's. With `acknowledge: peer` the peer
has a change before the client has its answer, so nothing here waits unless the link was cut.
"""

import contextlib
import time

import pytest

from clients import read_all
from lab import wait_for
from pair import Pair

pytestmark = pytest.mark.xdist_group("replication")

VALUE_BYTES = 2000


@pytest.fixture(params=["a to b", "b to a"])
def here_and_there(request, shared_pair):
    """A client of the host that is written and one of the host that is read."""
    clients = shared_pair.client_of(shared_pair.a), shared_pair.client_of(shared_pair.b)
    yield clients if request.param == "a to b" else clients[::-1]
    for client in clients:
        client.close()


def test_value_flags_and_cas_token_are_the_same_on_both_hosts(here_and_there):
    here, there = here_and_there
    value = (0xFFFFFFFF, bytes(range(256)) + b"\r\nEND\r\n")
    assert here.set("k", value)
    assert there.gets("k") == here.gets("k")
    assert there.get("k") == value


def test_a_cas_token_of_one_host_is_good_on_the_other(here_and_there):
    here, there = here_and_there
    here.set("k", (1, b"first"))
    _, token = here.gets("k")
    assert there.cas("k", (2, b"second"), token) is True
    assert here.cas("k", (3, b"third"), token) is False
    assert here.get("k") == (2, b"second")


def test_a_delete_removes_the_key_on_both_hosts(here_and_there):
    here, there = here_and_there
    here.set("k", (0, b"x"))
    assert there.delete("k") is True
    assert (here.get("k"), there.get("k")) == (None, None)
    assert here.delete("k") is False


def test_numbers_are_counted_on_either_host(here_and_there):
    here, there = here_and_there
    here.set("k", (5, b"10"))
    assert here.incr("k", 5) == 15
    assert there.incr("k", 5) == 20
    assert here.decr("k", 11) == 9
    assert there.get("k") == (5, b"9")


def test_append_and_prepend_travel_as_the_value_they_made(here_and_there):
    here, there = here_and_there
    here.set("k", (9, b"middle"))
    here.append("k", (0, b" end"))
    here.prepend("k", (0, b"start "))
    assert there.get("k") == (9, b"start middle end")


def test_add_and_replace_know_what_the_other_host_has(here_and_there):
    here, there = here_and_there
    here.delete("k")
    assert there.replace("k", (0, b"no")) is False
    assert here.add("k", (0, b"one")) is True
    assert there.add("k", (0, b"two")) is False
    assert there.replace("k", (0, b"three")) is True
    assert here.get("k") == (0, b"three")


def test_a_large_value_arrives_whole(here_and_there):
    here, there = here_and_there
    value = (0, b"0123456789abcdef" * 60000)
    assert here.set("large", value)
    assert there.get("large") == value


def test_keys_expire_on_both_hosts_and_a_touch_prolongs_both(here_and_there):
    here, there = here_and_there
    here.set("short", (0, b"x"), expire=2)
    here.set("touched", (0, b"x"), expire=2)
    assert there.touch("touched", 100) is True
    assert there.get("short") == (0, b"x")
    wait_for(lambda: there.get("short") is None, "the key expires on the peer", 4)
    wait_for(lambda: here.get("short") is None, "the key expires where it was written", 1)
    time.sleep(1)
    assert (here.get("touched"), there.get("touched")) == ((0, b"x"), (0, b"x"))


def test_a_flush_empties_both_hosts_and_later_writes_stay(here_and_there):
    here, there = here_and_there
    here.set("before", (0, b"x"))
    assert there.flush_all() is True
    assert (here.get("before"), there.get("before")) == (None, None)
    there.set("after", (0, b"y"))
    assert here.get("after") == (0, b"y")


def test_a_delayed_flush_empties_both_hosts_when_it_is_due(here_and_there):
    here, there = here_and_there
    here.set("k", (0, b"x"))
    assert here.flush_all(delay=2) is True
    assert there.get("k") == (0, b"x")
    wait_for(lambda: here.get("k") is None and there.get("k") is None, "both are empty", 4)


def test_a_write_without_reply_arrives_too(here_and_there):
    here, there = here_and_there
    for number in range(100):
        here.set(f"quiet-{number}", (0, b"x"), noreply=True)
    here.version()
    keys = [f"quiet-{number}" for number in range(100)]
    wait_for(lambda: len(read_all(there, keys)) == 100, "all hundred are on the peer", 3)


def fill(client, count=1000):
    keys = [f"filled-{number}" for number in range(count)]
    for start in range(0, count, 100):
        values = {key: (0, b"x" * VALUE_BYTES) for key in keys[start : start + 100]}
        assert client.set_many(values) == []
    return keys


@contextlib.contextmanager
def cut(pair):
    """The replication port is cut inside; after it both are in sync again."""
    for node in (pair.a, pair.b):
        node.cut_replication()
    try:
        yield
    finally:
        for node in (pair.a, pair.b):
            node.heal_replication()
    # A pair that was degraded before does not notice a short cut and stays in sync throughout;
    # what was changed during the cut is still on its way then.
    wait_for(pair.is_in_sync, "both in sync after the cut", 30)
    wait_for(pair.has_no_lag, "everything acknowledged after the cut", 30)


def test_after_a_cut_only_what_changed_is_sent(shared_pair):
    shared_pair.wait_until_ready()
    master, standby = shared_pair.roles()
    client, other = shared_pair.client_of(master), shared_pair.client_of(standby)
    keys = fill(client)
    began, sent = time.monotonic(), master.status().bytes_sent
    with cut(shared_pair):
        for key in keys[:20]:
            assert client.set(key, (1, b"y" * VALUE_BYTES))
        for key in keys[20:40]:
            assert client.delete(key)
        assert other.get(keys[0]) == (0, b"x" * VALUE_BYTES)
    found = read_all(other, keys)
    assert found == read_all(client, keys)
    assert len(found) == 980
    assert found[keys[19]] == (1, b"y" * VALUE_BYTES)
    # Twenty values, and twice as much again for tombstones, frames and heartbeats.
    assert master.status().bytes_sent - sent < 3 * 20 * VALUE_BYTES
    assert shared_pair.recorder.changes_since(began) == []


def test_a_cut_delays_writers_once_and_is_reported(shared_pair):
    shared_pair.wait_until_ready(65)
    master, _ = shared_pair.roles()
    client = shared_pair.client_of(master)
    with cut(shared_pair):
        began = time.monotonic()
        for number in range(200):
            assert client.set(f"during-{number}", (0, b"x"))
        took = time.monotonic() - began
        assert not master.status().waits
        assert took < 1.5
    shared_pair.wait_until_ready(65)


def test_the_last_change_wins_when_both_sides_changed_a_key(shared_pair):
    first, second = shared_pair.client_of(shared_pair.a), shared_pair.client_of(shared_pair.b)
    for key in ("written-twice", "written-then-deleted", "deleted-then-written"):
        first.set(key, (0, b"before"))
    with cut(shared_pair):
        first.set("written-twice", (0, b"first"))
        first.set("written-then-deleted", (0, b"first"))
        second.delete("deleted-then-written")
        time.sleep(0.05)
        second.set("written-twice", (0, b"second"))
        second.delete("written-then-deleted")
        first.set("deleted-then-written", (0, b"second"))
    for client in (first, second):
        assert client.get("written-twice") == (0, b"second")
        assert client.get("written-then-deleted") is None
        assert client.get("deleted-then-written") == (0, b"second")


def test_a_flush_during_a_cut_does_not_come_undone(shared_pair):
    master, standby = shared_pair.roles()
    client, other = shared_pair.client_of(master), shared_pair.client_of(standby)
    keys = fill(client, 200)
    with cut(shared_pair):
        assert client.flush_all() is True
        client.set("after-the-flush", (0, b"x"))
    assert read_all(client, keys) == read_all(other, keys) == {}
    assert other.get("after-the-flush") == (0, b"x")


def test_a_host_that_starts_empty_gets_everything(shared_pair):
    master, standby = shared_pair.roles()
    client = shared_pair.client_of(master)
    keys = fill(client)
    client.delete(keys[0])
    standby.kill9()
    client.delete(keys[1])
    standby.start()
    shared_pair.wait_for_return(standby)
    other = shared_pair.client_of(standby)
    assert read_all(other, keys) == read_all(client, keys)
    assert len(read_all(other, keys)) == 998
    assert other.gets(keys[2]) == client.gets(keys[2])


def test_without_waiting_for_the_peer_everything_still_arrives(binary, privileged):
    with Pair({"replication": {"acknowledge": "local"}}) as pair:
        pair.start()
        client, other = pair.client_of(pair.a), pair.client_of(pair.b)
        keys = fill(client)
        wait_for(lambda: len(read_all(other, keys)) == 1000, "all are on the peer", 5)
