"""More clients than connections or open files: they are told, counted, and the log stays readable."""

import socket
import subprocess
import time
from pathlib import Path

from server import Client, wait_until

TOO_MANY = "ERROR Too many open connections"


def limited(soft, hard):
    """What a shell with `ulimit -n` starts, without the privilege to go beyond."""
    nofile = f"--nofile={soft}:{hard}"
    return ("setpriv", "--bounding-set", "-sys_resource", "prlimit", nofile)


def lines(server, words):
    """Log lines that hold these words."""
    return [line for line in server.log().splitlines() if words in line]


def figures(client):
    """`stats` as a dictionary."""
    client.send("stats\r\n")
    return dict(line.split(" ")[1:3] for line in iter(client.line, "END"))


def test_clients_beyond_the_limit_of_open_files_are_told_and_counted(start):
    server = start("-t", "1", wrapper=limited(64, 64))
    assert lines(server, "the limit of open files, 64, leaves room for 20 connections instead of")
    first = server.connect()
    wait_until(lambda: figures(first)["curr_connections"] == "1", what="only it is connected")
    clients = [server.connect() for _ in range(99)]
    answers = [client.say("version\r\n")[:31] for client in clients[:19]]
    assert {answer[:8] for answer in answers} == {"VERSION "}
    assert {client.line() for client in clients[19:]} == {TOO_MANY}
    seen = figures(first)
    assert (seen["max_connections"], seen["rejected_connections"]) == ("20", "80")
    assert len(lines(server, "all 20 connections are in use")) == 1
    clients[0].close()
    wait_until(lambda: figures(first)["curr_connections"] == "19", what="one has left")
    assert server.connect().say("version\r\n").startswith("VERSION ")


def test_the_limit_of_open_files_is_raised_to_what_c_needs(start):
    server = start("-t", "1", "-c", "1000", wrapper=limited(64, 4096))
    limits = Path(f"/proc/{server.pid}/limits").read_text().splitlines()
    (files,) = [line.split() for line in limits if line.startswith("Max open files")]
    assert files[3:5] == ["1044", "4096"]
    assert lines(server, "the limit of open files") == []


def test_a_server_out_of_files_says_so_once_and_goes_on_when_there_are_some(start):
    server = start("-t", "1")
    client = server.connect()
    assert client.say("version\r\n").startswith("VERSION ")
    open_files = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
    _set_limit(server, open_files)
    waiting = server.connect()
    wait_until(lambda: lines(server, "cannot accept a connection"), what="it is told")
    # Attempts are 10 ms apart.
    time.sleep(0.5)
    assert len(lines(server, "cannot accept a connection")) == 1
    seen = figures(client)
    assert (seen["listen_disabled_num"], seen["accepting_conns"]) == ("1", "0")
    _set_limit(server, 1024)
    assert waiting.say("version\r\n").startswith("VERSION ")
    wait_until(lambda: figures(client)["accepting_conns"] == "1", what="it accepts again")


def test_the_limit_of_connections_holds_on_a_unix_socket_and_the_log_names_the_socket(
    start, directory
):
    server = start("-s", "socket", "-c", "1", wait=False)
    wait_until(lambda: lines(server, "listening for clients on socket"), what="it listens")
    path = str(directory / "socket")
    first, second = (Client(socket.AF_UNIX, path) for _ in range(2))
    server.clients += [first, second]
    assert first.say("version\r\n").startswith("VERSION ")
    assert second.line() == TOO_MANY
    assert figures(first)["rejected_connections"] == "1"


def _set_limit(server, files):
    command = ["prlimit", "--pid", str(server.pid), f"--nofile={files}:"]
    subprocess.run(command, check=True, capture_output=True)
