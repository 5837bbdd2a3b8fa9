"""-d, -P, -u, -k, -r: the process as the system sees it."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from server import children, free_port, is_running, process_status, run, wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

NOTHING = 0
NET_ADMIN_AND_RAW = 1 << 12 | 1 << 13
NOBODY = 65534

VRRP_ALONE = """
vrrp:
  interface: eth0
  virtual_router_id: 77
  virtual_addresses: [10.78.0.100/32]
"""


def capabilities(pid):
    """Permitted, effective and bounding sets."""
    status = process_status(pid)
    return [int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")]


def thread_capabilities(pid):
    """Effective, permitted, inheritable and ambient sets together, of each thread by its name."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = process_status(task.relative_to("/proc"))
        sets = [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")]
        found[status["Name"]] = sets[0] | sets[1] | sets[2] | sets[3]
    return found


def test_the_pid_file_holds_the_pid_and_goes_with_the_server(start, directory):
    pid_file = directory / "pid"
    server = start("-P", "pid")
    wait_until(pid_file.exists)
    assert pid_file.read_text() == f"{server.pid}\n"
    assert pid_file.stat().st_mode & 0o777 == 0o644
    assert server.stop() == 0
    assert not pid_file.exists()


def test_a_pid_file_that_cannot_be_written_is_told_and_the_server_runs(start):
    server = start("-P", "missing/pid")
    wait_until(lambda: "could not write the pid file missing/pid: No such file" in server.log())
    assert server.connect().say("version\r\n").startswith("VERSION ")


def test_a_pid_file_of_a_running_process_is_replaced_with_a_warning(start, directory):
    pid_file = directory / "pid"
    pid_file.write_text("1\n")
    server = start("-P", "pid")
    wait_until(lambda: pid_file.read_text() == f"{server.pid}\n")
    assert "WARNING: The pid file contained the following (running) pid: 1" in server.log()


def test_a_server_that_does_not_start_writes_no_pid_file(start, directory):
    running = start()
    result = run(directory, "-l", "127.0.0.1", "-p", running.port, "-P", "pid")
    assert result.returncode == 1
    assert not (directory / "pid").exists()


def test_a_port_in_use_is_named(start, directory):
    running = start()
    result = run(directory, "-l", "127.0.0.1", "-p", running.port)
    assert result.returncode == 1
    assert (
        f"cannot listen on 127.0.0.1:{running.port}: the port is in use by another process"
        in result.stderr
    )


def daemonized(directory, *flags):
    """Start a daemon; returns the finished command and the daemon's pid."""
    port = free_port()
    result = run(directory, "-d", "-P", "pid", "-l", "127.0.0.1", "-p", port, *flags)
    pid_file = directory / "pid"
    return result, int(pid_file.read_text()) if pid_file.exists() else None


def end(pid):
    """End a daemon."""
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not is_running(pid), what="the daemon ends")


def test_a_daemon_runs_when_its_command_returns(directory):
    result, pid = daemonized(directory)
    try:
        assert result.returncode == 0, result.stderr
        assert is_running(pid)
        assert process_status(pid)["Pid"] != process_status(pid)["PPid"]
        assert os.getsid(pid) == pid
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
        for descriptor in (0, 1, 2):
            assert Path(f"/proc/{pid}/fd/{descriptor}").readlink() == Path("/dev/null")
    finally:
        end(pid)
    assert not (directory / "pid").exists()


def test_a_daemon_with_core_files_stays_where_it_was_started(directory):
    _, pid = daemonized(directory, "-r")
    try:
        assert Path(f"/proc/{pid}/cwd").readlink() == directory
        limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
        core = next(line for line in limits if line.startswith("Max core file size"))
        assert core.split()[4] == core.split()[5]
    finally:
        end(pid)


def test_a_daemon_that_cannot_start_says_why_and_fails(start, directory):
    running = start()
    result = run(directory, "-d", "-l", "127.0.0.1", "-p", running.port)
    assert result.returncode == 1
    assert "the port is in use by another process" in result.stderr


@needs_root
def test_root_without_a_user_keeps_no_capability_and_says_so(start):
    server = start()
    assert capabilities(server.pid) == [NOTHING] * 3
    assert "running as root: every capability is dropped; use -u USER" in server.log()


@needs_root
def test_with_a_user_nothing_of_root_is_left(start):
    server = start("-u", "nobody")
    status = process_status(server.pid)
    assert status["Uid"].split() == [str(NOBODY)] * 4
    assert status["Gid"].split() == [str(NOBODY)] * 4
    assert status["Groups"] == ""
    assert capabilities(server.pid) == [NOTHING] * 3
    assert "running as root" not in server.log()


