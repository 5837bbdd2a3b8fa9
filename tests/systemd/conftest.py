"""The fixtures and reports of tests/pair, and a machine that runs systemd.

A program that is not installed is a failure where CI=true: tests/prepare installs it. Where the
kernel gives no rights to boot anything, because this is a container itself, say, is no fault of the
checkout: these tests are then skipped with its words, in CI too.
"""

import pytest

from lab import Lab
from machine import Machine, missing_program, missing_right
from node import Node

pytest_plugins = ["pair_fixtures"]


@pytest.fixture(scope="session")
def machine(binary, privileged):
    """Host `a` of a lab, with systemd and the unit of packaging/."""
    # Here, because pytest wants to be the first to import a plugin.
    from pair_fixtures import skip_or_fail

    program = missing_program()
    if program:
        skip_or_fail(f"{program} is not installed (tests/prepare installs it as root)")
    reason = missing_right()
    if reason:
        pytest.skip(f"no machine can be booted here: {reason}")
    with Lab(Node) as lab, Machine(lab.a, binary) as made:
        yield made
