"""Clients, good and bad, and what the system says about the server that bears them."""

import contextlib
import socket
import struct
import threading
from pathlib import Path

# No test waits this long unless something hangs.
HANG_SECONDS = 60

KIB = 1024
MIB = 1024 * 1024

# The largest value, with room for a key of 250 bytes: 1 MiB is the size of the whole item.
VALUE_BYTES = MIB - 512


def connect(server):
    """A raw connection."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=HANG_SECONDS)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def read_to_end(client):
    """Everything until the server closes."""
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while piece := client.recv(MIB):
            received += piece
    return bytes(received)


def read_until(client, ending):
    """Everything up to and including `ending`."""
    received = bytearray()
    while not received.endswith(ending):
        piece = client.recv(MIB)
        assert piece, f"closed after {bytes(received[-200:])!r}"
        received += piece
    return bytes(received)


def say_all(server, data):
    """What a new connection answers to `data` and the end of its input, until it is closed."""
    with connect(server) as client:
        sender = threading.Thread(target=_send_and_finish, args=(client, data), daemon=True)
        sender.start()
        answer = read_to_end(client)
        sender.join(HANG_SECONDS)
        assert not sender.is_alive(), "the server neither reads nor closes"
        return answer


def _send_and_finish(client, data):
    # The server may hang up half way.
    with contextlib.suppress(OSError):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)


def send_until_stuck(client, data):
    """Send without ever reading until the server takes no more; returns how much it took."""
    client.settimeout(1)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < len(data):
            sent += client.send(data[sent : sent + 256 * KIB])
    client.settimeout(HANG_SECONDS)
    return sent


def packet(opcode, key=b"", extras=b"", value=b"", **lengths):
    """A binary request whose header may say other lengths than the packet has."""
    key_length = lengths.get("key_length", len(key))
    extras_length = lengths.get("extras_length", len(extras))
    body_length = lengths.get("body_length", len(extras) + len(key) + len(value))
    header = struct.pack(
        ">BBHBBHIIQ", 0x80, opcode, key_length, extras_length, 0, 0, body_length, 7, 0
    )
    return header + extras + key + value


def status_of(answer):
    """The status of the first binary response."""
    return struct.unpack_from(">H", answer, 6)[0]


def resident_bytes(server):
    """Resident memory of the server and its children."""
    return _resident(server.process.pid)


def _resident(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    own = next((int(line.split()[1]) * KIB for line in lines if line.startswith("VmRSS:")), 0)
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(word) for task in tasks for word in (task / "children").read_text().split()]
    return own + sum(_resident(child) for child in children)


class Bystander:
    """A client that does nothing special and expects to be served."""

    def __init__(self, server):
        self.socket = connect(server)
        self.count = 0

    def is_served(self, rounds=50):
        """Write and read so many values; an answer that is missing or wrong fails."""
        for _ in range(rounds):
            self.count += 1
            value = str(self.count).encode()
            self.socket.sendall(b"set bystander 0 60 %d\r\n%s\r\n" % (len(value), value))
            assert read_until(self.socket, b"\r\n") == b"STORED\r\n"
            self.socket.sendall(b"get bystander\r\n")
            expected = b"VALUE bystander 0 %d\r\n%s\r\nEND\r\n" % (len(value), value)
            assert read_until(self.socket, b"END\r\n") == expected
        return True

    def close(self):
        """Leave."""
        self.socket.close()
