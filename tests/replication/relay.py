"""A slow cable: a TCP relay on the client host, through which both hosts dial each other.

Each direction has a delay and a rate, as a link between two data centres has; a burst of a few
kilobytes may pass at once. The hosts need a shared secret, because each sees the relay's address.
"""

import collections
import contextlib
import socket
import threading
import time

CHUNK = 16 * 1024
# What a router on the way holds before the sender has to wait.
HELD_MAX = 256 * 1024


class Relay:
    """Listens on `port` of `host` and carries connections to `target`. Use it in a `with`."""

    def __init__(self, host, port, target, delay=0.0, bytes_per_second=None, seen=None):
        self._host, self._target = host, target
        self._delay, self._rate = delay, bytes_per_second
        self._listener = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((host.address, port))
        self._listener.listen(8)
        self._sockets = []
        self._closed = False
        # What passed, for whoever wants to know, and how many bytes.
        self.seen = seen
        self.carried = 0

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._closed = True
        for made in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)
            made.close()

    def _accept(self):
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = self._host.connect(*self._target)
            except OSError:
                near.close()
                continue
            for one in (near, far):
                one.settimeout(None)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets.append(one)
            for source, sink in ((near, far), (far, near)):
                Direction(self, source, sink, self._delay, self._rate).start()


class Direction:
    """One way through a relay: a reader, a queue of what is on its way, a writer."""

    def __init__(self, relay, source, sink, delay, rate):
        self._relay, self._source, self._sink = relay, source, sink
        self._delay, self._rate = delay, rate
        self._held = collections.deque()
        self._held_bytes = 0
        self._changed = threading.Condition()

    def start(self):
        """Carry from now on."""
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    def _read(self):
        chunk = b"begin"
        while chunk:
            try:
                chunk = self._source.recv(CHUNK)
            except OSError:
                chunk = b""
            with self._changed:
                self._held.append((time.monotonic() + self._delay, chunk))
                self._held_bytes += len(chunk)
                self._changed.notify()
                while self._held_bytes > HELD_MAX:
                    self._changed.wait()

    def _write(self):
        while True:
            with self._changed:
                while not self._held:
                    self._changed.wait()
                due, chunk = self._held.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not chunk:
                    self._sink.shutdown(socket.SHUT_WR)
                    return
                self._sink.sendall(chunk)
            except OSError:
                with contextlib.suppress(OSError):
                    self._source.shutdown(socket.SHUT_RDWR)
                return
            self._relay.carried += len(chunk)
            if self._relay.seen is not None:
                self._relay.seen.append(chunk)
            if self._rate:
                time.sleep(len(chunk) / self._rate)
            with self._changed:
                self._held_bytes -= len(chunk)
                self._changed.notify()
