"""Who may connect: each of the others is told why, in the log of both, and the pair goes on."""

import contextlib
import re
import time

import pytest

from compare import contents
from greeting import GOODBYE, PROOF, farewell, frame, greeting
from lab import REPLICATION_PORT, ip, wait_for
from linked import SECRET, WITHOUT_ROUTER, fill
from node import merged

in_shared_pair = pytest.mark.xdist_group("link_security")


@contextlib.contextmanager
def undisturbed(linked):
    """Whatever happens inside: the connection stays, and a change is acknowledged at once."""
    before = linked.connections()
    client, other = (linked.client_of(node) for node in linked.nodes)
    yield
    began = time.monotonic()
    assert client.set("undisturbed", (0, b"x"))
    assert time.monotonic() - began < 0.2
    assert other.get("undisturbed") == (0, b"x")
    assert linked.connections() == before
    for one in (client, other):
        one.close()


def wait_for_word(node, words, seconds=5):
    """Wait until a log line holds `words`."""
    wait_for(lambda: words in node.log(), f"{words!r} in the log of {node}", seconds)


def secrets(linked, of_a, of_b):
    """Settings of each host with a secret file, `None` for a host without."""

    def settings(node, text):
        return {"replication": {"secret_file": node.write_secret(text)}} if text else {}

    return {"of_a": settings(linked.a, of_a), "of_b": settings(linked.b, of_b)}


def assert_each_serves_alone(linked):
    """Both hosts answer clients, and neither has what the other was told."""
    for node in linked.nodes:
        client = linked.wait_for_client(node)
        assert client.set(f"on {node.name}".replace(" ", "-"), (0, b"x"))
        assert len(contents(client)) == 1
        assert node.link()["state"] == "disconnected"


def assert_log_is_no_flood(node):
    """A pair that cannot meet says so now and then, not at every attempt."""
    before = len(node.warnings())
    time.sleep(2.5)
    assert node.warnings()[before:] == []


@in_shared_pair
def test_a_stranger_without_a_secret_is_refused_by_its_address(shared_linked):
    stranger = shared_linked.lab.client
    with undisturbed(shared_linked):
        for node in shared_linked.nodes:
            with stranger.connect(node.address, REPLICATION_PORT) as connection:
                connection.settimeout(2)
                assert connection.recv(100) == b""
            wait_for_word(node, f"{stranger.address}:")
            assert "is not the configured peer: connection refused" in node.log()
            assert f"only {other(shared_linked, node).address} may connect" in node.log()


def other(linked, node):
    """The other host."""
    return linked.b if node is linked.a else linked.a


@in_shared_pair
@pytest.mark.parametrize(("oldest", "newest"), [(7, 9), (0, 0)])
def test_a_protocol_version_outside_the_spoken_range_is_named(shared_linked, oldest, newest):
    with undisturbed(shared_linked):
        for node in shared_linked.nodes:
            peer = other(shared_linked, node)
            with peer.connect(node.address, REPLICATION_PORT) as connection:
                connection.sendall(greeting(oldest, newest))
                words = f"the peer speaks protocol versions {oldest} to {newest}, this node 1 to 1"
                assert words in farewell(connection)
            wait_for_word(node, words)


@in_shared_pair
def test_a_farewell_of_a_stranger_stays_on_its_line(shared_linked):
    with undisturbed(shared_linked):
        node, peer = shared_linked.nodes
        with peer.connect(node.address, REPLICATION_PORT) as connection:
            connection.sendall(frame(GOODBYE, b"bye\n2026 WARN forged"))
        wait_for_word(node, "the other end closed the connection: bye\ufffd2026 WARN forged")


@in_shared_pair
def test_a_range_that_overlaps_is_spoken(shared_linked):
    with undisturbed(shared_linked):
        node, peer = shared_linked.nodes
        with peer.connect(node.address, REPLICATION_PORT) as connection:
            connection.sendall(greeting(1, 9))
            connection.sendall(frame(99, b""))
            assert "a frame of unknown type 99" in farewell(connection)


