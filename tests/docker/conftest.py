"""The fixtures and reports of tests/pair, and the engine with the images.

A program that is not installed is a failure where CI=true: tests/prepare installs it. An engine
that is installed and does not start, because the machine is itself a container without the rights
for it, say, is no fault of the checkout: these tests are then skipped with its last words, in
CI too.
"""

import pytest

from engine import CannotRun, Engine, build_images, missing_program

pytest_plugins = ["pair_fixtures"]


@pytest.fixture(scope="session")
def engine(binary, privileged):
    """An engine in a network of its own that has the images of docker/."""
    # Here, because pytest wants to be the first to import a plugin.
    from pair_fixtures import skip_or_fail

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
