"""Fixtures: a server of the test's own, and room for many connections."""

import os
import resource

import pytest
from peers import Bystander
from servers import BINARY, KINDS, MEMCACHED, Server


def skip_or_fail(reason):
    """Skip a test that cannot run here; where CI=true it has to run, so there it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def start():
    """Start servers by kind; they end with the test, and must not have ended before."""
    started = []

    def start_one(kind, *options):
        if kind == "twincached" and not BINARY.exists():
            pytest.fail(f"{BINARY} does not exist: cargo build --release")
        if kind == "memcached" and MEMCACHED is None:
            skip_or_fail("memcached is not installed (tests/prepare installs it as root)")
        server = Server(kind, *options)
        started.append(server)
        server.start()
        return server

    yield start_one
    ended = [server for server in started if server.process.poll() is not None]
    logs = [server.log() for server in ended]
    for server in started:
        server.stop()
    assert not ended, f"a server died:\n{logs}"


@pytest.fixture(params=KINDS)
def server(request, start):
    """Each of the two servers in turn: what fails on memcached too is a mistake of the test."""
    return start(request.param)


@pytest.fixture
def ours(start):
    """twincached alone, for what memcached does not promise."""
    return start("twincached")


@pytest.fixture
def bystander(request):
    """A well-behaved client of the server that the test uses."""
    name = "ours" if "ours" in request.fixturenames else "server"
    client = Bystander(request.getfixturevalue(name))
    yield client
    client.close()


@pytest.fixture
def many_files():
    """Let this process, and servers started afterwards, open 25,000 files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 25_000
    try:
        limits = (max(wanted, before[0]), max(wanted, before[1]))
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 12_500:
        skip_or_fail(f"no more than {before[1]} open files are allowed")
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
