"""What only pymemcache offers: no replies, pools, several servers, raw commands."""

import threading

import pytest
from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient

from servers import ADDRESS, Server


@pytest.fixture
def client(server):
    """A client that does not wait for answers where it need not, as pymemcache does by default."""
    made = Client((ADDRESS, server.port), timeout=3)
    made.flush_all(noreply=False)
    yield made
    made.close()


def test_commands_without_reply_are_done_in_their_order(client):
    client.set("count", b"1")
    for _ in range(2000):
        client.incr("count", 1, noreply=True)
    client.append("count", b"0")
    client.prepend("count", b"1")
    client.add("count", b"never")
    client.replace("void", b"never")
    client.delete("void")
    client.touch("count", 100)
    assert client.get("count") == b"120010"
    assert client.get("void") is None


def test_raw_commands(client):
    client.set("key", b"value", noreply=False)
    assert client.raw_command("gat 100 key nothing", b"END\r\n") == b"VALUE key 0 5\r\nvalue\r\n"
    assert client.raw_command("mg key s v", b"value\r\n") == b"VA 5 s5\r\n"
    assert client.raw_command("mn") == b"MN"


def test_the_version_is_a_memcached_version(client):
    major, minor, *_ = client.version().split(b".")
    assert (major, minor) == (b"1", b"6")


def test_a_pool_of_connections_serves_many_threads(server):
    pool = PooledClient((ADDRESS, server.port), max_pool_size=20, timeout=3, default_noreply=False)
    pool.flush_all()
    pool.set("total", b"0")
    threads = [
        threading.Thread(target=lambda: [pool.incr("total", 1) for _ in range(100)])
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pool.get("total") == b"2000"
    pool.close()


def test_a_client_of_two_servers_finds_all_keys(server):
    with Server(server.kind) as second:
        client = HashClient([server.name, second.name], timeout=3, default_noreply=False)
        client.flush_all()
        values = {f"key{n}": b"value of %d" % n for n in range(200)}
        assert client.set_many(values) == []
        assert client.get_many(list(values)) == values
        client.close()
