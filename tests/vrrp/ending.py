"""The end of an idle client connection, and when it came."""

import threading
import time


class Ending(threading.Thread):
    """Waits on an idle connection for its end."""

    def __init__(self, sock):
        super().__init__(daemon=True)
        self._socket = sock
        self.error, self.ended = None, None

    def run(self):
        self._socket.settimeout(40)
        try:
            self._socket.recv(1)
            self.error = 0
        except OSError as error:
            self.error = error.errno
        self.ended = time.monotonic()


def ending_of(client):
    """A connection that has been used and then waits for its end."""
    client.get("key-0")
    waiting = Ending(client.sock)
    waiting.start()
    return waiting
