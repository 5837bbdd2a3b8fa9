"""One server process, started with flags, and what the system says about it."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("TWINCACHED_BINARY", REPOSITORY / "target" / "release" / "twincached"))


def free_port():
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds=10, what="condition"):
    """Poll `condition` until it is true, and return what it returned."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.01)


def process_status(pid):
    """`/proc/PID/status` as a dictionary."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def is_running(pid):
    """Whether the process exists and is no zombie."""
    try:
        return not process_status(pid)["State"].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid):
    """Process ids of the children of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(word) for word in (task / "children").read_text().split()]
    return found


class Client:
    """A connection that sends bytes and reads lines."""

    def __init__(self, family, address):
        self.socket = socket.socket(family)
        self.socket.settimeout(10)
        self.socket.connect(address)
        self.file = self.socket.makefile("rb")

    def say(self, text, lines=1):
        """Send `text` and return that many lines of the answer, without their ends."""
        self.send(text)
        return [self.line() for _ in range(lines)] if lines != 1 else self.line()

    def send(self, text):
        """Send without reading."""
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def line(self):
        """The next line; empty when the server has closed."""
        return self.file.readline().decode().rstrip("\r\n")

    def close(self):
        """End the connection."""
        self.file.close()
        self.socket.close()


class Server:
    """A server on a port of its own."""

    def __init__(
        self,
        directory,
        *flags,
        port=None,
        listen="127.0.0.1",
        wrapper=(),
        environment=None,
        standard_error=None,
    ):
        self.directory = directory
        self.port = port or free_port()
        self.log_path = directory / f"{self.port}.log"
        self.clients = []
        command = [*wrapper, BINARY, "-l", listen, "-p", self.port, *flags]
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=standard_error or log,
                cwd=directory,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self):
        """The process id."""
        return self.process.pid

    def log(self):
        """Everything written so far."""
        return self.log_path.read_text()

    def wait(self):
        """Wait until clients are accepted."""
        wait_until(self._answers, what="the server answers")
        return self

    def _answers(self):
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def connect(self):
        """A new connection over TCP."""
        client = Client(socket.AF_INET, ("127.0.0.1", self.port))
        self.clients.append(client)
        return client

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=10)

    def end(self):
        """Leave nothing behind."""
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=10)


def run(directory, *arguments, seconds=20):
    """Run the program to its end and return what it said."""
    return subprocess.run(
        [str(word) for word in (BINARY, *arguments)],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
