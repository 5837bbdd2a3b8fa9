"""memccapable, libmemcached's own test of a server, and its tools."""

import re
import shutil
import subprocess

import pytest

from conftest import skip_or_fail
from servers import eventually

ASCII = """version quit verbosity set get gets mget flush add replace cas delete incr decr append
    prepend stat""".split()
ASCII_NOREPLY = "set flush add replace cas delete incr decr append prepend".split()
BINARY = """noop quit set flush add replace delete get getk incr decr version append prepend
    stat""".split()
BINARY_QUIET = (
    "quitq setq flushq addq replaceq deleteq getq getkq incrq decrq appendq prependq".split()
)

CAPABILITIES = sorted(
    [f"ascii {name}" for name in ASCII]
    + [f"ascii {name} noreply" for name in ASCII_NOREPLY]
    + [f"binary {name}" for name in BINARY + BINARY_QUIET]
)


@pytest.fixture
def tool(server):
    """Runs a tool of libmemcached and returns what it printed."""
    if shutil.which("memccapable") is None:
        skip_or_fail("libmemcached-tools is not installed (tests/prepare installs it as root)")

    def run(name, *arguments, code=0, binary=False):
        command = [name, f"--servers={server.name}", *(["--binary"] if binary else []), *arguments]
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, timeout=30
        )
        assert done.returncode == code, (command, done.stdout, done.stderr)
        return done.stdout

    run("memcflush")
    return run


@pytest.fixture
def copied(tool, tmp_path):
    """Two files that memccp has stored, as name -> content; their names are the keys."""
    contents = {"first": "one\n", "second": "two\n" * 20000}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    tool("memccp", *(tmp_path / name for name in contents))
    return contents


def test_memccapable_finds_every_capability(server):
    if shutil.which("memccapable") is None:
        skip_or_fail("libmemcached-tools is not installed (tests/prepare installs it as root)")
    host, port = server.name.split(":")
    done = subprocess.run(
        ["memccapable", "-h", host, "-p", port, "-t", "10", "-v"],
        capture_output=True,
        text=True,
        timeout=50,
    )
    # A failure prints its reason between the name and the verdict.
    found = re.findall(r"^((?:ascii|binary) [a-z ]+?)\s+\[pass\]", done.stdout, re.MULTILINE)
    assert sorted(found) == CAPABILITIES, done.stdout + done.stderr
    assert "All tests passed" in done.stdout


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_what_memccp_copies_memccat_prints(tool, copied, binary):
    assert tool("memccat", "first", binary=binary) == copied["first"] + "\n"
    assert tool("memccat", "second", binary=binary) == copied["second"] + "\n"
    tool("memccat", "nothing", code=1, binary=binary)


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_memcexist_memctouch_and_memcrm(tool, copied, binary):
    tool("memcexist", "first", binary=binary)
    tool("memcexist", "nothing", code=1, binary=binary)
    tool("memctouch", "--expire=100", "first", binary=binary)
    tool("memcrm", "first", binary=binary)
    tool("memcexist", "first", code=1, binary=binary)
    tool("memcexist", "second", binary=binary)


def test_memcdump_lists_the_keys(tool, copied):
    # memcached's cachedump shows an item only when its background thread has moved it.
    eventually(lambda: set(tool("memcdump").split()) == set(copied), "both keys are listed")


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_memcflush_and_memcping(tool, copied, binary):
    tool("memcping")
    tool("memcflush", binary=binary)
    tool("memcexist", "first", code=1, binary=binary)


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_memcstat_prints_the_statistics(tool, copied, binary):
    printed = tool("memcstat", binary=binary)
    found = dict(re.findall(r"^\s*(\w+): (\S+)$", printed, re.MULTILINE))
    # memcached still counts what was flushed until it comes across it.
    assert int(found["curr_items"]) >= 2
    assert re.fullmatch(r"\d+\.\d{6}", found["rusage_user"])
    assert re.search(r"^\s*maxconns: 1024$", tool("memcstat", "settings"), re.MULTILINE)


def test_memcslap_loads_the_server(tool):
    for test in ("get", "set", "mget"):
        printed = tool("memcslap", f"--test={test}", "--concurrency=4", "--execute-number=500")
        assert "Time" in printed or "seconds" in printed, printed
