"""What a service manager hears (sd_notify), from a stand-in for its socket."""

import ctypes
import http.client
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from server import free_port, process_status, run, wait_until


class Manager:
    """The service manager's end."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        path.chmod(0o777)
        self.socket.settimeout(10)
        self.environment = {"NOTIFY_SOCKET": str(path)}

    def hear(self):
        """The next message."""
        return self.socket.recv(4096).decode().strip()

    def hear_until(self, wanted):
        """Messages up to the one that starts with `wanted`, that one included."""
        heard = []
        while not (heard and heard[-1].startswith(wanted)):
            heard.append(self.hear())
        return heard

    def hear_for(self, seconds):
        """Everything within that time."""
        heard = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                heard.append(self.hear())
            except TimeoutError:
                break
        self.socket.settimeout(10)
        return heard


@pytest.fixture
def manager(directory):
    """A stand-in for systemd."""
    manager = Manager(directory / "notify")
    yield manager
    manager.socket.close()


def test_a_server_says_that_it_is_ready_what_it_is_and_that_it_stops(start, manager):
    server = start(environment=manager.environment, wait=False)
    assert manager.hear() == "READY=1"
    assert manager.hear_until("STATUS=") == ["STATUS=serving"]
    server.connect()
    server.process.send_signal(signal.SIGTERM)
    assert "STOPPING=1" in manager.hear_until("STOPPING=1")
    assert server.process.wait(timeout=10) == 0


def test_a_server_whose_peer_is_away_is_ready_and_says_so(start, manager):
    flags = ["-x", "127.0.0.1", "-X", free_port()]
    start(*flags, environment=manager.environment, wait=False)
    assert manager.hear() == "READY=1"
    assert manager.hear() == "STATUS=waiting for the peer, peer disconnected"
    assert manager.hear() == "STATUS=serving, peer disconnected"


def test_a_server_that_does_not_start_never_says_ready(start, directory, manager):
    running = start()
    second = start(port=running.port, environment=manager.environment, wait=False)
    assert second.process.wait(timeout=10) == 1
    assert manager.hear_for(0.2) == []


def test_a_living_server_feeds_the_watchdog(start, manager):
    environment = {**manager.environment, "WATCHDOG_USEC": "400000"}
    start(environment=environment, wait=False)
    manager.hear_until("READY=1")
    assert manager.hear_for(1).count("WATCHDOG=1") >= 4


def test_a_frozen_server_starves_the_watchdog(start, manager):
    environment = {**manager.environment, "WATCHDOG_USEC": "400000"}
    server = start("-t", "1", environment=environment, wait=False)
    manager.hear_until("WATCHDOG=1")
    server.process.send_signal(signal.SIGSTOP)
    manager.hear_for(0.2)
    assert manager.hear_for(1) == []
    server.process.send_signal(signal.SIGCONT)
    assert manager.hear_until("WATCHDOG=1")


class Stopped:
    """One thread of a process that stands still while the others run."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17

    def __init__(self, pid, name):
        names = {task: (task / "comm").read_text() for task in Path(f"/proc/{pid}/task").iterdir()}
        (self.thread,) = (int(task.name) for task, comm in names.items() if comm == f"{name}\n")

    def __enter__(self):
        self._trace(self.SEIZE)
        self._trace(self.INTERRUPT)
        wait_until(self._stands, what="the thread stands still")

    def __exit__(self, *_):
        self._trace(self.DETACH)

    def _stands(self):
        return process_status(self.thread)["State"].startswith("t")

    def _trace(self, request):
        library = ctypes.CDLL(None, use_errno=True)
        nothing = ctypes.c_void_p(0)
        if library.ptrace(request, self.thread, nothing, nothing) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def test_a_node_thread_that_hangs_starves_the_watchdog_and_no_probe_says_well(
    start, manager, directory
):
    port = free_port()
    admin = f"127.0.0.1:{port}"
    (directory / "admin.yaml").write_text(f"admin:\n  listen: {admin}\n")
    environment = {**manager.environment, "WATCHDOG_USEC": "400000"}
    server = start("--config", directory / "admin.yaml", environment=environment)

    def probe(path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    wait_until(lambda: probe("/readyz") == (200, "ready\n"), what="it is ready")
    # A node with nothing to do shows signs of life too.
    manager.hear_for(1.5)
    assert probe("/healthz") == (200, "ok\n")
    with Stopped(server.pid, "node"):
        manager.hear_for(1.2)
        assert "WATCHDOG=1" not in manager.hear_for(1)
        for path in ("/healthz", "/readyz", "/status"):
            status, text = probe(path)
            assert status == 503
            assert "no sign of life of the node thread for " in text
        told = run(directory, "status", "--admin", admin)
        assert told.returncode == 1
        assert "no sign of life of the node thread for " in told.stderr
        assert "starting" not in told.stderr
    assert manager.hear_until("WATCHDOG=1")
    wait_until(lambda: probe("/readyz")[0] == 200, what="it is ready again")


def test_without_a_watchdog_nobody_is_fed(start, manager):
    start(environment=manager.environment, wait=False)
    manager.hear_until("READY=1")
    assert "WATCHDOG=1" not in manager.hear_for(0.5)
