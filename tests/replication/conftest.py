"""The fixtures and reports of tests/pair, and pairs of hosts that only replicate."""

import time

import pytest

from linked import Linked

pytest_plugins = ["pair_fixtures"]


@pytest.fixture
def linked(binary, privileged):
    """Two hosts on which nothing was started yet."""
    with Linked() as made:
        yield made
        made.conclude()


@pytest.fixture(scope="module")
def shared_linked(binary, privileged):
    """One running pair for all tests of a module, which have to leave it as they found it."""
    with Linked() as made:
        made.start()
        yield made
        made.conclude()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    for name in ("linked", "shared_linked"):
        if report.failed and name in getattr(item, "funcargs", {}):
            described = item.funcargs[name].describe()
            report.sections.append((f"{name} at {time.monotonic():.3f}", described))
