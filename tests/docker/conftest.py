"""The fixtures and reports of tests/pair, and the engine with the images.

A program that is not installed is a failure where CI=true: tests/prepare installs it. An engine
that is installed and does not start, because the machine is itself a container without the rights
for it, say, is no fault of the checkout: these tests are then skipped with its last words, in
CI too.
"""

import importlib.util
import sys
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


@pytest.fixture(scope="session")
def engine(binary, privileged):
    """An engine in a network of its own that has the images of docker/."""
    from engine import CannotRun, Engine, build_images, missing_program
    from pair_conftest import skip_or_fail

    program = missing_program()
    if program:
        skip_or_fail(f"{program} is not installed (tests/prepare installs it as root)")
    with Engine() as made:
        try:
            made.start_to_build()
            build_images(made, binary)
            made.stop()
            made.start_to_run()
        except CannotRun as reason:
            pytest.skip(str(reason))
        yield made
