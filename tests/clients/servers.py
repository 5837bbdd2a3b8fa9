"""The two servers that every test can meet: the built twincached and Debian's memcached."""

import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("TWINCACHED_BINARY", REPOSITORY / "target" / "release" / "twincached"))
MEMCACHED = shutil.which("memcached", path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/sbin")

KINDS = ("twincached", "memcached")
ADDRESS = "127.0.0.1"

# Below the range from which the kernel takes the ports of outgoing connections: else one of those
# could take the port while the server restarts.
PORTS = range(20000, 30000)


def free_port():
    """A port of the loopback on which nobody listens."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((ADDRESS, port))
            except OSError:
                continue
            return port


def eventually(attempt, what, seconds=5.0, every=0.05):
    """Call `attempt` until it gives something true, and return that."""
    end = time.monotonic() + seconds
    while True:
        found = attempt()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


class Server:
    """A server on a free port of the loopback. Use it in a `with` statement."""

    def __init__(self, kind, *options):
        self.kind = kind
        self.options = options
        self.port = free_port()
        self.process = None
        self._log = tempfile.TemporaryFile()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self._log.close()

    def __str__(self):
        return self.kind

    @property
    def name(self):
        """The address as clients write it."""
        return f"{ADDRESS}:{self.port}"

    def start(self):
        """Start, and wait until it accepts connections."""
        program = BINARY if self.kind == "twincached" else MEMCACHED
        command = [program, "-l", ADDRESS, "-p", str(self.port), "-U", "0", *self.options]
        if os.geteuid() == 0:
            command += ["-u", "root"]
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        eventually(self._accepts, f"{self.kind} accepts connections\n{self.log()}", every=0.01)

    def _accepts(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.kind} ended at its start:\n{self.log()}")
        try:
            socket.create_connection((ADDRESS, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self):
        """End it orderly."""
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=5)

    def kill(self):
        """End it as the OOM killer does."""
        self.process.kill()
        self.process.wait(timeout=5)

    def restart(self):
        """Kill it and start it again on its port, empty."""
        self.kill()
        self.start()

    def log(self):
        """What it printed."""
        # Not by reading: the position is the server's too.
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace")