@in_shared_pair
def test_a_secret_that_only_the_dialler_has_is_named(shared_linked):
    with undisturbed(shared_linked):
        node, peer = shared_linked.nodes
        with peer.connect(node.address, REPLICATION_PORT) as connection:
            connection.sendall(greeting(secret=True))
            assert "secret_file is set on the peer but not here" in farewell(connection)


def test_with_a_secret_a_stranger_has_to_know_it(linked):
    linked.start(**secrets(linked, SECRET, SECRET))
    stranger = linked.lab.client
    with undisturbed(linked):
        for node in linked.nodes:
            with stranger.connect(node.address, REPLICATION_PORT) as connection:
                connection.sendall(greeting(secret=True) + frame(PROOF, bytes(32)))
                assert "the peer has another secret" in farewell(connection)
            with stranger.connect(node.address, REPLICATION_PORT) as connection:
                connection.sendall(greeting(secret=False))
                assert "secret_file is set here but not on the peer" in farewell(connection)
            wait_for_word(node, "the peer has another secret")
            wait_for_word(node, "secret_file is set here but not on the peer")
            assert "may connect, by its address" not in node.log()


def test_a_reflected_proof_is_worth_nothing(linked):
    """What the listener proves itself with proves no dialler. (One that was recorded answers another
    nonce: a_recorded_proof_answers_no_other_nonce.)"""
    linked.start(**secrets(linked, SECRET, SECRET))
    with undisturbed(linked), linked.lab.client.connect(*place(linked.b)) as dialler:
        hello = greeting(secret=True)
        dialler.sendall(hello)
        dialler.settimeout(3)
        theirs = dialler.recv(1 << 16)
        # The listener proves itself first; sent back to it, its proof is that of the wrong role.
        while len(theirs) < 8 + 50 + 8 + 33:
            theirs += dialler.recv(1 << 16)
        reflected = theirs[-41:]
        dialler.sendall(reflected)
        assert "the peer has another secret" in farewell(dialler)


def place(node):
    """Where a node's replication port is."""
    return node.address, REPLICATION_PORT


def test_different_secrets_are_reported_and_the_right_one_heals(linked):
    linked.start(wait=False, **secrets(linked, SECRET, "quite another secret\n"))
    for node in linked.nodes:
        wait_for_word(node, "the peer has another secret")
    assert_each_serves_alone(linked)
    for node in linked.nodes:
        assert_log_is_no_flood(node)
    linked.b.sigterm()
    right = {"replication": {"secret_file": linked.b.write_secret(SECRET)}}
    linked.b.start(merged(WITHOUT_ROUTER, right))
    linked.wait_until_in_sync()
    assert linked.assert_identical() == 1


@pytest.mark.parametrize("with_secret", ["a", "b"])
def test_a_secret_on_one_side_only_is_reported_on_both(linked, with_secret):
    of_a, of_b = (SECRET, None) if with_secret == "a" else (None, SECRET)
    linked.start(wait=False, **secrets(linked, of_a, of_b))
    having, lacking = linked.nodes if with_secret == "a" else linked.nodes[::-1]
    wait_for_word(having, "secret_file is set here but not on the peer")
    wait_for_word(lacking, "secret_file is set on the peer but not here")
    assert_each_serves_alone(linked)


def test_a_node_that_dials_itself_says_so_and_still_meets_its_peer(linked):
    path = linked.a.write_secret(SECRET), linked.b.write_secret(SECRET)
    itself = {"listen": f"0.0.0.0:{REPLICATION_PORT}", "peer": f"{linked.a.address}:11212"}
    of_a = {"replication": {"secret_file": path[0], **itself}}
    linked.a.start(merged(WITHOUT_ROUTER, of_a))
    wait_for_word(linked.a, "this node is connected to itself; replication.peer must name")
    linked.wait_for_client(linked.a).set("k", (0, b"x"))
    assert_log_is_no_flood(linked.a)
    linked.b.start(merged(WITHOUT_ROUTER, {"replication": {"secret_file": path[1]}}))
    linked.wait_until_in_sync()
    assert linked.assert_identical() == 1
    with undisturbed(linked):
        time.sleep(1)


