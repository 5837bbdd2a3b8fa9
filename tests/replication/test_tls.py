"""The link in TLS: both ends show the one certificate that the other one expects, or do not pair."""

import contextlib
import ssl
import subprocess
import time

import pytest

import certificates
from greeting import farewell, greeting
from lab import REPLICATION_PORT, ip
from linked import SECRET, WITHOUT_ROUTER, fill
from node import as_yaml, configuration, merged
from relay import Relay
from test_link_security import assert_each_serves_alone, assert_log_is_no_flood, wait_for_word

EXIT_CONFIGURATION = 78


@pytest.fixture
def own(linked):
    """Certificate and key of each host: name -> paths."""
    return {name: certificates.make(linked.lab.directory, name) for name in ("a", "b", "stranger")}


def with_tls(own, a="a", b="b", a_expects="b", b_expects="a", **more):
    """Settings of both hosts, by whose files each shows and expects."""

    def of(shown, expected):
        tls = certificates.settings(own[shown], own[expected][0])
        return {"replication": {"tls": tls, **more}}

    return {"of_a": of(a, a_expects), "of_b": of(b, b_expects)}


def test_a_pair_replicates_in_tls_and_nothing_passes_in_the_clear(linked, own):
    """All of it goes through a relay, which sees what an eavesdropper sees."""
    client = linked.lab.client
    seen = []
    with contextlib.ExitStack() as stack:
        of = with_tls(own)
        for number, node in enumerate(linked.nodes):
            relay = Relay(client, 12000 + number, (node.address, REPLICATION_PORT), seen=seen)
            stack.enter_context(relay)
            dialler = of["of_b" if node is linked.a else "of_a"]
            dialler["replication"]["peer"] = f"{client.address}:{12000 + number}"
        linked.start(**of)
        first, second = (linked.client_of(node) for node in linked.nodes)
        large = (5, b"telltale " * 60_000)
        assert first.set("large", large)
        assert second.get("large") == large
        assert second.set("back", (0, b"telltale"))
        assert first.get("back") == (0, b"telltale")
        passed = b"".join(seen)
        assert len(passed) > 540_000
        assert b"telltale" not in passed and b"TWINCACH" not in passed
        linked.assert_identical(at_least=2)


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_full_copy_and_breaks_under_load_work_in_tls(linked, measured, kind):
    own = {name: certificates.make(linked.lab.directory, name, kind) for name in ("a", "b")}
    of = with_tls(own, secret_file=linked.a.write_secret(SECRET))
    linked.a.start(merged(WITHOUT_ROUTER, of["of_a"]))
    client = linked.wait_for_client(linked.a)
    fill(client, 10_000, size=2000)
    fill(client, 10, prefix="large", size=900_000)
    began = time.monotonic()
    linked.b.start(merged(WITHOUT_ROUTER, of["of_b"]))
    linked.wait_until_in_sync()
    took = time.monotonic() - began
    load = linked.load(linked.b)
    for node in linked.nodes * 4:
        load.wait_for_writes(60)
        node.reset_link()
    verdict = load.stop().verdict(until=load.ended_at)
    assert not verdict.errors and verdict.longest_gap < 1.0, str(verdict)
    linked.wait_until_in_sync(70)
    count = linked.assert_identical(at_least=10_010)
    measured(f"{kind}: 29 MB in sync after {took:.2f} s; {count} items identical")


def test_another_certificate_is_named_on_both_sides_and_the_right_one_heals(linked, own):
    linked.start(wait=False, **with_tls(own, b="stranger"))
    wait_for_word(linked.a, "shows another certificate than replication.tls.peer_certificate")
    wait_for_word(linked.b, "refuses this node's certificate")
    assert_each_serves_alone(linked)
    for node in linked.nodes:
        assert_log_is_no_flood(node)
    linked.b.sigterm()
    linked.b.start(merged(WITHOUT_ROUTER, with_tls(own)["of_b"]))
    linked.wait_until_in_sync()
    assert linked.assert_identical() == 1


@pytest.mark.parametrize("encrypted", ["a", "b"])
def test_tls_on_one_side_only_is_reported_on_both(linked, own, encrypted):
    of = with_tls(own, secret_file=linked.a.write_secret(SECRET))
    plain = {"replication": {"secret_file": linked.b.write_secret(SECRET)}}
    of["of_b" if encrypted == "a" else "of_a"] = plain
    linked.start(wait=False, **of)
    having, lacking = linked.nodes if encrypted == "a" else linked.nodes[::-1]
    wait_for_word(having, "replication.tls is set here but not on the peer")
    wait_for_word(lacking, "replication.tls is set on the peer but not here")
    assert_each_serves_alone(linked)
    for node in linked.nodes:
        assert_log_is_no_flood(node)


