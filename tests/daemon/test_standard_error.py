"""Standard error that cannot be written: lines are lost, nothing else."""

import contextlib
import os
import subprocess
import sys

import pytest
from server import BINARY, children, is_running, wait_until

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


@contextlib.contextmanager
def _listening(command):
    listener = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert listener.stdout.readline() == "ready\n"
        yield listener
    finally:
        listener.kill()
        listener.wait()
