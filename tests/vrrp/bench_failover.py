"""The same faults on memcached with keepalived and on twincached, as a table.

    make bench-failover           (as root, after tests/prepare)
    python bench_failover.py --rounds 5

memcached with keepalived stands for today's stack with replication, whose takeover is keepalived's
too. A load writes to the virtual address all the time. For each fault the table has the longest
time in which no write was acknowledged, the longest time in which two hosts had the address, and
how often the address came to a host, from the fault until the failed host has been back for some
seconds. The medians of the rounds.
"""

import argparse
import contextlib
import shutil
import signal
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pair"))

from clients import Load, connect
from holders import HolderRecorder
from lab import VIRTUAL_ADDRESS, Lab, missing_privilege, sweep, wait_for
from node import BINARY, Node, run_binary
from standin import StandIn

# How long a host stays away, and how long the returned one is watched, in seconds.
AWAY, WATCHED = 6.0, 6.0
FAULTS = ["kill -9 of the server", "power loss", "freeze of the host", "planned"]


class Today(StandIn):
    """memcached and keepalived."""

    title = "memcached + keepalived"

    def is_master(self):
        return self.holds_address()

    def kill_server(self):
        """kill -9 of both daemons, whose supervisor would start them again."""
        self.kill_everything()

    def hand_over(self):
        """What an operator does before maintenance: systemctl stop keepalived."""
        self._processes[-1].send_signal(signal.SIGTERM)
        self._processes[-1].wait(timeout=10)

    def start_again(self):
        """All daemons of the host."""
        self.kill_everything()
        self.start()


class Twin(Node):
    """twincached."""

    title = "twincached"

    def is_master(self):
        return self.state() == "MASTER"

    def kill_server(self):
        self.kill9()

    def hand_over(self):
        done = run_binary(self, "failover")
        if done.returncode != 0:
            raise AssertionError(done.stderr)

    def start_again(self):
        if not self.pids():
            self.start()


def strike(host, fault):
    """Let the fault happen."""
    {
        FAULTS[0]: host.kill_server,
        FAULTS[1]: host.power_loss,
        FAULTS[2]: host.freeze,
        FAULTS[3]: host.hand_over,
    }[fault]()


def recover(host, fault):
    """The operator, or the supervisor, brings the host back."""
    if fault == FAULTS[2]:
        host.wake()
        return
    if fault == FAULTS[1]:
        host.power_return()
    host.start_again()


def answers(lab):
    """Whether a write to the virtual address is acknowledged."""
    client = connect(VIRTUAL_ADDRESS, lab.client.namespace, 0.3, 0.5)
    with contextlib.suppress(Exception), contextlib.closing(client):
        return client.set("probe", (0, b"1"))
    return False


def measure(kind, fault):
    """One fault on a fresh pair: gap, double-holder time, moves."""
    with Lab(kind) as lab:
        recorder = HolderRecorder(lab.a, lab.b).start()
        try:
            for host in (lab.a, lab.b):
                host.start()
            wait_for(lambda: answers(lab), "the pair serves", 20, every=0.2)
            time.sleep(2)
            master = lab.a if "a" in recorder.holders() else lab.b
            load = Load(lab, VIRTUAL_ADDRESS, rate=200)
            load.wait_for_writes(500)
            struck = time.monotonic()
            strike(master, fault)
            time.sleep(AWAY)
            double = recorder.longest_double(struck)
            recover(master, fault)
            time.sleep(WATCHED)
            ledger = load.stop()
            moves = arrivals(recorder, struck)
            gap = ledger.verdict(until=load.ended_at).longest_gap
            return gap, max(double, recorder.longest_double(struck)), moves
        finally:
            recorder.stop()


def arrivals(recorder, since):
    """How often the address came to a host that did not have it."""
    count, before = 0, frozenset()
    for moment, holders in recorder.timeline:
        if moment > since:
            count += len(holders - before)
        before = holders
    return count


def table(rounds):
    """The rows of the table, printed as they come."""
    print("| fault | stack | no write for | two holders for | moves |")
    print("|---|---|---|---|---|", flush=True)
    for fault in FAULTS:
        for kind in (Today, Twin):
            results = [measure(kind, fault) for _ in range(rounds)]
            gap, double, moves = (statistics.median(column) for column in zip(*results))
            print(
                f"| {fault} | {kind.title} | {gap:.2f} s | {double:.2f} s | {moves:g} |",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1, help="median of so many (1)")
    options = parser.parse_args()
    for program in ("memcached", "keepalived"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed (tests/prepare installs it as root)")
    if not BINARY.exists():
        sys.exit(f"{BINARY} does not exist: cargo build --release")
    sweep()
    reason = missing_privilege()
    if reason:
        sys.exit(reason)
    table(options.rounds)


if __name__ == "__main__":
    main()
