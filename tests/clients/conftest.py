"""Fixtures: the server that a test talks to, and skipping what is not installed."""

import os

import pytest

from servers import BINARY, KINDS, MEMCACHED, Server


def skip_or_fail(reason):
    """Skip a test that cannot run here; where CI=true it has to run, so there it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def need(kind):
    """Skip without memcached. Not having built twincached is a mistake, not a reason to skip."""
    if kind == "twincached" and not BINARY.exists():
        pytest.fail(f"{BINARY} does not exist: cargo build --release")
    if kind == "memcached" and MEMCACHED is None:
        skip_or_fail("memcached is not installed (tests/prepare installs it as root)")


@pytest.fixture(scope="module", params=KINDS)
def server(request):
    """Each of the two servers in turn: what fails on memcached too is a mistake of the test."""
    need(request.param)
    with Server(request.param) as started:
        yield started


@pytest.fixture(scope="module")
def both():
    """The two servers side by side, as name -> server."""
    for kind in KINDS:
        need(kind)
    with Server("twincached") as ours, Server("memcached") as theirs:
        yield {"twincached": ours, "memcached": theirs}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    made = getattr(item, "funcargs", {}).get("server")
    if report.failed and made is not None:
        report.sections.append((f"log of {made}", made.log()))
