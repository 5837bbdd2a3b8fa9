"""A limit of the memory that processes may have, so that the kernel kills the largest of them."""

import contextlib
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def _places():
    """Where a group can be made, with its file for the limit: version 1, version 2."""
    yield CGROUPS / "memory", "memory.limit_in_bytes"
    controllers = CGROUPS / "cgroup.subtree_control"
    if controllers.exists() and "memory" in controllers.read_text().split():
        yield CGROUPS, "memory.max"


class MemoryLimit:
    """A group with a limit. Memory that its processes had before they came does not count."""

    def __init__(self, size):
        self.directory = None
        for place, limit in _places():
            directory = place / f"twincached-lab-{os.getpid()}"
            with contextlib.suppress(OSError):
                directory.mkdir()
                self.directory = directory
                (directory / limit).write_text(str(size))
                return
        self.close()
        raise OSError("no memory control group can be made here")

    def add(self, pid):
        """From now on what this process takes is counted."""
        (self.directory / "cgroup.procs").write_text(str(pid))

    def close(self):
        """Remove the group, once its processes are gone."""
        if self.directory is not None:
            self.directory.rmdir()
            self.directory = None
