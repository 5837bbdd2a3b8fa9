"""-Y: passwords of the text protocol."""

import os
import signal

import pytest
from server import free_port, is_running, run, wait_until


@pytest.fixture
def users(directory):
    """A password file with one user."""
    path = directory / "users"
    path.write_text("anna:secret\n")
    return path


def prove(client, user, password):
    """Authenticate; returns the answer."""
    proof = f"{user} {password}"
    return client.say(f"set auth 0 0 {len(proof)}\r\n{proof}\r\n")


def test_only_a_password_opens_the_way(start, users):
    client = start("-Y", users).connect()
    assert client.say("get a\r\n") == "CLIENT_ERROR unauthenticated"
    assert prove(client, "anna", "wrong") == "CLIENT_ERROR authentication failure"
    assert prove(client, "anna", "secret") == "STORED"
    assert client.say("get auth\r\n") == "END"
    assert client.say("set a 0 0 1\r\nx\r\n") == "STORED"


def test_attempts_are_counted(start, users):
    client = start("-Y", users).connect()
    prove(client, "anna", "wrong")
    prove(client, "anna", "secret")
    client.send("stats\r\n")
    stats = {}
    while (line := client.line()) != "END":
        _, name, value = line.split(" ", 2)
        stats[name] = value
    assert (stats["auth_cmds"], stats["auth_errors"]) == ("2", "1")


def test_binary_clients_are_not_understood(start, users):
    client = start("-Y", users).connect()
    assert client.say(b"\x80\x0b" + b"\0" * 22 + b"\r\n") == "CLIENT_ERROR unauthenticated"


def test_sighup_reads_the_file_again(start, users):
    server = start("-Y", users)
    before = server.connect()
    assert prove(before, "anna", "secret") == "STORED"
    users.write_text("anna:changed\nbert:too\n")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: f"SIGHUP: 2 users in {users}" in server.log())
    client = server.connect()
    assert prove(client, "anna", "secret") == "CLIENT_ERROR authentication failure"
    assert prove(client, "bert", "too") == "STORED"
    # Who is in stays in.
    assert before.say("get a\r\n") == "END"


def test_a_bad_file_on_sighup_changes_nothing(start, users):
    server = start("-Y", users)
    users.write_text("anna\n")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "the passwords stay as they were" in server.log())
    assert "line 1 is a malformed entry. Should be 'user:password'" in server.log()
    assert prove(server.connect(), "anna", "secret") == "STORED"


def test_a_daemon_reads_its_file_by_a_relative_name_again(start, users):
    server = start("-d", "-v", "-P", "pid", "-Y", "users", wait=False)
    assert server.process.wait(timeout=10) == 0
    pid = int((users.parent / "pid").read_text())
    try:
        users.write_text("bert:too\n")
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: "SIGHUP: 1 users in" in server.log())
        assert prove(server.connect(), "bert", "too") == "STORED"
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_running(pid), what="the daemon ends")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "Could not open authfile [users] for reading: No such file or directory"),
        ("anna\n", "Authfile [users]: line 1 is a malformed entry. Should be 'user:password'"),
        ("x" * 70000, "Authfile [users] is larger than 65536 bytes"),
    ],
)
def test_a_file_that_is_no_use_is_an_error_at_start(directory, text, message):
    if text is not None:
        (directory / "users").write_text(text)
    result = run(directory, "-p", free_port(), "-Y", "users")
    assert result.returncode == 1
    assert message in result.stderr
