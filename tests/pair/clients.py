"""Clients: one that works under orders of a test, and a process of many that write under load.

The load runs inside the client's namespace as a process of its own (`python clients.py ...`), so
that neither the test nor a frozen server can slow the other threads down. It writes a ledger and
ends when its standard input closes.
"""

import argparse
import contextlib
import random
import socket
import subprocess
import sys
import threading
import time

from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheError, MemcacheUnexpectedCloseError

from lab import MEMCACHED_PORT, SocketModule, wait_for
from ledger import COUNTER_START, REFUSED, Ledger, LedgerWriter, read_ledger, token_of, value_of

# Short enough to notice a move at once; an answer may take an acknowledgement timeout, 0.25 s.
CONNECT_SECONDS = 0.1
ANSWER_SECONDS = 0.4

LIVE_KEYS = 40
PIPELINED = 16


class FlagsAndValue:
    """A pymemcache serde: a value is `(flags, bytes)`, exactly as memcached stores it."""

    def serialize(self, key, value):
        flags, data = value
        return data, flags

    def deserialize(self, key, data, flags):
        return flags, data


def connect(address, namespace=None, connect_timeout=3.0, timeout=3.0, port=MEMCACHED_PORT):
    """A client that waits for every answer and whose values are `(flags, bytes)`."""
    return Client(
        (address, port),
        socket_module=SocketModule(namespace) if namespace else socket,
        connect_timeout=connect_timeout,
        timeout=timeout,
        no_delay=True,
        default_noreply=False,
        serde=FlagsAndValue(),
    )


def read_all(client, keys, batch=64):
    """Every key that is present, as key -> (flags, bytes)."""
    found = {}
    for start in range(0, len(keys), batch):
        found.update(client.get_many(keys[start : start + batch]))
    return found


class Load:
    """The test's side of a running load process."""

    def __init__(self, lab, address, threads=4, rate=250, seed=1):
        self.path = lab.directory / f"ledger-{seed}"
        options = ["--threads", threads, "--rate", rate, "--seed", seed]
        command = [sys.executable, __file__, address, self.path, *options]
        self._process = lab.client.spawn(*command, log=f"load-{seed}.log", stdin=subprocess.PIPE)
        self._lab = lab
        self.ended_at = None

    def acknowledged_since(self, moment):
        """How many writes were acknowledged after `moment`."""
        if not self.path.exists():
            return 0
        written = [operation for operation in read_ledger(self.path) if operation.writes]
        return sum(1 for op in written if op.acknowledged and op.answered_at > moment)

    def wait_for_writes(self, count=300, seconds=15.0):
        """Wait until the service acknowledged `count` more writes from now on."""
        moment = time.monotonic()
        what = f"{count} writes acknowledged\n{self._lab.client.log()}"
        wait_for(lambda: self.acknowledged_since(moment) >= count, what, seconds, every=0.1)

    def stop(self):
        """End the load and return its ledger."""
        if self.ended_at is None:
            self._process.stdin.close()
            self._process.wait(timeout=10)
            self.ended_at = time.monotonic()
        if self._process.returncode != 0:
            raise AssertionError(f"the load failed:\n{self._lab.client.log()}")
        return Ledger.read(self.path)


class Worker:
    """One client thread with keys of its own: it creates, changes, reads and leaves them.

    A key whose operation got no answer is left at once, so that what the fault did to it stays to
    be seen, and so is every second key at hand: a lost write is not papered over by the next one.
    """

    def __init__(self, index, address, writer, seed):
        self._prefix = f"{seed}-{index}"
        self._random = random.Random(f"{seed}-{index}")
        self._client = connect(address, None, CONNECT_SECONDS, ANSWER_SECONDS)
        self._writer = writer
        self._live = []
        self._tokens = {}
        self._created = 0

    def work(self):
        """One operation."""
        creating = len(self._live) < 5 or self._random.random() < 0.25
        key = self._create() if creating else self._random.choice(self._live)
        try:
            if creating:
                self._begin(key)
            else:
                self._continue(key)
        except (OSError, MemcacheError):
            for abandoned in {key, *self._live[::2]}.intersection(self._live):
                self._leave(abandoned)

    def _create(self):
        self._created += 1
        kind = "count" if self._random.random() < 0.2 else "item"
        key = f"{kind}-{self._prefix}-{self._created}"
        if len(self._live) >= LIVE_KEYS:
            self._leave(self._random.choice(self._live))
        self._live.append(key)
        return key

    def _leave(self, key):
        self._live.remove(key)
        self._tokens.pop(key, None)

    def _begin(self, key):
        if key.startswith("count"):
            self._start(key)
        elif self._random.random() < 0.5:
            self._set(key)
        else:
            self._add(key)

    def _continue(self, key):
        if key.startswith("count"):
            actions, weights = [self._incr, self._delete, self._get], [8, 1, 1]
        else:
            actions = [self._set, self._cas, self._append, self._touch, self._delete, self._get]
            weights = [5, 4, 2, 2, 3, 3]
        action = self._random.choices(actions, weights)[0]
        action(key)
        if action == self._delete:
            # Half of the deleted keys are left so, the others are created again.
            if self._random.random() < 0.5:
                self._leave(key)
            elif key.startswith("item"):
                self._add(key)
            else:
                self._start(key)

    def _set(self, key):
        self._store("set", self._client.set, key)

    def _add(self, key):
        self._store("add", self._client.add, key)

    def _store(self, operation, command, key):
        flags, size = self._flags(), self._size()
        self._ask(
            operation, key, flags, size, call=lambda n: command(key, (flags, value_of(n, size)))
        )

    def _start(self, key):
        self._ask("start", key, 0, call=lambda n: self._client.set(key, (0, COUNTER_START)))

    def _cas(self, key):
        # A token may be old by now, even older than a failover: then the content decides, since
        # the ledger knows a token by the content that it stands for.
        if key not in self._tokens or self._random.random() < 0.7:
            state, token = self._client.gets(key)
            if state is None:
                return
            self._tokens[key] = token_of(state), token
            if self._random.random() < 0.3:
                return
        content, token = self._tokens[key]
        flags, size = self._flags(), self._size()

        def call(number):
            return self._client.cas(key, (flags, value_of(number, size)), token)

        self._ask("cas", key, content, flags, size, call=call)

    def _append(self, key):
        size = self._random.randrange(8, 40)
        self._ask(
            "append", key, size, call=lambda n: self._client.append(key, (0, value_of(n, size)))
        )

    def _incr(self, key):
        delta = self._random.randrange(1, 6)
        self._ask("incr", key, delta, call=lambda n: self._client.incr(key, delta))

    def _touch(self, key):
        self._ask("touch", key, 3600, call=lambda n: self._client.touch(key, 3600))

    def _delete(self, key):
        self._ask("delete", key, call=lambda n: self._client.delete(key))

    def _get(self, key):
        self._ask("get", key, call=lambda n: self._client.get(key))

    def _flags(self):
        return self._random.randrange(1 << 16)

    def _size(self):
        return self._random.randrange(24, 1500)

    def _ask(self, operation, key, *arguments, call):
        number = self._writer.next_number()
        self._writer.attempt(number, operation, key, *arguments)
        try:
            answer = answer_word(operation, call(number))
        except (OSError, MemcacheUnexpectedCloseError) as error:
            self._writer.unknown(number, repr(error))
            raise
        except MemcacheError as error:
            self._writer.unknown(number, f"{REFUSED}: {error!r}")
            raise
        self._writer.acknowledge(number, answer)


