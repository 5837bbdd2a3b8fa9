"""kill -9 of the master, as its clients see it.

Who waits for an answer has nothing to send, so nobody but the dying host can tell him. Its kernel
does, as long as the address is there: without it, it drops what it would send.
"""

import os
import select
import signal
import time

from lab import MEMCACHED_PORT, VIRTUAL_ADDRESS

CONNECTIONS = 800


def connections(pair):
    """Clients that wait for an answer."""
    opened = [pair.lab.client.connect(VIRTUAL_ADDRESS, MEMCACHED_PORT) for _ in range(CONNECTIONS)]
    for each in opened:
        each.sendall(b"version\r\n")
    return opened


def told(opened, seconds):
    """How many of them end within this time."""
    poll = select.poll()
    waiting = {each.fileno() for each in opened}
    for number in waiting:
        poll.register(number, select.POLLIN)
    deadline = time.monotonic() + seconds
    while waiting and time.monotonic() < deadline:
        for number, _ in poll.poll(100):
            poll.unregister(number)
            waiting.discard(number)
    return len(opened) - len(waiting)


def test_connections_that_wait_to_be_accepted_are_told_that_the_process_died(pair, measured):
    """A process that hangs accepts nothing; the kernel does, and acknowledges what they send."""
    master, standby = pair.roles()
    os.kill(master.process.pid, signal.SIGSTOP)
    opened = connections(pair)
    struck = time.monotonic()
    master.kill9()
    number = told(opened, 3)
    took = time.monotonic() - struck
    pair.wait_for_holder(standby)
    for each in opened:
        each.close()
    assert number == CONNECTIONS, pair.recorder.describe(struck)
    master.start()
    measured(f"{CONNECTIONS} connections told {took:.3f} s after kill -9")
