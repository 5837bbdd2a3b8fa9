"""Connections that ask for much, read nothing, or are very many: the others go on."""

import contextlib
import threading

import pytest
from peers import (
    HANG_SECONDS,
    KIB,
    MIB,
    VALUE_BYTES,
    connect,
    read_until,
    resident_bytes,
    say_all,
    send_until_stuck,
)
from servers import eventually


def store(server, key, value):
    """Store one value."""
    with connect(server) as client:
        client.sendall(b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value))
        assert read_until(client, b"\r\n") == b"STORED\r\n"


def test_a_get_of_100_000_keys_is_answered_whole(server, bystander):
    store(server, b"a", b"1")
    store(server, b"b", b"22")
    answer = say_all(server, b"get " + b"a absent b " * 33_334 + b"\r\nmn\r\n")
    one_round = b"VALUE a 0 1\r\n1\r\nVALUE b 0 2\r\n22\r\n"
    assert answer == one_round * 33_334 + b"END\r\nMN\r\n"
    assert bystander.is_served()


@pytest.mark.parametrize("value_bytes", [1, 1000, VALUE_BYTES])
def test_a_get_of_a_million_keys_that_nobody_reads_stops_being_read(ours, bystander, value_bytes):
    store(ours, b"k", b"v" * value_bytes)
    request = b"get " + b"k " * 1_000_000 + b"\r\n"
    assert bystander.is_served()
    before = resident_bytes(ours)
    with connect(ours) as client:
        sent = send_until_stuck(client, request * 20)
        assert sent < len(request) * 20
        assert bystander.is_served(500)
        assert resident_bytes(ours) - before < 8 * MIB
    assert bystander.is_served()


def test_slow_readers_of_large_values_cost_little_and_lose_nothing(ours, bystander):
    readers, rounds = 20, 50
    value = bytes(range(256)) * (VALUE_BYTES // 256)
    store(ours, b"large", value)
    before = resident_bytes(ours)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(ours)) for _ in range(readers)]
        for client in clients:
            client.sendall(b"get large\r\n" * rounds)
        assert bystander.is_served(500)
        # Each may have one answer, and what was begun before it, on its way.
        assert resident_bytes(ours) - before < readers * 2 * MIB + 8 * MIB
        expected = b"VALUE large 0 %d\r\n%s\r\nEND\r\n" % (len(value), value)
        for client in clients[::5]:
            received = bytearray()
            while len(received) < rounds * len(expected):
                received += client.recv(MIB)
            assert received == expected * rounds
            assert bystander.is_served()
    assert bystander.is_served()


def test_large_values_half_sent_cost_their_bytes_and_no_more(ours, bystander):
    writers = 20
    value = b"w" * VALUE_BYTES
    before = resident_bytes(ours)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(ours)) for _ in range(writers)]
        for number, client in enumerate(clients):
            client.sendall(b"set large%d 0 0 %d\r\n" % (number, len(value)))
            client.sendall(value[: VALUE_BYTES // 2])
        assert bystander.is_served(500)
        # A buffer grows by doubling.
        assert resident_bytes(ours) - before < writers * MIB + 8 * MIB
        for client in clients:
            client.sendall(value[VALUE_BYTES // 2 :] + b"\r\n")
            assert read_until(client, b"\r\n") == b"STORED\r\n"
    assert bystander.is_served()


def test_while_large_values_are_written_without_pause_others_are_answered(server, bystander):
    value = b"w" * VALUE_BYTES
    stop, stored = threading.Event(), []

    def write(number):
        request = b"set large%d 0 0 %d\r\n%s\r\n" % (number, len(value), value)
        with connect(server) as client:
            while not stop.is_set():
                client.sendall(request)
                assert read_until(client, b"\r\n") == b"STORED\r\n"
                stored.append(number)

    writers = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(4)]
    for writer in writers:
        writer.start()
    try:
        assert bystander.is_served(1000)
    finally:
        stop.set()
        for writer in writers:
            writer.join(HANG_SECONDS)
    assert not any(writer.is_alive() for writer in writers)
    assert stored


def test_a_pipeline_that_is_never_read_stops_being_executed(ours, bystander):
    before = resident_bytes(ours)
    requests = b"version\r\nset p 0 0 1\r\nx\r\nget p\r\nmn\r\nbogus\r\n" * 500_000
    with connect(ours) as client:
        assert send_until_stuck(client, requests) < len(requests)
        assert bystander.is_served(500)
        assert resident_bytes(ours) - before < 8 * MIB


def connect_many(server, count, stack):
    """So many connections, each of which the server has seen."""
    clients = []
    for _ in range(count):
        clients.append(stack.enter_context(connect(server)))
    return clients


@pytest.mark.usefixtures("many_files")
def test_ten_thousand_idle_connections_cost_less_than_6_kib_each(start):
    count, most = 10_000, 6 * KIB
    server = start("twincached", "-c", "12000", "-t", "4")
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(connect(server))

        def connected():
            first.sendall(b"stats\r\n")
            lines = read_until(first, b"END\r\n").split(b"\r\n")
            word = b"STAT curr_connections "
            return next(int(line[len(word) :]) for line in lines if line.startswith(word))

        eventually(lambda: connected() == 1, "the connection that tried the port is gone")
        before = resident_bytes(server)
        clients = connect_many(server, count, stack)
        eventually(lambda: connected() == count + 1, "all are accepted", HANG_SECONDS)
        each = (resident_bytes(server) - before) / count
        assert each < most, f"{each:.0f} bytes before the first request"
        value = b"v" * 10_000
        for client in clients:
            client.sendall(b"set k 0 0 10000\r\n%s\r\nget k\r\n" % value)
        for client in clients:
            read_until(client, b"END\r\n")
        each = (resident_bytes(server) - before) / count
        assert each < most, f"{each:.0f} bytes after a request each"
    # All are gone: the next one is served.
    with connect(server) as client:
        client.sendall(b"version\r\n")
        assert read_until(client, b"\r\n").startswith(b"VERSION ")


@pytest.mark.parametrize("kind", ["twincached", "memcached"])
def test_a_connection_beyond_the_limit_is_told_so_and_closed(start, kind):
    server = start(kind, "-c", "50", "-t", "2")
    refusal = b"ERROR Too many open connections\r\n"
    with contextlib.ExitStack() as stack:
        served, refused = [], 0
        for _ in range(70):
            client = stack.enter_context(connect(server))
            with contextlib.suppress(ConnectionError):
                client.sendall(b"mn\r\n")
            answer = client.recv(4096)
            if answer == b"MN\r\n":
                served.append(client)
                continue
            # The reset that follows unread input may have overtaken the text.
            assert refusal.startswith(answer)
            refused += 1
        # memcached counts its own descriptors too.
        most = 50 if kind == "twincached" else 49
        assert 30 <= len(served) <= most
        assert refused == 70 - len(served)
        for client in served:
            client.sendall(b"mn\r\n")
            assert client.recv(4096) == b"MN\r\n"
        with connect(server) as client:
            assert client.recv(4096) == refusal
            assert client.recv(4096) == b""
        served.pop().close()
        eventually(lambda: is_served(server), "a place that became free is given away")


def is_served(server):
    """Whether a new connection is accepted."""
    with connect(server) as client, contextlib.suppress(ConnectionError):
        client.sendall(b"mn\r\n")
        return client.recv(4096) == b"MN\r\n"
    return False
