"""`vrrp.on_change`: the operator's program hears of every change and disturbs none."""

import re
import time

import pytest

from lab import wait_for
from node import run_binary
from pair import Pair
from table import PROCESS_DEATH_MAX, assert_moved

# Writes its arguments, the number of them, and its capabilities. The last line goes in one piece.
RECORDS = """\
#!/bin/sh
capabilities=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
printf '%s|%s|%s|%s|%s\\n' "$#" "$1" "$2" "$3" "$capabilities" >>{path}
"""


class Recorded:
    """A hook on one host, and what it was told."""

    def __init__(self, pair, node):
        self._path = pair.lab.directory / f"{node.name}-changes"
        self.program = pair.lab.directory / f"{node.name}-hook"
        self.program.write_text(RECORDS.format(path=self._path))
        self.program.chmod(0o755)

    def changes(self):
        """`(state, reason, priority)` of each run; every run had three arguments and no capability."""
        if not self._path.exists():
            return []
        runs = [line.split("|") for line in self._path.read_text().splitlines()]
        assert all(run[0] == "3" and int(run[4], 16) == 0 for run in runs), runs
        return [(state, reason, int(priority)) for _, state, reason, priority, _ in runs]


@pytest.fixture
def idle_pair(binary, privileged):
    """A pair on which nothing has been started."""
    with Pair() as made:
        try:
            yield made
        except BaseException:
            print(made.describe())
            raise


def test_the_program_is_told_state_reason_and_priority_of_every_change(idle_pair):
    pair = idle_pair
    told = {node.name: Recorded(pair, node) for node in (pair.a, pair.b)}
    for node in (pair.a, pair.b):
        node.start({"vrrp": {"on_change": str(told[node.name].program)}})
    pair.wait_until_ready()
    assert pair.roles()[0] is pair.a
    wait_for(lambda: len(told["a"].changes()) == 2, "a was told of both changes")
    began, claimed = told["a"].changes()
    assert began == ("BACKUP", "started", 140)
    assert (claimed[0], claimed[2] in (140, 240)) == ("MASTER", True), claimed
    assert told["b"].changes() == [("BACKUP", "started", 100)]

    assert run_binary(pair.a, "failover").returncode == 0
    pair.wait_for_holder(pair.b)
    wait_for(lambda: len(told["b"].changes()) == 2, "b was told")
    assert told["b"].changes()[1] == ("MASTER", "the master has handed over", 241)
    pair.wait_for_return(pair.a)
    assert pair.b.sigterm() == 0
    pair.wait_for_holder(pair.a)
    assert pair.a.sigterm() == 0
    for node in (pair.a, pair.b):
        # Two runs at once may write in either order.
        every = lambda: sorted(told[node.name].changes()) == sorted(logged(node))  # noqa: B023, E731
        wait_for(every, f"{node} was told what its log tells\n{node.log()}")
        assert len(logged(node)) >= 3


def logged(node):
    """The changes of state that the log of a node tells."""
    change = re.compile(r"vrrp: \w+ -> (\w+) with priority (\d+): (.*)")
    found = change.findall(node.log())
    return [(state, reason, int(priority)) for state, priority, reason in found]


def test_a_program_that_hangs_or_fails_or_is_missing_delays_nothing(idle_pair, measured):
    pair = idle_pair
    hangs, fails = pair.lab.directory / "hangs", pair.lab.directory / "fails"
    hangs.write_text("#!/bin/sh\nexec sleep 1000\n")
    fails.write_text("#!/bin/sh\nexit 3\n")
    for program in (hangs, fails):
        program.chmod(0o755)
    pair.a.start({"vrrp": {"on_change": str(hangs)}})
    pair.b.start({"vrrp": {"on_change": str(fails)}})
    pair.wait_until_ready()
    took = []
    for _ in range(4):
        master, standby = pair.roles()
        struck = time.monotonic()
        assert run_binary(master, "failover").returncode == 0
        pair.wait_for_holder(standby)
        took.append(assert_moved(pair, struck, master, standby, PROCESS_DEATH_MAX, 1.0))
        pair.wait_for_return(master)
    assert f"on_change {fails}: it ended with exit status: 3" in pair.b.log()
    # Those that hang survive the server, as they are the operator's; and the server ends.
    struck = time.monotonic()
    assert pair.a.sigterm() == 0
    assert time.monotonic() - struck <= 3
    pair.a.kill_everything()

    fails.unlink()
    pair.a.start()
    pair.wait_for_return(pair.a)
    assert run_binary(pair.b, "failover").returncode == 0
    pair.wait_for_holder(pair.a)
    wait_for(lambda: f"on_change {fails}: No such file" in pair.b.log(), "the log says so")
    measured("; ".join(took))