def test_strangers_do_not_get_in_and_do_not_keep_the_peer_out(linked, own):
    linked.start(**with_tls(own))
    fill(linked.client_of(linked.a), 100)
    before = linked.connections()
    place = linked.b.address, REPLICATION_PORT
    stranger = linked.lab.client
    with stranger.connect(*place) as connection:
        connection.sendall(greeting())
        assert "replication.tls is set on the peer but not here" in farewell(connection)
    for shown in (None, own["stranger"]):
        with pytest.raises(OSError), handshake(stranger.connect(*place), shown) as secured:
            # In TLS 1.3 the refusal comes after the handshake, where the greeting would.
            secured.sendall(greeting())
            assert secured.recv(100) == b""
            raise ConnectionResetError("closed without an alert")
    wait_for_word(linked.b, f"connection from {stranger.address} refused: the other end shows "
                            "another certificate than replication.tls.peer_certificate")
    wait_for_word(linked.b, "the other end shows no certificate")
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(stranger.connect(*place))
        assert linked.connections() == before
        linked.b.reset_link()
        linked.wait_until_in_sync(8)
    linked.assert_identical(at_least=100)


def handshake(connection, shown):
    """A client that checks nothing and shows the certificate of `shown`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if shown:
        context.load_cert_chain(*shown)
    return context.wrap_socket(connection)


def test_with_tls_the_peer_may_come_from_another_address(linked, own):
    """Its certificate proves it, as behind a firewall that translates addresses."""
    ip("-n", linked.a.namespace, "address", "add", "10.77.0.77/24", "dev", "eth0")
    ip("-n", linked.a.namespace, "route", "change", "10.77.0.0/24", "dev", "eth0",
       "src", "10.77.0.77")
    of = with_tls(own)
    of["of_b"]["replication"]["peer"] = "10.77.0.250:11212"
    linked.start(**of)
    linked.assert_identical()
    assert "may connect, by its address" not in linked.b.log()


def check(binary, path):
    """`twincached check`."""
    return subprocess.run([binary, "check", path], capture_output=True, text=True, timeout=10)


def test_files_lie_beside_the_configuration_and_are_checked(binary, tmp_path):
    certificate, key = certificates.make(tmp_path, "a")
    peer, peer_key = certificates.make(tmp_path, "b")
    (tmp_path / "nonsense").write_text("no certificate\n")
    (tmp_path / "two.crt").write_text(certificate.read_text() + peer.read_text())
    right = {"certificate": "a.crt", "key": "a.key", "peer_certificate": "b.crt"}
    cases = [
        ({}, None, None, ""),
        ({"certificate": "missing.crt"}, 9, 18, "missing.crt: No such file"),
        ({"certificate": "nonsense"}, 9, 18, "nonsense holds 0 certificates"),
        ({"certificate": "two.crt"}, 9, 18, "two.crt holds 2 certificates"),
        ({"key": "b.key"}, 10, 10, "this is not the key of the certificate"),
        ({"key": "a.crt"}, 10, 10, "a.crt holds no private key that is not encrypted"),
        ({"peer_certificate": "b.key"}, 11, 23, "b.key holds 0 certificates"),
        ({"peer_certificate": None}, 8, 3, "peer_certificate is missing"),
    ]
    path = tmp_path / "twincached.yaml"
    for change, line, column, words in cases:
        tls = merged(right, change)
        path.write_text(as_yaml(configuration("a", {"replication": {"tls": tls}})))
        done = check(binary, path)
        said = done.stdout + done.stderr
        if line is None:
            assert done.returncode == 0, said
            continue
        assert done.returncode == EXIT_CONFIGURATION, said
        assert f"{path}:{line}:{column}: " in said, said
        assert words in said


def test_a_private_key_that_everyone_can_read_is_warned_about(binary, tmp_path):
    _, key = certificates.make(tmp_path, "a")
    certificates.make(tmp_path, "b")
    key.chmod(0o644)
    tls = {"certificate": "a.crt", "key": "a.key", "peer_certificate": "b.crt"}
    path = tmp_path / "twincached.yaml"
    path.write_text(as_yaml(configuration("a", {"replication": {"tls": tls}})))
    done = check(binary, path)
    assert done.returncode == 0
    assert f"every user can read the private key: run chmod 600 {key}" in done.stdout + done.stderr
