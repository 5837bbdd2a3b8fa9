"""The capabilities come from the file of the program, as in the container image."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from pair_fixtures import skip_or_fail
from lab import Lab, wait_for
from node import Node, as_yaml, configuration

NOBODY = 65534
# Renewed once in a second for two, a lease lives at least this long, in seconds.
LEASE_MIN = 1.0


@pytest.mark.parametrize("granted", ["+p", "+ep"])
def test_a_user_without_rights_holds_the_address_and_the_guard_removes_it(
    binary, privileged, measured, granted
):
    if shutil.which("setcap") is None:
        skip_or_fail("setcap is not installed (tests/prepare installs it as root)")
    with Lab(Node) as lab:
        node = lab.a
        # The directory of a lab is closed to others.
        lab.directory.chmod(0o755)
        program = lab.directory / "twincached"
        shutil.copy(binary, program)
        subprocess.run(["setcap", f"cap_net_raw,cap_net_admin{granted}", program], check=True)
        node.config_file.write_text(as_yaml(configuration("a", {"replication": None})))
        as_nobody = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"]
        server = node.spawn(
            *as_nobody, program, "--config", node.config_file, log="twincached.log"
        )
        wait_for(node.holds_address, f"the address is held\n{node.log()}")
        assert os.stat(f"/proc/{server.pid}").st_uid == NOBODY
        effective = effective_capabilities(server.pid)
        assert effective.pop("address") == 1 << 13 | 1 << 12
        assert effective and not any(effective.values()), effective
        struck = time.monotonic()
        server.kill()
        wait_for(lambda: not node.holds_address(), "the guard removes the address", every=0.005)
        took = time.monotonic() - struck
        assert took < LEASE_MIN
        measured(f"removed after {took:.3f} s")


def effective_capabilities(pid):
    """Of each thread by its name, as a number; bits 12 and 13 are CAP_NET_ADMIN and CAP_NET_RAW."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        found[fields["Name"].strip()] = int(fields["CapEff"], 16)
    return found
