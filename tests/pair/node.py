"""twincached on one host of a lab: its configuration file, its process and its status."""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

from lab import (
    ADDRESSES,
    ADMIN_PORT,
    MEMCACHED_PORT,
    REPLICATION_PORT,
    VIRTUAL_ADDRESS,
    Host,
)

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("TWINCACHED_BINARY", REPOSITORY / "target" / "release" / "twincached"))
PRIORITIES = {"a": 240, "b": 200}


def configuration(name, overrides=None):
    """The configuration of host `name`: DESIGN's example, with `overrides` merged in.

    An override of `None` removes its key.
    """
    peer = "b" if name == "a" else "a"
    base = {
        "memory": "64MiB",
        "listen": [f"0.0.0.0:{MEMCACHED_PORT}"],
        "replication": {
            "listen": f"{ADDRESSES[name]}:{REPLICATION_PORT}",
            "peer": f"{ADDRESSES[peer]}:{REPLICATION_PORT}",
            "acknowledge": "peer",
            "acknowledge_timeout": "250ms",
        },
        "vrrp": {
            "interface": "eth0",
            "virtual_router_id": 51,
            "priority": PRIORITIES[name],
            "advertisement_interval": "1s",
            "virtual_addresses": [f"{VIRTUAL_ADDRESS}/32"],
        },
        "admin": {"listen": f"127.0.0.1:{ADMIN_PORT}"},
    }
    return merged(base, overrides or {})


def merged(base, overrides):
    """`base` with the keys of `overrides` replaced, section by section."""
    result = dict(base)
    for key, value in overrides.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def as_yaml(settings, indent=""):
    """YAML of nested mappings, lists of scalars, and scalars."""
    lines = []
    for key, value in settings.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}:\n", as_yaml(value, indent + "  ")]
        elif isinstance(value, list):
            lines.append(f"{indent}{key}: {json.dumps(value)}\n")
        else:
            lines.append(f"{indent}{key}: {value}\n")
    return "".join(lines)


class Status:
    """`GET /status`. Every field that a test reads is named here and nowhere else."""

    def __init__(self, data):
        self.data = data
        node, vrrp, replication = data["node"], data["vrrp"], data["replication"]
        self.complete = node["complete"]
        self.serving = node["serving"]
        self.state = vrrp["state"]
        self.reason = vrrp["reason"]
        self.effective_priority = vrrp["effective_priority"]
        self.rejected = vrrp["rejected"]
        self.link = replication["state"]
        self.peer_has_mine = replication["peer_has_all"]
        self.has_peers = replication["have_all"]
        self.degraded = replication["degraded"]
        self.degradations = replication["degradations"]
        self.waits = replication["waiting_for_peer"]
        self.lag_items = replication["lag_items"]
        self.bytes_sent = replication["bytes_sent"]
        self.items = data["store"]["items"]

    @property
    def connected(self):
        """Whether the replication link is up."""
        return self.link == "connected"

    @property
    def in_sync(self):
        """Whether each of the two has everything of the other."""
        return self.connected and self.peer_has_mine and self.has_peers

    @property
    def rejected_total(self):
        """Advertisements that the receive ladder refused, for whatever reason."""
        return sum(self.rejected.values())

    def __str__(self):
        return json.dumps(self.data)


class Node(Host):
    """A host that runs twincached."""

    def __init__(self, lab, name):
        super().__init__(lab, name)
        self.process = None
        self.overrides = {}
        # A command that runs the server, such as one that shows it another clock.
        self.wrapper = []

    @property
    def config_file(self):
        """The configuration file of this host."""
        return self.lab.directory / f"{self.name}.yaml"

    def start(self, overrides=None):
        """Write the configuration and start. Does not wait for anything."""
        if overrides is not None:
            self.overrides = overrides
        self.config_file.write_text(as_yaml(configuration(self.name, self.overrides)))
        self.process = self.spawn(
            *self.wrapper, BINARY, "--config", self.config_file, log="twincached.log"
        )

    def kill9(self):
        """kill -9 of the server alone; its guard lives and does its work."""
        self.process.kill()
        self.process.wait(timeout=10)

    def sigterm(self, seconds=10):
        """Ask the server to leave and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=seconds)

    def status(self):
        """The status, or `None` while nobody answers."""
        answer = self.http_get("/status")
        return Status(json.loads(answer[1])) if answer and answer[0] == 200 else None

    def state(self):
        """The VRRP state, `None` while nobody answers."""
        status = self.status()
        return status.state if status else None

    def describe(self):
        """Status and log, for a failure report."""
        status = "unknown"
        with contextlib.suppress(Exception):
            status = str(self.status())
        return f"{self} status: {status}\n{self} log:\n{self.log()}"


def run_binary(host, *arguments, wrapper=(), seconds=20):
    """Run twincached on `host` to its end; a run that does not end is killed and returned so."""
    try:
        return host.run(*wrapper, BINARY, *arguments, seconds=seconds)
    except subprocess.TimeoutExpired as expired:
        return subprocess.CompletedProcess(
            expired.cmd, None, _text(expired.stdout), _text(expired.stderr)
        )


def _text(captured):
    return captured.decode(errors="replace") if isinstance(captured, bytes) else captured or ""
