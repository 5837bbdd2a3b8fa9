"""-U: requests over UDP in memcached's frames."""

import contextlib
import os
import socket
import struct
import subprocess
import sys

import pytest
from server import free_port, run, wait_until

SO_RCVBUFFORCE = 33

VRRP_ALONE = """
vrrp:
  interface: eth0
  virtual_router_id: 78
  virtual_addresses: [10.78.0.100/32]
"""

ASK = """
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(2)
# A connected socket takes answers from the address it asked, and from no other.
client.connect((sys.argv[1], int(sys.argv[2])))
client.send(bytes([0, 1, 0, 0, 0, 1, 0, 0]) + sys.argv[3].encode() + bytes([13, 10]))
print(client.recv(2000)[8:].decode().strip())
"""


class Datagrams:
    """A client over UDP."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(5)
        # Beyond the system's limit, where root runs the tests: a full buffer loses datagrams.
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self.socket.connect(("127.0.0.1", port))
        self.request = 0

    def send(self, payload, total=1):
        """Send a request and return its id."""
        self.request += 1
        self.socket.send(struct.pack(">HHHH", self.request, 0, total, 0) + payload)
        return self.request

    def ask(self, payload, total=1):
        """Send a request and return its whole answer."""
        request = self.send(payload, total)
        pieces = {}
        while True:
            datagram = self.socket.recv(65536)
            assert len(datagram) <= 1400
            found, number, count, reserved = struct.unpack(">HHHH", datagram[:8])
            assert (found, reserved) == (request, 0)
            pieces[number] = datagram[8:]
            if len(pieces) == count:
                return b"".join(pieces[number] for number in range(count))


@pytest.fixture
def client(start):
    """A client of a server with a UDP port."""
    port = free_port()
    server = start("-U", port)
    client = Datagrams(port)
    client.server = server
    yield client
    client.socket.close()


def test_what_is_set_over_udp_is_there_over_tcp_and_back(client):
    assert client.ask(b"set a 5 0 3\r\nabc\r\n") == b"STORED\r\n"
    assert client.server.connect().say("get a\r\n", 3) == ["VALUE a 5 3", "abc", "END"]
    assert client.ask(b"get a b\r\n") == b"VALUE a 5 3\r\nabc\r\nEND\r\n"
    assert client.ask(b"incr b 1\r\n") == b"NOT_FOUND\r\n"


def test_a_long_answer_comes_in_many_datagrams(client):
    value = os.urandom(15_000).hex()
    over_tcp = client.server.connect()
    assert over_tcp.say(f"set a 0 0 30000\r\n{value}\r\n") == "STORED"
    expected = f"VALUE a 0 30000\r\n{value}\r\nEND\r\n".encode()
    assert client.ask(b"get a\r\n") == expected


def test_an_answer_longer_than_output_is_kept_at_a_time_is_whole(client):
    value = "x" * 200_000
    over_tcp = client.server.connect()
    assert over_tcp.say(f"set a 0 0 200000\r\n{value}\r\n") == "STORED"
    one = b"VALUE a 0 200000\r\n" + value.encode() + b"\r\n"
    if client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < 4 << 20:
        pytest.skip("the receive buffer may not be large enough here")
    assert client.ask(b"get a a a\r\n") == one * 3 + b"END\r\n"
    assert client.ask(b"get a\r\nget a\r\nget a\r\n") == (one + b"END\r\n") * 3


def test_an_answer_beyond_all_bounds_is_refused(client):
    over_tcp = client.server.connect()
    value = "x" * 1_000_000
    assert over_tcp.say(f"set a 0 0 1000000\r\n{value}\r\n") == "STORED"
    answer = client.ask(b"get a a a a a a a a a a\r\n")
    assert answer == b"SERVER_ERROR response too large for UDP\r\n"


def test_binary_requests_are_answered_too(client):
    answer = client.ask(b"\x80\x0b" + b"\0" * 22)
    assert answer[:4] == b"\x81\x0b\0\0"


def test_a_request_in_many_datagrams_is_refused(client):
    answer = client.ask(b"set a 0 0 3\r\n", total=2)
    assert answer == b"SERVER_ERROR multi-packet request not supported\r\n"


def test_what_is_no_request_is_not_answered_and_harms_nobody(client):
    for garbage in (b"", b"\0", b"\0" * 7, b"\0" * 8, b"\0\1\0\0\0\1\0\0", b"\xff" * 3000):
        client.socket.send(garbage)
    client.socket.settimeout(0.2)
    seen = []
    while True:
        try:
            seen.append(client.socket.recv(65536)[8:])
        except TimeoutError:
            break
    assert set(seen) <= {b"SERVER_ERROR multi-packet request not supported\r\n"}
    client.socket.settimeout(5)
    client.send(b"set a 0 0 1 noreply\r\nx\r\n")
    assert client.ask(b"get a\r\n") == b"VALUE a 0 1\r\nx\r\nEND\r\n"


def test_a_change_is_answered_once_the_peer_has_it(start):
    link, port = free_port(), free_port()
    first = start("-U", port, "-x", "127.0.0.1", "-X", link)
    second = start("-x", "127.0.0.1", "-X", link)
    wait_until(lambda: "STAT progress in sync" in _replication(first), what="the pair is in sync")
    client, peer = Datagrams(port), second.connect()
    for number in range(50):
        assert client.ask(f"set k{number} 0 0 1\r\nx\r\n".encode()) == b"STORED\r\n"
        assert peer.say(f"get k{number}\r\n", 3) == [f"VALUE k{number} 0 1", "x", "END"]
    client.socket.close()


def _replication(server):
    client = server.connect()
    client.send("stats replication\r\n")
    lines = []
    while (line := client.line()) != "END":
        lines.append(line)
    client.close()
    return lines


def test_a_udp_port_in_use_is_named(start, directory):
    port = free_port()
    start("-U", port)
    result = run(directory, "-l", "127.0.0.1", "-p", free_port(), "-U", port)
    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: the port is in use" in result.stderr


def test_the_answer_comes_from_the_virtual_address_while_it_is_held(namespace, start, directory):
    (directory / "vrrp.yaml").write_text(VRRP_ALONE)
    port = free_port()
    inside = ("ip", "netns", "exec", namespace)
    flags = ("--config", directory / "vrrp.yaml", "-U", port)
    server = start(*flags, listen="0.0.0.0", wrapper=inside, wait=False)
    wait_until(lambda: "listening for clients" in server.log(), what="the address is claimed")

    def ask(address, line):
        command = [*inside, sys.executable, "-c", ASK, address, str(port), line]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    assert wait_until(lambda: ask("10.78.0.100", "mn")) == "MN"
    assert ask("10.78.0.1", "mn") == "MN"
    assert server.stop() == 0
