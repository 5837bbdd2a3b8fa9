"""The harness on today's stack: it has to see lost writes and an address that is held twice."""

import contextlib
import os
import time

import pytest

from clients import Load, connect, read_all
from holders import HolderRecorder
from lab import NAMESPACES, VIRTUAL_ADDRESS, Lab, wait_for
from ledger import step
from standin import StandIn


@pytest.fixture
def lab(stand_in_programs):
    with Lab(StandIn) as made:
        yield made


@contextlib.contextmanager
def recording(lab):
    recorder = HolderRecorder(lab.a, lab.b).start()
    try:
        yield recorder
    finally:
        recorder.stop()


def test_the_check_finds_exactly_the_losses_that_were_planted(lab):
    lab.a.start()
    client = connect(lab.a.address, lab.client.namespace)
    wait_for(lambda: answers(client), "memcached answers")
    load = Load(lab, lab.a.address)
    load.wait_for_writes(1000)
    ledger = load.stop()
    verdict = ledger.verdict()
    assert (verdict.violations, verdict.unknown, verdict.errors) == ([], 0, [])

    found = read_all(client, ledger.keys)
    present = [key for key in found if key.startswith("item")]
    absent = [key for key in ledger.keys if key not in found]
    rewritten = [op for op in ledger.operations if op.name == "cas" and op.answer == "stored"]
    older = next(op for op in rewritten if op.key in found and op.key in present)
    first = next(op for op in ledger.operations if op.key == older.key)
    present.remove(older.key)
    client.delete(present[0])
    client.set(absent[0], (0, b"1"))
    client.set(present[1], (0, b"written by somebody else"))
    plant_state_after(client, first)
    ledger.compare(read_all(client, ledger.keys), "the altered store")
    seen = {violation.key: violation.kind for violation in ledger.verdict().violations}
    assert seen == {
        present[0]: "lost",
        absent[0]: "resurrected",
        present[1]: "foreign",
        older.key: "older",
    }


def answers(client):
    with contextlib.suppress(OSError):
        return client.version()
    return None


def plant_state_after(client, operation):
    state, _ = step(None, operation)
    client.set(operation.key, state)


def test_an_unreplicated_pair_loses_writes_and_holds_the_address_twice(lab, measured):
    with recording(lab) as recorder:
        lab.a.start()
        wait_for(lambda: recorder.holders() == {"a"}, "a holds the address")
        assert lab.a.holds_address() and not lab.b.holds_address()
        lab.b.start()
        load = Load(lab, VIRTUAL_ADDRESS)
        load.wait_for_writes(500)
        killed_at = time.monotonic()
        lab.a.kill_everything()
        wait_for(lambda: recorder.holders() == {"a", "b"}, "both hold the address")
        load.wait_for_writes(300)
        assert recorder.longest_double() > 0.1
        ledger = load.stop()
    client = connect(lab.b.address, lab.client.namespace)
    ledger.compare(read_all(client, ledger.keys), "host b")
    verdict = ledger.verdict(until=load.ended_at)
    assert verdict.counts["lost"] > 50
    assert verdict.errors == []
    assert 2.5 < verdict.longest_gap < 6
    assert verdict.gap_began < killed_at + 0.1
    measured(f"memcached and keepalived, kill -9: {verdict.longest_gap:.3f} s without a write")


def test_a_host_without_power_is_silent_and_holds_nothing(lab):
    with recording(lab) as recorder:
        lab.a.start()
        wait_for(lambda: recorder.holders() == {"a"}, "a holds the address")
        assert reachable(lab)
        lab.a.power_loss()
        assert lab.a.pids() == []
        assert lab.a.addresses() == []
        wait_for(lambda: recorder.holders() == frozenset(), "nobody holds the address", 1)
        assert not reachable(lab)
        lab.a.power_return()
        wait_for(lambda: reachable(lab), "the returned host answers")


def reachable(lab):
    """A port that nobody listens on is refused by a host that lives; silence is no answer."""
    try:
        lab.client.connect(lab.a.address, 9, seconds=0.3)
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


def test_a_frozen_host_answers_again_when_it_wakes(lab):
    lab.a.start()
    client = connect(lab.a.address, lab.client.namespace, timeout=0.3)
    wait_for(lambda: answers(client), "memcached answers")
    lab.a.freeze()
    assert answers(client) is None
    lab.a.wake()
    wait_for(lambda: answers(client), "memcached answers again")


def test_a_cut_of_the_replication_port_is_silent_and_can_be_healed(lab):
    lab.b.spawn("memcached", "-u", "root", "-p", "11212")
    wait_for(lambda: opened(lab, 11212), "the port answers")
    lab.a.cut_replication()
    with pytest.raises(TimeoutError):
        lab.a.connect(lab.b.address, 11212, seconds=0.5)
    lab.a.heal_replication()
    assert opened(lab, 11212)


def opened(lab, port):
    with contextlib.suppress(OSError):
        lab.a.connect(lab.b.address, port, seconds=0.5).close()
        return True
    return False


def test_a_closed_lab_leaves_nothing_behind(stand_in_programs):
    with Lab(StandIn) as lab:
        lab.a.start()
        process = lab.a._processes[0]
        names = [lab.a.namespace, lab.b.namespace, lab.client.namespace, lab.bridge]
    assert process.poll() is not None
    assert [name for name in names if (NAMESPACES / name).exists()] == []
    assert not lab.directory.exists()


@pytest.mark.xdist_group("grouped")
def test_tests_of_a_group_carry_its_name_by_which_they_come_to_one_worker(request):
    """A pytest that pytest-xdist does not know would start a shared pair once for each worker."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("one process runs all tests here")
    assert request.node.nodeid.endswith("@grouped")
