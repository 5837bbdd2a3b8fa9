"""Fixtures: a fresh pair per test, or one that several tests share, and reports of failures.

A plugin of pytest, which the conftest.py of each directory names that starts pairs. Its pytest.ini
has this directory in `pythonpath`.
"""

import functools
import os
import shutil
import time

import pytest

from lab import missing_privilege, sweep
from node import BINARY
from pair import Pair

PAIR_FIXTURES = ("pair", "shared_pair")


@functools.cache
def _missing_privilege():
    sweep()
    return missing_privilege()


def skip_or_fail(reason):
    """Skip a test that cannot run here; where CI=true it has to run, so there it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def privileged():
    """Skips where network namespaces cannot be made."""
    reason = _missing_privilege()
    if reason:
        skip_or_fail(reason)


@pytest.fixture(scope="session")
def stand_in_programs(privileged):
    """Skips where memcached or keepalived are not installed."""
    for program in ("memcached", "keepalived"):
        if shutil.which(program) is None:
            skip_or_fail(f"{program} is not installed (tests/prepare installs it as root)")


@pytest.fixture(scope="session")
def binary():
    """The built twincached. Not having built it is a mistake, not a reason to skip."""
    if not BINARY.exists():
        pytest.fail(f"{BINARY} does not exist: cargo build --release")
    return BINARY


@pytest.fixture
def pair(binary, privileged):
    """A pair of the test's own, complete and in sync."""
    with Pair() as made:
        made.start()
        yield made
        made.conclude()


@pytest.fixture(scope="module")
def shared_pair(binary, privileged):
    """One pair for all tests of a module, which have to leave it as they found it."""
    with Pair() as made:
        made.start()
        yield made
        made.conclude()


@pytest.fixture
def measured(request):
    """Call it with a sentence: it is printed at the end of the test run."""

    def note(sentence):
        print(sentence)
        request.node.user_properties.append(("measured", sentence))

    return note


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for name in PAIR_FIXTURES:
        if name in getattr(item, "funcargs", {}):
            described = item.funcargs[name].describe()
            report.sections.append((f"{name} at {time.monotonic():.3f}", described))


def pytest_terminal_summary(terminalreporter):
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = [
        f"{report.nodeid.split('::')[-1].split('@')[0]}: {text}"
        for report in reports
        if report.when == "call"
        for kind, text in report.user_properties
        if kind == "measured"
    ]
    if lines:
        terminalreporter.section("measured")
        for line in sorted(lines):
            terminalreporter.write_line(line)
