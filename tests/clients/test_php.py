"""PHP's memcached extension: as a client, and as the place where sessions are kept."""

import shutil
import subprocess
from pathlib import Path

import pytest
from pymemcache.client.base import Client

from conftest import skip_or_fail
from program import demand
from servers import ADDRESS, eventually

PHP = Path(__file__).parent / "php"
CHECKS = """set_and_get add_and_replace append_and_prepend counters delete_and_flush multi_get cas
    cas_loops large_values a_value_that_is_too_large expiry statistics a_restart""".split()

SESSION = "memc.sess.key.browser1"
LOCK = "memc.sess.key.lock.browser1"


@pytest.fixture(scope="module")
def php():
    """The command, if it has the extension."""
    command = shutil.which("php")
    loaded = command and subprocess.run([command, "-m"], capture_output=True, text=True).stdout
    if not loaded or "memcached" not in loaded.split():
        skip_or_fail(
            "php or its memcached extension is not installed (tests/prepare does, as root)"
        )
    return command


@pytest.mark.parametrize("protocol", ["text", "binary"])
def test_php(server, php, protocol):
    demand(CHECKS, server, php, PHP / "memcached.php", server.name, protocol)


@pytest.fixture(params=["text", "binary"])
def count(server, php, request):
    """Starts a process that counts in the session `browser1`."""
    started = []

    def start(times, microseconds, **settings):
        options = {
            "session.save_handler": "memcached",
            "session.save_path": server.name,
            "session.gc_maxlifetime": 100,
            "memcached.sess_locking": 1,
            "memcached.sess_lock_expire": 20,
            "memcached.sess_lock_wait_min": 1,
            "memcached.sess_lock_wait_max": 5,
            "memcached.sess_lock_retries": 20000,
            "memcached.sess_binary_protocol": int(request.param == "binary"),
            **settings,
        }
        words = [word for name, value in options.items() for word in ("-d", f"{name}={value}")]
        program = [PHP / "session.php", "browser1", str(times), str(microseconds)]
        started.append(
            subprocess.Popen(
                [php, *words, *program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def reader(server):
    """A look at what the extension stores, at an empty server."""
    client = Client((ADDRESS, server.port), timeout=3, default_noreply=False)
    client.flush_all()
    yield client
    client.close()


def answer(process):
    """What it printed; it must have ended well."""
    printed, _ = process.communicate(timeout=40)
    assert process.returncode == 0, printed
    return printed.strip()


def test_a_session_is_found_again_by_another_process(count, reader):
    assert answer(count(1, 0)) == "1"
    assert answer(count(2, 0)) == "3"
    assert b"count|i:3" in reader.get(SESSION)
    assert reader.get(LOCK) is None


def test_two_processes_take_turns_in_one_session(count, reader):
    processes = [count(60, 2000), count(60, 2000)]
    assert max(int(answer(process)) for process in processes) == 120
    assert b"count|i:120" in reader.get(SESSION)
    assert reader.get(LOCK) is None


def test_the_second_process_waits_while_the_first_holds_the_lock(count, reader):
    first = count(1, 700_000)
    eventually(lambda: reader.get(LOCK) is not None, "the first process holds the lock")
    second = count(1, 0)
    assert answer(first) == "1"
    assert answer(second) == "2"


def test_the_lock_of_a_process_that_died_expires(count, reader):
    first = count(1, 30_000_000, **{"memcached.sess_lock_expire": 2})
    eventually(lambda: reader.get(LOCK) is not None, "the first process holds the lock")
    first.kill()
    assert answer(count(1, 0)) == "1"


def test_a_session_lives_as_long_as_php_says(count, reader):
    answer(count(1, 0, **{"session.gc_maxlifetime": 2}))
    assert reader.get(SESSION) is not None
    eventually(lambda: reader.get(SESSION) is None, "the session has expired")


def test_a_session_begins_anew_after_a_restart(count, reader, server):
    assert answer(count(3, 0)) == "3"
    reader.close()
    server.restart()
    assert answer(count(1, 0)) == "1"
