"""packaging/twincached.service under a real systemd, as README tells to install it."""

import json

import pytest

from lab import ADDRESSES, VIRTUAL_ADDRESS, wait_for
from machine import UNIT
from node import as_yaml, configuration

CONFIGURATION = "etc/twincached.yaml"
SECRET = {"secret_file": "/run/credentials/twincached.service/secret"}
# The host is alone: it claims the address after this.
ALONE = {"vrrp": {"join_hold": "1s"}}
NET_ADMIN_AND_RAW = (1 << 12) | (1 << 13)

# What README tells to add for the secret; and times that a test can wait for. A process that is
# stopped does not heed the watchdog's SIGABRT, so systemd kills it after the second one.
DROP_IN = """[Service]
LoadCredential=secret:/etc/twincached.secret
WatchdogSec=3
TimeoutAbortSec=2
"""


def put(machine, path, content, mode=0o644):
    """A file on the running machine."""
    file = f"/proc/{machine.first}/root/{path}"
    with open(file, "w", encoding="utf-8") as out:
        out.write(content)
    machine.run("chmod", oct(mode)[2:], f"/{path}")


@pytest.fixture(scope="session")
def installed(machine):
    """The machine with everything in its place, the unit not started."""
    settings = configuration("a", {"replication": SECRET, **ALONE})
    put(machine, CONFIGURATION, as_yaml(settings))
    put(machine, "etc/twincached.secret", "correct horse battery staple\n", 0o600)
    machine.run("mkdir", "-p", f"/etc/systemd/system/{UNIT}.d")
    put(machine, f"etc/systemd/system/{UNIT}.d/test.conf", DROP_IN)
    machine.run("systemctl", "daemon-reload")
    return machine


@pytest.fixture
def served(installed):
    """The unit runs, and the host holds the address."""
    installed.run("systemctl", "reset-failed", UNIT)
    done = installed.run("systemctl", "start", UNIT)
    assert done.returncode == 0, done.stderr + installed.log()
    wait_for(lambda: is_master(installed), f"MASTER\n{installed.log()}", 15)
    return installed


def is_master(machine):
    """The server says so, and the address is there."""
    answer = machine.host.http_get("/status")
    says_so = answer and json.loads(answer[1])["vrrp"]["state"] == "MASTER"
    return says_so and machine.host.holds_address()


def main_pid(machine):
    """The server's process id, as the machine counts."""
    return int(machine.show("MainPID"))


def restarts(machine):
    """How often systemd has started the server again."""
    return int(machine.show("NRestarts"))


def processes(machine):
    """The process ids of the unit, as the machine counts."""
    group = f"/sys/fs/cgroup/system.slice/{UNIT}/cgroup.procs"
    return {int(pid) for pid in machine.run("cat", group).stdout.split()}


def guard_pid(machine):
    """The guard is the only other process of the unit."""
    (guard,) = processes(machine) - {main_pid(machine)}
    return guard


def proc(machine, pid, name):
    """A file of a process, as the first process of the machine sees it."""
    return machine.run("cat", f"/proc/{pid}/{name}").stdout


def field(status, name):
    """A line of `/proc/PID/status`."""
    return next(line for line in status.splitlines() if line.startswith(f"{name}:")).split()[1]


def test_it_is_ready_tells_its_state_and_has_a_user_of_its_own_without_rights(served):
    assert served.show("ActiveState") == "active"
    wait_for(lambda: "MASTER" in served.show("StatusText"), "the state stands in systemctl status")
    pid = main_pid(served)
    assert int(field(proc(served, pid, "status"), "Uid")) >= 61184, "a dynamic user"
    rights = {}
    for task in proc_tasks(served, pid):
        name = proc(served, f"{pid}/task/{task}", "comm").strip()
        rights[name] = int(field(proc(served, f"{pid}/task/{task}", "status"), "CapEff"), 16)
    assert rights.pop("address") == NET_ADMIN_AND_RAW
    assert set(rights.values()) == {0}, rights
    bounds = field(proc(served, pid, "status"), "CapBnd")
    assert int(bounds, 16) == NET_ADMIN_AND_RAW


def proc_tasks(machine, pid):
    """The threads of a process."""
    return machine.run("ls", f"/proc/{pid}/task").stdout.split()


def test_a_server_that_hangs_is_ended_by_the_watchdog_and_started_again(served):
    before, pid = restarts(served), main_pid(served)
    served.kill("STOP", pid)
    wait_for(lambda: restarts(served) == before + 1, f"a restart\n{served.log()}", 20)
    wait_for(lambda: is_master(served), "MASTER again", 15)
    assert main_pid(served) != pid
    assert "Watchdog timeout" in served.run("journalctl", "--no-pager", "--quiet").stdout


def test_a_server_that_is_killed_is_started_again(served):
    before = restarts(served)
    served.kill("KILL", main_pid(served))
    wait_for(lambda: restarts(served) == before + 1 and is_master(served), "MASTER again", 20)


def test_the_address_that_a_killed_server_and_guard_leave_is_cleared_before_the_restart(served):
    cleared = served.log().count(f"{VIRTUAL_ADDRESS} was left on eth0: removed")
    before = restarts(served)
    served.kill("KILL", guard_pid(served), main_pid(served))
    wait_for(lambda: restarts(served) == before + 1, "a restart", 20)
    log = served.log()
    assert log.count(f"{VIRTUAL_ADDRESS} was left on eth0: removed") == cleared + 1, log
    wait_for(lambda: is_master(served), "MASTER again", 15)


def test_a_restart_leaves_in_order_and_comes_back(served):
    before, pid = served.log().count("leaving"), main_pid(served)
    done = served.run("systemctl", "restart", UNIT)
    assert done.returncode == 0, done.stderr
    assert main_pid(served) != pid
    assert served.log().count("leaving") == before + 1
    wait_for(lambda: is_master(served), "MASTER again", 15)


def test_a_stop_ends_the_guard_too_and_leaves_no_address(served):
    assert served.run("systemctl", "stop", UNIT).returncode == 0
    assert served.show("Result") == "success"
    assert not served.host.holds_address()
    assert processes(served) == set()


@pytest.mark.parametrize(
    "path, wrong, code",
    [
        (CONFIGURATION, "vrrp: {interface: eth0\n", 78),
        (
            f"etc/systemd/system/{UNIT}.d/wrong.conf",
            "[Service]\nExecStart=\nExecStart=/usr/local/bin/twincached --no-such-flag\n",
            64,
        ),
    ],
)
def test_what_does_not_become_right_by_itself_is_not_tried_again(installed, path, wrong, code):
    installed.run("systemctl", "stop", UNIT)
    right = installed.run("cat", f"/{path}")
    put(installed, path, wrong)
    installed.run("systemctl", "daemon-reload")
    try:
        assert installed.run("systemctl", "start", UNIT).returncode != 0
        wait_for(lambda: installed.show("ActiveState") == "failed", "the unit has failed", 10)
        assert installed.show("ExecMainStatus") == str(code)
        assert restarts(installed) == 0
    finally:
        if right.returncode == 0:
            put(installed, path, right.stdout)
        else:
            installed.run("rm", f"/{path}")
        installed.run("systemctl", "daemon-reload")


def test_it_comes_up_with_the_machine(installed):
    """`systemctl enable` as README says: the unit is wanted where machines boot to."""
    done = installed.run("systemctl", "enable", UNIT)
    assert done.returncode == 0, done.stderr
    wanted = installed.run("systemctl", "list-dependencies", "--plain", "multi-user.target").stdout
    assert UNIT in wanted
    assert installed.host.address == ADDRESSES["a"]
