"""Five Python clients through the same operations, on twincached and on memcached."""

import random
import threading
import time

import pytest

from conftest import skip_or_fail
from python_clients import CLIENTS, missing
from servers import eventually

KIB = 1024
# memcached counts key and header of an item into its limit of one mebibyte.
LARGEST = 1024 * KIB - 300
MONTHS_AHEAD = 90 * 24 * 3600


def having(operation):
    """The clients that offer an operation."""
    return pytest.mark.parametrize(
        "kind", [kind for kind in CLIENTS if operation not in kind.lacks], ids=lambda k: k.name
    )


every_client = having("everything")


@pytest.fixture
def connect(server):
    """Makes clients of a kind, which are closed at the end."""
    made = []

    def make(kind):
        reason = missing(kind)
        if reason:
            skip_or_fail(reason)
        made.append(kind(server.port))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(connect, kind):
    """A client of the kind that the test is about, at an empty server."""
    made = connect(kind)
    made.flush()
    return made


def noise(size, seed=1):
    """Bytes that no client can compress."""
    return random.Random(seed).randbytes(size)


@every_client
@pytest.mark.parametrize(
    "value",
    [b"x", b"", b"\r\nEND\r\n", bytes(range(256)), b"VALUE a 0 1\r\nx\r\nEND\r\n" * 9],
    ids=["short", "empty", "line-ends", "all-bytes", "an-answer"],
)
def test_a_value_comes_back(client, value):
    assert client.set("key", value)
    assert client.get("key") == value


@every_client
def test_a_key_may_have_250_bytes(client):
    key = "k" * 250
    assert client.set(key, b"x")
    assert client.get(key) == b"x"
    assert client.get_many([key]) == {key: b"x"}


@every_client
def test_nothing_is_found_where_nothing_is(client):
    assert client.get("nothing") is None
    assert client.get_many(["nothing", "void"]) == {}


@every_client
def test_add_stores_only_where_nothing_is(client):
    assert client.add("key", b"first")
    assert not client.add("key", b"second")
    assert client.get("key") == b"first"


@every_client
def test_replace_stores_only_where_something_is(client):
    assert not client.replace("key", b"first")
    assert client.get("key") is None
    client.set("key", b"first")
    assert client.replace("key", b"second")
    assert client.get("key") == b"second"


@having("append")
def test_append_and_prepend_extend_a_value(client):
    assert not client.append("key", b"x")
    assert not client.prepend("key", b"x")
    client.set("key", b"middle")
    assert client.append("key", b"-end")
    assert client.prepend("key", b"start-")
    assert client.get("key") == b"start-middle-end"


@every_client
def test_counters_count(client):
    client.set("count", b"10")
    assert client.incr("count", 5) == 15
    assert client.decr("count", 6) == 9
    assert client.decr("count", 100) == 0
    assert client.incr("count", 2_000_000_000) == 2_000_000_000
    # memcached leaves spaces behind a number that became shorter.
    assert client.get("count").strip() == b"2000000000"
    client.set("count", b"9223372036854775000")
    assert client.incr("count", 807) == 9223372036854775807
    assert client.incr("nothing", 1) is None
    assert client.decr("nothing", 1) is None


@every_client
def test_a_deleted_key_is_gone(client):
    client.set("key", b"x")
    assert client.delete("key")
    assert client.get("key") is None
    assert client.add("key", b"y")


@every_client
def test_flush_forgets_everything(client):
    client.set_many({f"key{n}": b"x" for n in range(50)})
    client.flush()
    assert client.get_many([f"key{n}" for n in range(50)]) == {}
    assert client.set("key0", b"y")
    assert client.get("key0") == b"y"


@every_client
def test_a_thousand_keys_in_one_request(client):
    values = {f"key{n}": noise(n % 90 + 1, n) for n in range(1000)}
    assert client.set_many(values)
    wanted = [*values, *(f"nothing{n}" for n in range(500))]
    random.Random(1).shuffle(wanted)
    assert client.get_many(wanted) == values
    client.delete_many([key for n, key in enumerate(values) if n % 2])
    assert client.get_many(wanted) == {key: values[key] for key in list(values)[::2]}


@every_client
@pytest.mark.parametrize("size", [1, 1023, 16 * KIB, 64 * KIB + 1, 512 * KIB, LARGEST])
def test_a_value_of_any_size_comes_back(client, size):
    value = noise(size)
    assert client.set("large", value)
    assert client.get("large") == value
    assert client.set("large", value[::-1])
    assert client.get("large") == value[::-1]


