"""Fixtures: servers that end with their test, and a network namespace."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from server import Server


@pytest.fixture
def directory():
    """A directory that every user may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="twincached-daemon-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def start(directory):
    """Start servers with flags; they end with the test."""
    servers = []

    def start_one(*flags, wait=True, **options):
        server = Server(directory, *flags, **options)
        servers.append(server)
        return server.wait() if wait else server

    yield start_one
    for server in servers:
        server.end()


@pytest.fixture
def namespace():
    """A network namespace with an interface `eth0` that has an address, for VRRP."""
    if os.geteuid() != 0:
        pytest.skip("needs root for a network namespace")
    name = f"tcdaemon-{os.getpid()}"
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", "other")
        _ip("-n", name, "link", "set", "other", "up")
        _ip("-n", name, "address", "add", "10.78.0.1/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        yield name
    finally:
        _ip("netns", "delete", name)


def _ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
