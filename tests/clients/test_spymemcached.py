"""spymemcached, text and binary, on twincached and on memcached."""

import shutil
from pathlib import Path

import pytest

from conftest import skip_or_fail
from program import demand

JAVA = Path(__file__).parent / "spymemcached"
LIBRARY = JAVA / "target" / "dependency"

CHECKS = """set_and_get add_and_replace append_and_prepend counters delete_and_flush multi_get
    pipelined cas cas_loops large_values expiry get_and_touch statistics a_restart""".split()


@pytest.mark.parametrize("protocol", ["text", "binary"])
def test_spymemcached(server, protocol):
    if shutil.which("java") is None or not list(LIBRARY.glob("spymemcached-*.jar")):
        skip_or_fail("java or spymemcached is not installed (tests/prepare installs them)")
    java = ["java", "-XX:+UseSerialGC", "-cp", LIBRARY / "*", JAVA / "Checks.java"]
    demand(CHECKS, server, *java, server.name, protocol)
