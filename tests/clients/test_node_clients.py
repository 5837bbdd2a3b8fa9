"""Two Node clients, memjs (binary) and memcached (text), on twincached and on memcached."""

import shutil
from pathlib import Path

import pytest

from conftest import skip_or_fail
from program import demand

NODE = Path(__file__).parent / "node"

BOTH = """set_and_get add_and_replace counters delete_and_flush large_values
    expiry statistics a_restart""".split()
CHECKS = {
    "memjs": [*BOTH, "append", "many_requests_at_once", "a_value_that_is_too_large"],
    "memcached": [*BOTH, "append_and_prepend", "multi_get", "cas", "cas_loops"],
}


@pytest.mark.parametrize("program", CHECKS)
def test_node(server, program):
    if shutil.which("node") is None or not (NODE / "node_modules").is_dir():
        skip_or_fail("node or its packages are not installed (tests/prepare installs them)")
    demand(CHECKS[program], server, "node", NODE / f"{program}.js", server.name)