def answer_word(operation, result):
    """pymemcache's answer in the words of the protocol."""
    match operation, result:
        case "get", _:
            return token_of(result)
        case (("set" | "start"), True):
            return "stored"
        case (("add" | "append"), _):
            return "stored" if result else "not_stored"
        case "cas", _:
            return {True: "stored", False: "exists", None: "not_found"}[result]
        case "touch", _:
            return "touched" if result else "not_found"
        case "delete", _:
            return "deleted" if result else "not_found"
        case "incr", _:
            return "not_found" if result is None else str(result)
    raise ValueError(f"{operation} answered {result!r}")


class PipelinedWorker:
    """Sends many writes in one packet and takes the answers as they come.

    This is the client that asynchronous replication loses most for: each answered write counts as
    acknowledged, whatever becomes of the others in the same packet.
    """

    def __init__(self, index, address, writer, seed):
        self._prefix = f"pipe-{seed}-{index}"
        self._address = address
        self._writer = writer
        self._socket = None
        self._answers = None

    def work(self):
        """One packet of writes to keys that are never written again."""
        numbers = [self._writer.next_number() for _ in range(PIPELINED)]
        packet = b""
        for number in numbers:
            key, value = f"{self._prefix}-{number}", value_of(number, 100)
            self._writer.attempt(number, "set", key, 0, len(value))
            packet += b"set %s 0 0 %d\r\n%s\r\n" % (key.encode(), len(value), value)
        try:
            self._connect()
            self._socket.sendall(packet)
            while numbers:
                self._take_answer(numbers)
        except OSError as error:
            for number in numbers:
                self._writer.unknown(number, repr(error))
            self._disconnect()

    def _connect(self):
        if self._socket is None:
            address = (self._address, MEMCACHED_PORT)
            self._socket = socket.create_connection(address, CONNECT_SECONDS)
            self._socket.settimeout(ANSWER_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._answers = self._socket.makefile("rb")

    def _take_answer(self, numbers):
        line = self._answers.readline()
        if line == b"STORED\r\n":
            self._writer.acknowledge(numbers.pop(0), "stored")
        elif line.endswith(b"\r\n"):
            self._writer.unknown(numbers.pop(0), f"{REFUSED}: {line!r}")
        else:
            raise ConnectionResetError("closed by the server")

    def _disconnect(self):
        if self._socket is not None:
            self._answers.close()
            self._socket.close()
            self._socket = None


def run_worker(worker, rate, stopping, finished):
    """Let a worker work at `rate` operations per second, without catching up after a pause."""
    due = time.monotonic()
    while not stopping.is_set():
        worker.work()
        due = max(due + 1 / rate, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
    finished.append(worker)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("ledger")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--rate", type=float, default=250, help="operations per second and thread")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    writer = LedgerWriter(options.ledger)
    here = options.address, writer, options.seed
    workers = [(Worker(index, *here), options.rate) for index in range(options.threads)]
    workers.append((PipelinedWorker(options.threads, *here), options.rate / PIPELINED))
    stopping, finished = threading.Event(), []
    threads = [
        threading.Thread(target=run_worker, args=(worker, rate, stopping, finished))
        for worker, rate in workers
    ]
    for thread in threads:
        thread.start()
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.read()
    stopping.set()
    for thread in threads:
        thread.join()
    # A worker that ended by an exception of its own has proven nothing.
    sys.exit(0 if len(finished) == len(workers) else 1)


if __name__ == "__main__":
    main()