@needs_root
def test_a_port_of_root_opens_for_a_user_without_capabilities(namespace, start):
    wrapper = ("ip", "netns", "exec", namespace)
    server = start("-u", "nobody", port=211, wrapper=wrapper, wait=False)
    wait_until(lambda: "listening for clients on 127.0.0.1:211" in server.log())


@needs_root
@pytest.mark.parametrize("user", [None, "nobody"])
def test_one_thread_and_the_guard_keep_two_capabilities(namespace, start, directory, user):
    (directory / "vrrp.yaml").write_text(VRRP_ALONE)
    flags = ["--config", directory / "vrrp.yaml", *(["-u", user] if user else [])]
    server = start(*flags, wrapper=("ip", "netns", "exec", namespace), wait=False)
    wait_until(lambda: "listening for clients" in server.log(), what="the address is claimed")
    kept = thread_capabilities(server.pid)
    assert kept.pop("address") == NET_ADMIN_AND_RAW
    assert {"node", "worker-0"} <= set(kept) and set(kept.values()) == {NOTHING}, kept
    assert capabilities(server.pid)[2] == NET_ADMIN_AND_RAW, "nothing that it starts gets more"
    assert process_status(server.pid)["NoNewPrivs"] == "1"
    (guard,) = children(server.pid)
    assert capabilities(guard) == [NET_ADMIN_AND_RAW] * 3
    wait_until(lambda: process_status(guard)["Name"] == "twincached", what="the guard has its name")
    wait_until(lambda: "10.78.0.100" in addresses(namespace), what="the address is added")
    uid = str(NOBODY if user else 0)
    assert process_status(server.pid)["Uid"].split() == [uid] * 4
    assert process_status(guard)["Uid"].split() == [uid] * 4
    server.process.kill()
    wait_until(lambda: "10.78.0.100" not in addresses(namespace), 1, "the guard removes it")


def addresses(namespace):
    """The addresses of eth0 as text."""
    command = ["ip", "-n", namespace, "-4", "address", "show", "dev", "eth0"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@needs_root
def test_an_unknown_user_is_named(directory):
    result = run(directory, "-p", free_port(), "-u", "nobody-of-that-name")
    assert result.returncode == 1
    assert "can't find the user nobody-of-that-name to switch to" in result.stderr


@needs_root
def test_locked_memory_is_locked(start):
    server = start("-k")
    if "mlockall() failed" in server.log():
        pytest.skip("this root may not lock memory")
    assert int(process_status(server.pid)["VmLck"].split()[0]) > 1000
    client = server.connect()
    value = "x" * 100_000
    for number in range(100):
        assert client.say(f"set k{number} 0 0 100000\r\n{value}\r\n") == "STORED"


def test_a_lowered_limit_makes_the_process_smaller(start):
    server = start("-m", "128")
    client = server.connect()
    value = "x" * 10_000
    for number in range(12_000):
        client.send(f"set k{number} 0 0 10000 noreply\r\n{value}\r\n")
    assert client.say("version\r\n").startswith("VERSION")
    assert _resident_mib(server) > 110
    assert client.say("cache_memlimit 16\r\n") == "OK"
    wait_until(lambda: _resident_mib(server) < 40, what="memory goes back")
    assert client.say("get k11999\r\n", lines=3) == ["VALUE k11999 0 10000", value, "END"]
    assert client.say("get k0\r\n") == "END"


def _resident_mib(server):
    return int(process_status(server.pid)["VmRSS"].split()[0]) // 1024


def test_memory_that_may_not_be_locked_is_a_warning(start):
    limited = ("setpriv", "--bounding-set", "-sys_resource,-ipc_lock", "prlimit", "--memlock=65536")
    server = start("-k", wrapper=limited)
    assert "-k invalid, mlockall() failed: the limit of locked memory is 65536" in server.log()


def test_the_unix_socket_has_its_mode_and_owner(start, directory):
    flags = ["-s", "socket", "-a", "660", *(["-u", "nobody"] if os.geteuid() == 0 else [])]
    start(*flags, wait=False)
    path = directory / "socket"
    wait_until(lambda: path.exists() and path.stat().st_mode & 0o777 == 0o660)
    if os.geteuid() == 0:
        wait_until(lambda: path.stat().st_uid == NOBODY)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGHUP])
def test_a_signal_without_meaning_changes_nothing(start, number):
    server = start()
    client = server.connect()
    assert client.say("set a 0 0 1\r\nx\r\n") == "STORED"
    server.process.send_signal(number)
    assert client.say("get a\r\n", 3) == ["VALUE a 0 1", "x", "END"]
    assert server.process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_is_orderly(start, number):
    server = start()
    server.process.send_signal(number)
    assert server.process.wait(timeout=10) == 0
