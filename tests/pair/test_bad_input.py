"""Strangers, garbage and mistakes: each is refused clearly, and the running pair never notices."""

import contextlib
import random
import re
import socket
import subprocess
import time

import pytest

import vrrp_frames
from lab import ADMIN_PORT, MEMCACHED_PORT, REPLICATION_PORT
from node import as_yaml, configuration, run_binary
from pair import assert_nothing_lost

EXIT_RUNTIME, EXIT_CONFIGURATION = 1, 78

GARBAGE = {
    "noise": random.Random(1).randbytes(65536),
    "all ones": b"\xff" * 4096,
    "zeros": bytes(4096),
    "a web request": b"GET / HTTP/1.1\r\nHost: twincached\r\n\r\n",
    "a memcached request": b"set stranger 0 0 1\r\nx\r\nflush_all\r\n",
}

in_shared_pair = pytest.mark.xdist_group("bad_input")


@contextlib.contextmanager
def undisturbed(pair):
    """Whatever happens inside: the pair keeps its roles, stays in sync and loses nothing."""
    pair.wait_until_ready()
    roles, began = pair.roles(), time.monotonic()
    load = pair.load(rate=150)
    try:
        load.wait_for_writes()
        yield
        load.wait_for_writes()
        verdict = pair.check(load)
    finally:
        load.stop()
    assert_nothing_lost(verdict)
    assert pair.recorder.changes_since(began) == [], pair.recorder.describe(began)
    assert pair.roles() == roles
    assert pair.is_ready()
    assert verdict.longest_gap <= 1.0, str(verdict)


def closed_by_peer(connection, seconds=5.0):
    """Whether the other side ends the connection; what it says before does not matter."""
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def send_garbage(connection, data):
    """Send as much as is taken: the other side may hang up half way."""
    with contextlib.suppress(ConnectionError):
        connection.sendall(data)


@in_shared_pair
def test_a_stranger_on_the_replication_port_is_turned_away(shared_pair):
    with undisturbed(shared_pair):
        stranger = shared_pair.lab.client
        for node in (shared_pair.a, shared_pair.b):
            for data in GARBAGE.values():
                with stranger.connect(node.address, REPLICATION_PORT) as connection:
                    send_garbage(connection, data)
                    assert closed_by_peer(connection)
            assert stranger.address in node.log()


@in_shared_pair
def test_silent_strangers_do_not_take_the_place_of_the_peer(shared_pair):
    with undisturbed(shared_pair), contextlib.ExitStack() as stack:
        for node in (shared_pair.a, shared_pair.b):
            for _ in range(50):
                made = shared_pair.lab.client.connect(node.address, REPLICATION_PORT)
                stack.enter_context(made)
        time.sleep(1)


@in_shared_pair
@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_from_the_peers_own_address_does_not_break_the_link(shared_pair, data):
    with undisturbed(shared_pair):
        for sender, receiver in (shared_pair.roles(), shared_pair.roles()[::-1]):
            with sender.connect(receiver.address, REPLICATION_PORT) as connection:
                send_garbage(connection, data)
                assert closed_by_peer(connection)


@in_shared_pair
def test_half_a_hello_and_then_silence_does_not_break_the_link(shared_pair):
    with undisturbed(shared_pair), contextlib.ExitStack() as stack:
        for sender, receiver in (shared_pair.roles(), shared_pair.roles()[::-1]):
            made = stack.enter_context(sender.connect(receiver.address, REPLICATION_PORT))
            made.sendall(b"\0\0\0")
        time.sleep(1)


@in_shared_pair
@pytest.mark.parametrize("priority", [0, 255])
def test_broken_advertisements_are_refused_and_counted(shared_pair, priority):
    frames = vrrp_frames.broken(priority)
    with undisturbed(shared_pair):
        nodes = (shared_pair.a, shared_pair.b)
        before = [node.status().rejected_total for node in nodes]
        for _ in range(3):
            for _, message, ttl in frames:
                vrrp_frames.send(shared_pair.lab.client, message, ttl)
            time.sleep(0.5)
        after = [node.status().rejected_total for node in nodes]
    assert all(late - early >= 3 * len(frames) for early, late in zip(before, after, strict=True))


def said(done):
    """Everything that a finished run printed."""
    return done.stdout + done.stderr


MISTAKES = [
    ("memory: 64MiB\nmemroy: 1GiB\n", 2, "memroy"),
    ("memory: lots\n", 1, "lots"),
    ('memory: 64MiB\nlisten: ["0.0.0.0:99999"]\n', 2, "99999"),
    ("admin:\n  listen: 127.0.0.1:11280\n  port: 5\n", 3, "port"),
    (as_yaml(configuration("a", {"replication": {"acknowledge": "maybe"}})), 6, "maybe"),
    (as_yaml(configuration("a", {"vrrp": {"virtual_router_id": 300}})), 10, "300"),
    (as_yaml(configuration("a", {"vrrp": {"advertisement_interval": "soon"}})), 12, "soon"),
    (
        as_yaml(configuration("a", {"vrrp": {"virtual_addresses": ["10.77.0.300/32"]}})),
        13,
        "10.77.0.300",
    ),
    ("memory: 64MiB\nlisten: [\n", None, "listen"),
]