@every_client
def test_many_large_values_in_one_request(client):
    values = {f"large{n}": noise(900 * KIB, n) for n in range(8)}
    assert client.set_many(values)
    assert client.get_many(list(values)) == values


@every_client
def test_a_value_above_the_limit_is_refused_and_the_next_command_works(client, kind):
    client.set("large", b"small")
    try:
        # python-memcached sends nothing that it expects to be refused.
        stored = client.set("large", noise(1024 * KIB + 1))
    except Exception as refused:
        stored = False
        print(f"{kind.name} says {refused!r}")
    assert not stored
    assert eventually(lambda: client.set("other", b"x"), "the client works again")
    assert client.get("other") == b"x"
    # The old value went with the refused one, unless nothing was ever sent.
    kept = kind.name == "python-memcached"
    assert client.get("large") == (b"small" if kept else None)


@every_client
def test_cas_stores_only_what_nobody_changed(connect, client, kind):
    client.set("key", b"1")
    value, token = client.gets("key")
    assert value == b"1"
    other = connect(kind)
    assert other.set("key", b"2")
    assert not client.cas("key", b"3", token)
    assert client.get("key") == b"2"
    value, token = client.gets("key")
    assert client.cas("key", b"3", token)
    assert not client.cas("key", b"4", token)
    assert client.get("key") == b"3"


@every_client
def test_cas_stores_nothing_where_nothing_is(client):
    client.set("key", b"1")
    _, token = client.gets("key")
    client.delete("key")
    assert not client.cas("key", b"2", token)
    assert client.get("key") is None


@every_client
def test_cas_loops_of_four_clients_lose_nothing(connect, client, kind):
    client.set("total", b"0")
    failures = []

    def count(mine):
        try:
            for _ in range(25):
                stored = False
                while not stored:
                    value, token = mine.gets("total")
                    stored = mine.cas("total", b"%d" % (int(value) + 1), token)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=count, args=(connect(kind),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert client.get("total") == b"100"


@every_client
def test_a_value_expires(client):
    assert client.set("short", b"x", 2)
    assert client.set("long", b"y", 100)
    assert client.set("dated", b"z", int(time.time()) + MONTHS_AHEAD)
    assert client.get("short") == b"x"
    eventually(lambda: client.get("short") is None, "the value of two seconds is gone")
    assert client.get("long") == b"y"
    assert client.get("dated") == b"z"
    assert client.add("short", b"again")


@every_client
def test_a_date_of_yesterday_is_the_past(client):
    assert client.set("key", b"x", int(time.time()) - 24 * 3600)
    assert client.get("key") is None


@having("touch")
def test_touch_sets_another_life(client):
    client.set("longer", b"x", 2)
    client.set("shorter", b"y", 100)
    assert client.touch("longer", 100)
    assert client.touch("shorter", 1)
    assert not client.touch("nothing", 100)
    eventually(lambda: client.get("shorter") is None, "the value of one second is gone")
    time.sleep(1.1)
    assert client.get("longer") == b"x"


@every_client
def test_the_client_works_again_after_a_restart_of_the_server(server, client):
    assert client.set("key", b"before")
    server.restart()
    eventually(lambda: stores(client, b"after"), "the client works again")
    assert client.get("key") == b"after"


@every_client
def test_the_client_reports_no_success_while_no_server_runs(server, client):
    assert client.set("key", b"before")
    server.stop()
    try:
        assert not stores(client, b"lost")
        assert not stores(client, b"lost")
    finally:
        server.start()
    eventually(lambda: stores(client, b"after"), "the client works again")
    assert client.get_many(["key", "nothing"]) == {"key": b"after"}


def stores(client, value):
    """Whether a set succeeds; a failure of the client is a no."""
    try:
        return client.set("key", value)
    except Exception as failure:
        print(repr(failure))
        client.recover()
        return False


@every_client
def test_the_general_statistics_count(client):
    before = client.stats()
    client.set("key", b"x")
    client.get("key")
    client.get("nothing")
    after = client.stats()
    grown = {name: int(after[name]) - int(before[name]) for name in ("cmd_set", "get_misses")}
    assert grown == {"cmd_set": 1, "get_misses": 1}
    assert int(after["get_hits"]) == int(before["get_hits"]) + 1
    assert int(after["curr_items"]) >= 1
