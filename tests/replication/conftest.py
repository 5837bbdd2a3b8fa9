"""The fixtures and reports of tests/pair, and pairs of hosts that only replicate."""

import importlib.util
import sys
import time
from pathlib import Path

import pytest

PAIR_CONFTEST = Path(__file__).resolve().parents[1] / "pair" / "conftest.py"


def _load_as(name, path):
    """Both directories have a `conftest`, so that one needs another name here."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)


_load_as("pair_conftest", PAIR_CONFTEST)
pytest_plugins = ["pair_conftest"]


@pytest.fixture
def linked(binary, privileged):
    """Two hosts on which nothing was started yet."""
    # Imported here, because the modules of tests/pair are found only once this file was read.
    from linked import Linked

    with Linked() as made:
        yield made
        made.conclude()


@pytest.fixture(scope="module")
def shared_linked(binary, privileged):
    """One running pair for all tests of a module, which have to leave it as they found it."""
    from linked import Linked

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