def test_the_same_node_id_on_both_is_reported_on_both(linked):
    linked.start({"replication": {"node_id": 7}}, wait=False)
    for node in linked.nodes:
        wait_for_word(node, "both nodes have node id 7; give each host its own")
    assert_each_serves_alone(linked)
    linked.b.sigterm()
    linked.b.start(merged(WITHOUT_ROUTER, {"replication": {"node_id": 8}}))
    linked.wait_until_in_sync()
    linked.assert_identical(at_least=1)


def test_both_dial_at_once_and_one_connection_stays(linked):
    for _ in range(10):
        linked.start()
        settled = linked.connections()
        # Of two that were established at the same moment the second may have replaced the first.
        assert max(settled) <= 2
        wait_for(lambda: [node.link_sockets() for node in linked.nodes] == [1, 1],
                 "one connection", 3)
        time.sleep(0.7)
        assert linked.connections() == settled
        assert [node.link_sockets() for node in linked.nodes] == [1, 1]
        for node in linked.nodes:
            node.kill9()


def test_silent_strangers_do_not_keep_the_peer_out(linked):
    """With a secret everybody may connect; the peer still finds its way in at once."""
    linked.start(**secrets(linked, SECRET, SECRET))
    fill(linked.client_of(linked.a), 100)
    with contextlib.ExitStack() as stack:
        for node in linked.nodes:
            for _ in range(40):
                stack.enter_context(linked.lab.client.connect(*place(node)))
        before = linked.connections()[0]
        began = time.monotonic()
        linked.a.run("ss", "-K", "-tn", "dst", linked.b.address)
        wait_for(lambda: linked.connections()[0] > before, "both have met again", 10)
        # The strangers are turned away after two seconds at the earliest.
        assert time.monotonic() - began < 1.5
        linked.wait_until_in_sync()
    assert re.search("too many connections on the replication port", linked.a.log())
    linked.assert_identical(at_least=100)


@pytest.mark.parametrize("dialler", ["a", "b"])
def test_a_peer_configured_by_name_may_call_first(linked, dialler):
    """The host that is called has never reached its peer, whose port nobody can connect to."""
    of = {}
    for node in linked.nodes:
        peer = other(linked, node)
        node.name_addresses({"twin": peer.address})
        of[f"of_{node.name}"] = {"replication": {"peer": f"twin:{REPLICATION_PORT}"}}
    caller = linked.a if dialler == "a" else linked.b
    called = other(linked, caller)
    # What the called host asks for is lost on the way, so that it cannot dial.
    deaf = ["-p", "tcp", "--dport", str(REPLICATION_PORT), "--syn", "-j", "DROP"]
    assert called.run("iptables", "-A", "OUTPUT", *deaf).returncode == 0
    linked.start(**of)
    assert "is not the configured peer" not in called.log()


def test_a_stranger_is_refused_also_where_the_peer_is_a_name(linked):
    of = {}
    for node in linked.nodes:
        node.name_addresses({"twin": other(linked, node).address})
        of[f"of_{node.name}"] = {"replication": {"peer": f"twin:{REPLICATION_PORT}"}}
    linked.start(**of)
    stranger = linked.lab.client
    with undisturbed(linked):
        for node in linked.nodes:
            for _ in range(20):
                with stranger.connect(node.address, REPLICATION_PORT) as connection:
                    connection.settimeout(3)
                    assert connection.recv(100) == b""
            wait_for_word(node, f"{stranger.address}:")


def test_a_peer_that_moves_to_another_address_is_found_by_its_name(linked):
    of = {}
    for node in linked.nodes:
        node.name_addresses({"twin": other(linked, node).address})
        of[f"of_{node.name}"] = {"replication": {"peer": f"twin:{REPLICATION_PORT}"}}
    linked.start(**of)
    fill(linked.client_of(linked.a), 50)
    linked.b.kill9()
    moved = "10.77.0.22"
    ip("-n", linked.b.namespace, "address", "del", f"{linked.b.address}/24", "dev", "eth0")
    ip("-n", linked.b.namespace, "address", "add", f"{moved}/24", "dev", "eth0")
    linked.b.address = moved
    linked.a.name_addresses({"twin": moved})
    listen = {"replication": {"listen": f"{moved}:{REPLICATION_PORT}"}}
    linked.b.start(merged(linked.b.overrides, listen))
    linked.wait_until_in_sync()
    linked.assert_identical(at_least=50)