each_mistake = pytest.mark.parametrize(
    ("text", "line", "word"), MISTAKES, ids=[case[2] for case in MISTAKES]
)


def assert_shows_the_mistake(done, path, line, word):
    """Exit 78, and a message that says where in the file it stands and what it is."""
    assert done.returncode == EXIT_CONFIGURATION, said(done)
    place = line if line is not None else r"\d+"
    assert re.search(rf"{re.escape(str(path))}:{place}:\d+", said(done)), said(done)
    assert word in said(done)


def check_file(binary, path):
    """`twincached check`, which opens no socket and so needs no lab."""
    return subprocess.run([binary, "check", path], capture_output=True, text=True, timeout=10)


@each_mistake
def test_check_shows_a_mistake_where_it_stands(binary, tmp_path, text, line, word):
    path = tmp_path / "twincached.yaml"
    path.write_text(text)
    assert_shows_the_mistake(check_file(binary, path), path, line, word)


@in_shared_pair
@each_mistake
def test_a_server_with_a_mistake_in_its_file_does_not_start(
    shared_pair, tmp_path, text, line, word
):
    path = tmp_path / "twincached.yaml"
    path.write_text(text)
    done = run_binary(shared_pair.lab.client, "--config", path, seconds=5)
    assert_shows_the_mistake(done, path, line, word)


@in_shared_pair
def test_a_configuration_file_that_is_missing_is_named(shared_pair, tmp_path):
    path = tmp_path / "nowhere.yaml"
    done = run_binary(shared_pair.lab.client, "--config", path, seconds=5)
    assert done.returncode == EXIT_CONFIGURATION, said(done)
    assert str(path) in said(done)


def test_a_right_configuration_passes_the_check(binary, tmp_path):
    path = tmp_path / "twincached.yaml"
    path.write_text(as_yaml(configuration("a")))
    done = check_file(binary, path)
    assert done.returncode == 0, said(done)


def lone_configuration(pair, **sections):
    """A configuration for the client host that shares nothing with the pair but the bridge."""
    vrrp = {"virtual_router_id": 77, "virtual_addresses": ["10.77.0.200/32"]}
    settings = configuration("a", {"replication": None, "vrrp": vrrp})
    path = pair.lab.directory / "lone.yaml"
    path.write_text(as_yaml({**settings, **sections}))
    return path


@in_shared_pair
def test_a_second_server_on_the_masters_host_is_refused_and_harms_nothing(shared_pair):
    with undisturbed(shared_pair):
        master, _ = shared_pair.roles()
        done = run_binary(master, "--config", master.config_file)
        assert done.returncode == EXIT_RUNTIME, said(done)
        assert "in use" in said(done)
        assert master.holds_address()


@in_shared_pair
@pytest.mark.parametrize("port", [MEMCACHED_PORT, ADMIN_PORT])
def test_a_port_in_use_is_named(shared_pair, port):
    host = shared_pair.lab.client
    with undisturbed(shared_pair), host.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1" if port == ADMIN_PORT else "0.0.0.0", port))
        taken.listen()
        done = run_binary(host, "--config", lone_configuration(shared_pair))
        assert done.returncode == EXIT_RUNTIME, said(done)
        assert "in use" in said(done) and str(port) in said(done)


@in_shared_pair
@pytest.mark.parametrize("capability", ["net_raw", "net_admin"])
def test_a_missing_capability_is_named(shared_pair, capability):
    host = shared_pair.lab.client
    without = f"-{capability}"
    wrapper = ["setpriv", "--bounding-set", without, "--inh-caps", without, "--"]
    with undisturbed(shared_pair):
        done = run_binary(host, "--config", lone_configuration(shared_pair), wrapper=wrapper)
        assert done.returncode == EXIT_RUNTIME, said(done)
        assert f"CAP_{capability.upper()}" in said(done)


@in_shared_pair
def test_a_missing_interface_is_named(shared_pair):
    vrrp = {**configuration("a")["vrrp"], "interface": "eth9", "virtual_router_id": 77}
    with undisturbed(shared_pair):
        config = lone_configuration(shared_pair, vrrp=vrrp)
        done = run_binary(shared_pair.lab.client, "--config", config)
        assert done.returncode in (EXIT_RUNTIME, EXIT_CONFIGURATION), said(done)
        assert "eth9" in said(done)
