"""Clients that connect, change something and leave, as PHP does for each page.

`python visitors.py ADDRESS`, inside the client's namespace. When its standard input closes it
prints how many visits had all their answers, how many were forgotten: accepted, but neither
answered nor ended, and how many were late: nobody answered their first packet.
"""

import json
import random
import socket
import sys
import threading
import time

PORT = 11211
VISITORS = 30
# A connection attempt that met nobody is repeated by TCP after one second. One that was accepted
# and forgotten waits for ever.
FORGOTTEN_SECONDS = 4
LATE_SECONDS = 0.95


class Visitor(threading.Thread):
    """One client after the other."""

    def __init__(self, number, address):
        super().__init__(daemon=True)
        self.answered, self.forgotten, self.late, self.leaving = 0, 0, 0, False
        self._address = address
        key = f"visitor-{number}"
        self._requests = [
            f"add lock-{key} 0 10 1\r\n1\r\n",
            f"get {key}\r\n",
            f"set {key} 0 100 500\r\n{'x' * 500}\r\n",
            f"delete lock-{key}\r\n",
        ]

    def run(self):
        while not self.leaving:
            try:
                self._visit()
            except TimeoutError:
                self.forgotten += 1
            except OSError:
                # Refused or reset: it was told.
                pass
            time.sleep(random.uniform(0, 0.03))

    def _visit(self):
        with socket.socket() as connection:
            connection.settimeout(FORGOTTEN_SECONDS)
            asked = time.monotonic()
            connection.connect((self._address, PORT))
            self.late += time.monotonic() - asked > LATE_SECONDS
            for request in self._requests:
                connection.sendall(request.encode())
                if not connection.recv(4096):
                    return
            self.answered += 1


def main():
    """Visit until standard input closes."""
    visitors = [Visitor(number, sys.argv[1]) for number in range(VISITORS)]
    for visitor in visitors:
        visitor.start()
    sys.stdin.read()
    for visitor in visitors:
        visitor.leaving = True
    for visitor in visitors:
        visitor.join()
    names = ("answered", "forgotten", "late")
    print(json.dumps({name: sum(getattr(v, name) for v in visitors) for name in names}))


if __name__ == "__main__":
    main()
