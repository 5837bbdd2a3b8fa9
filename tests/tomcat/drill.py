"""Faults under the eyes of users, one after the other, and what they cost each application."""

import json
import subprocess
import sys
import time
from pathlib import Path

from node import Node, run_binary
from visits import Totals

LOAD = Path(__file__).with_name("load.py")
# 16 active users, four of them with two tabs, and ten idle ones.
USERS = {"active": 12, "two_tabs": 4, "idle": 10, "think": 0.4, "bytes": [20, 200, 2000, 20000]}

# So long users work before a fault and after the service is back.
WORK_SECONDS = 2.5
# A client that is about to reconnect goes on losing sessions. After a fault that has cost some,
# reports follow until one has none of them; a client that never stops gets so many.
REPORTS_MAX = 6


class Load:
    """The users: a process in the client's namespace."""

    def __init__(self, lab, applications):
        plan = lab.directory / "plan.json"
        plan.write_text(json.dumps({**USERS, "applications": applications}))
        self._lab = lab
        self._errors = (lab.directory / "load-errors.log").open("ab")
        self._process = subprocess.Popen(
            lab.client.command(sys.executable, LOAD, plan),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def report(self):
        """What happened since the last report: application -> Totals."""
        self._process.stdin.write("report\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the load ended:\n{self.errors()}"
        return {name: Totals(**numbers) for name, numbers in json.loads(line).items()}

    def errors(self):
        """What went wrong for users, a line each."""
        return (self._lab.directory / "load-errors.log").read_text()

    def stop(self):
        """End it."""
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()
        self._errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Drill:
    """Runs faults and keeps what they cost: fault -> application -> Totals."""

    def __init__(self, pair, load):
        self.costs = {}
        self._pair = pair
        self._load = load
        self._load.report()

    def run(self, name, fault):
        """One fault: work, `fault()`, work, report."""
        time.sleep(WORK_SECONDS)
        fault()
        time.sleep(WORK_SECONDS)
        self.costs[name] = self._settled_report()

    def _settled_report(self):
        joined = self._load.report()
        last = joined
        for _ in range(REPORTS_MAX - 1):
            if not any(totals.sessions_lost for totals in last.values()):
                break
            last = self._load.report()
            for application, totals in last.items():
                joined[application].add(totals)
        return joined

    def run_server_faults(self):
        """Everything that can happen to the pair. It is complete again at the end."""
        self.run("no fault", lambda: None)
        self.run("`twincached failover`", self._hand_over)
        for fault in (
            ("kill -9 of the master", Node.kill9, "the old master starts again", Node.start),
            ("power loss of the master", Node.power_loss, "its power returns", _boot),
            ("freeze of the master", Node.freeze, "it wakes", Node.wake),
        ):
            self._lose_and_repair(*fault)

    def run_deletion_of_everything(self):
        """Not a fault of the pair: it shows that what is lost is seen."""
        client = self._pair.client()
        self.run("`flush_all`", client.flush_all)
        client.close()

    def _hand_over(self):
        master, standby = self._pair.roles()
        done = run_binary(master, "failover")
        assert done.returncode == 0, done.stderr
        self._pair.wait_for_holder(standby)

    def _lose_and_repair(self, fault, strike, repair, heal):
        master, standby = self._pair.roles()

        def lose():
            strike(master)
            self._pair.wait_for_holder(standby)

        def recover():
            heal(master)
            self._pair.wait_for_return(master, 40)

        self.run(fault, lose)
        self.run(repair, recover)


def _boot(node):
    node.power_return()
    node.start()
