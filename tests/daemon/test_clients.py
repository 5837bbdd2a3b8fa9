"""-B, -C, -F, -R, -c, -A, -o: what clients notice of the flags."""

import contextlib
import socket

from server import Client, wait_until

BINARY_VERSION = b"\x80\x0b" + b"\0" * 22


def test_ascii_alone_does_not_understand_binary(start):
    client = start("-B", "ascii").connect()
    assert client.say(BINARY_VERSION + b"\r\n") == "ERROR"
    assert client.say("get a\r\n") == "END"


def test_binary_alone_closes_on_text(start):
    server = start("-B", "binary")
    client = server.connect()
    assert client.say("get a\r\n") == ""
    client = server.connect()
    client.send(BINARY_VERSION)
    assert client.file.read(24)[:4] == b"\x81\x0b\0\0"


def test_without_cas_every_token_is_0(start):
    client = start("-C").connect()
    assert client.say("set a 0 0 1\r\nx\r\n") == "STORED"
    assert client.say("gets a\r\n", 3) == ["VALUE a 0 1 0", "x", "END"]
    assert client.say("cas a 0 0 1 0\r\ny\r\n") == "EXISTS"


def test_flush_may_be_forbidden(start):
    client = start("-F").connect()
    assert client.say("flush_all\r\n") == "CLIENT_ERROR flush_all not allowed"


def test_one_client_too_many_is_told_so(start):
    server = start("-c", "1")
    first = wait_until(lambda: _served(server), what="the probe of the start has gone")
    second = server.connect()
    assert second.line() == "ERROR Too many open connections"
    assert second.line() == ""
    first.close()


def _served(server):
    """A connection that is served, or `None`."""
    client = server.connect()
    with contextlib.suppress(OSError):
        if client.say("mn\r\n") == "MN":
            return client
    return None


def _stat(server, name):
    client = server.connect()
    client.send("stats\r\n")
    while (line := client.line()) not in ("END", ""):
        if line.startswith(f"STAT {name} "):
            client.close()
            return line.split()[2]
    client.close()
    return None


def test_without_maxconns_fast_one_client_too_many_waits(start):
    server = start("-c", "1", "-o", "no_maxconns_fast")
    first = server.connect()
    assert first.say("mn\r\n") == "MN"
    second = server.connect()
    second.socket.settimeout(0.3)
    second.send("mn\r\n")
    try:
        second.socket.recv(1)
        raise AssertionError("the second client was answered")
    except TimeoutError:
        pass
    first.close()
    second.socket.settimeout(10)
    assert second.socket.recv(10) == b"MN\r\n"


def test_an_idle_connection_is_closed(start):
    client = start("-o", "idle_timeout=1").connect()
    assert client.say("mn\r\n") == "MN"
    assert client.line() == ""


def test_a_client_with_many_requests_gives_way_and_gets_all_answers(start):
    server = start("-t", "1", "-R", "3")
    client = server.connect()
    client.send("set a 0 0 1\r\nx\r\n" + "get a\r\n" * 999)
    answers = client.say("", 1 + 3 * 999)
    assert answers[0] == "STORED"
    assert answers[1:] == ["VALUE a 0 1", "x", "END"] * 999
    assert int(_stat(server, "conn_yields")) > 100


def test_silent_requests_give_way_too(start):
    client = start("-t", "1", "-R", "1").connect()
    client.send("set a 0 0 1 noreply\r\nx\r\n" * 500)
    assert client.say("get a\r\n", 3) == ["VALUE a 0 1", "x", "END"]


def test_shutdown_ends_the_server_in_order(start, directory):
    server = start("-A", "-P", "pid")
    client = server.connect()
    client.send("shutdown\r\n")
    assert server.process.wait(timeout=10) == 0
    assert not (directory / "pid").exists()


def test_shutdown_is_refused_without_the_flag(start):
    server = start()
    client = server.connect()
    assert client.say("shutdown\r\n") == "ERROR: shutdown not enabled"
    assert client.say("mn\r\n") == "MN"


def test_the_unix_socket_serves(start, directory):
    server = start("-s", "socket", wait=False)
    path = directory / "socket"
    wait_until(path.exists)
    def connected():
        try:
            return Client(socket.AF_UNIX, str(path))
        except ConnectionRefusedError:
            return None

    client = wait_until(connected)
    server.clients.append(client)
    assert client.say("mn\r\n") == "MN"
