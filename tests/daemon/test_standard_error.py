"""Standard error that cannot be written, or that nobody reads: lines are lost, nothing else."""

import contextlib
import os
import select
import subprocess
import sys
import time

import pytest
from server import BINARY, children, free_port, is_running, wait_until

VRRP_ALONE = """
vrrp:
  interface: eth0
  virtual_router_id: 77
  virtual_addresses: [10.78.0.100/32]
"""

# Prints the priority of each advertisement that leaves eth0, from its other end.
PRIORITIES = """
import socket
heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
heard.bind(("other", 0))
print("ready", flush=True)
while True:
    frame = heard.recv(2048)
    if frame[23] == 112:
        print(frame[36], flush=True)
"""


def _full_disk():
    return open("/dev/full", "wb")


def _pipe_without_a_reader():
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "wb", buffering=0)


unwritable = pytest.mark.parametrize("unwritable", [_full_disk, _pipe_without_a_reader])


@unwritable
def test_a_server_that_cannot_write_its_log_serves_on(start, unwritable):
    with unwritable() as standard_error:
        server = start("-vv", standard_error=standard_error)
    client = server.connect()
    assert client.say("set a 0 0 1\r\nx\r\n") == "STORED"
    assert client.say("get a\r\n", 3) == ["VALUE a 0 1", "x", "END"]
    assert server.stop() == 0


@unwritable
def test_a_server_that_loses_its_peer_and_cannot_say_so_serves_on(start, unwritable):
    with unwritable() as standard_error:
        server = start("-x", "127.0.0.1", "-X", "1", standard_error=standard_error)
    assert server.connect().say("set a 0 0 1\r\nx\r\n") == "STORED"
    assert server.stop() == 0


@unwritable
def test_a_command_that_cannot_say_what_is_wrong_keeps_its_exit_code(directory, unwritable):
    with unwritable() as standard_error:
        status = subprocess.run(
            [BINARY, "--no-such-flag"],
            stderr=standard_error,
            cwd=directory,
            timeout=20,
            check=False,
        )
    assert status.returncode == 64


@unwritable
def test_a_guard_that_cannot_write_still_says_farewell(namespace, start, directory, unwritable):
    (directory / "vrrp.yaml").write_text(VRRP_ALONE)
    inside = ("ip", "netns", "exec", namespace)
    with unwritable() as standard_error:
        server = start(
            "--config",
            directory / "vrrp.yaml",
            wrapper=inside,
            standard_error=standard_error,
            wait=False,
        )
    with _listening([*inside, sys.executable, "-c", PRIORITIES]) as listener:
        priority = int(listener.stdout.readline())
        assert priority == 240, "it is master"
        (guard,) = children(server.pid)
        server.process.kill()
        while priority == 240:
            priority = int(listener.stdout.readline())
        assert priority == 0
    wait_until(lambda: not is_running(guard), what="the guard has ended")


class Stalled:
    """A pipe that is full, and whose reader is there and does not read."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.writer, b"." * 4096)
        os.set_blocking(self.writer, True)

    def read_until(self, wanted, seconds=10):
        """Read on until that was heard; returns everything but the filling."""
        heard = b""
        end = time.monotonic() + seconds
        while wanted not in heard:
            ready, _, _ = select.select([self.reader], [], [], max(0, end - time.monotonic()))
            assert ready, f"{wanted}: not within {seconds} s: {heard.strip(b'.')[-2000:]}"
            heard += os.read(self.reader, 65536)
        return heard.lstrip(b".").decode()

    def close(self):
        """Both ends."""
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def stalled():
    pipe = Stalled()
    yield pipe
    pipe.close()


def test_a_server_whose_log_nobody_reads_serves_leaves_and_says_it_later(start, stalled):
    server = start("-vvv", "-t", "1", standard_error=stalled.writer)
    client = server.connect()
    # At this level there is a line or more for each connection.
    for _ in range(100):
        other = server.connect()
        assert other.say("set a 0 0 1\r\nx\r\n") == "STORED"
        other.close()
    assert client.say("get a\r\n", 3) == ["VALUE a 0 1", "x", "END"]
    assert "INFO" in stalled.read_until(b"INFO")


def test_a_server_whose_log_nobody_reads_ends_within_a_second_or_so(start, stalled):
    server = start("-x", "127.0.0.1", "-X", free_port(), standard_error=stalled.writer)
    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < 3


def test_a_start_that_fails_where_nobody_reads_ends_too_and_where_somebody_does_says_why(
    start, stalled, directory
):
    running = start()
    second = start(port=running.port, standard_error=stalled.writer, wait=False)
    assert second.process.wait(timeout=5) == 1
    third = start(port=running.port, standard_error=subprocess.PIPE, wait=False)
    _, said = third.process.communicate(timeout=5)
    assert b"the port is in use" in said


def test_a_node_whose_log_nobody_reads_keeps_its_address(namespace, start, directory, stalled):
    peer = free_port()
    pair = f"replication:\n  listen: 127.0.0.1:{peer}\n  peer: 127.0.0.1:1\n"
    (directory / "vrrp.yaml").write_text(VRRP_ALONE + pair)
    inside = ("ip", "netns", "exec", namespace)
    server = start(
        "--config",
        directory / "vrrp.yaml",
        "-vv",
        wrapper=inside,
        standard_error=stalled.writer,
        wait=False,
    )
    with _listening([*inside, sys.executable, "-c", PRIORITIES]) as listener:
        for _ in range(5):
            assert int(listener.stdout.readline()) > 0, "it advertises as master"
        (guard,) = children(server.pid)
        server.process.kill()
        priority = None
        while priority != 0:
            priority = int(listener.stdout.readline())
        wait_until(lambda: not is_running(guard), 5, "the guard has ended")
    shown = subprocess.run(
        [*inside, "ip", "-br", "address"], capture_output=True, text=True, check=True
    ).stdout
    assert "10.78.0.100" not in shown


@contextlib.contextmanager
def _listening(command):
    listener = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert listener.stdout.readline() == "ready\n"
        yield listener
    finally:
        listener.kill()
        listener.wait()
