"""The image and the compose files of docker/, as a user starts them."""

import json
import re
from pathlib import Path

import pytest

from clients import connect
from engine import DOCKER
from lab import wait_for

VIRTUAL_ADDRESS = "10.77.21.100"
ADDRESSES = {"host-a": "10.77.21.11", "host-b": "10.77.21.12"}
NET_ADMIN_AND_NET_RAW = 1 << 12 | 1 << 13


def inspect(engine, name):
    """What `docker inspect` tells of an image or a container."""
    return json.loads(engine.docker("inspect", name))[0]


def test_the_image_holds_the_program_and_little_else(engine):
    image = inspect(engine, "twincached")
    assert image["Size"] < 20 << 20
    assert image["Config"]["User"] == "twincached"


def test_without_options_it_is_a_memcached(engine):
    """Not given CAP_NET_ADMIN, which its file asks for, it starts all the same."""
    name = engine.docker("run", "--detach", "--rm", "twincached", "-m", "64").strip()
    try:
        address = inspect(engine, name)["NetworkSettings"]["IPAddress"]
        wait_for(lambda: "listening" in engine.docker("logs", name), "it listens")
        client = connect(address, engine.namespace)
        assert client.set("key", (0, b"value"))
        assert client.get("key") == (0, b"value")
        client.close()
    finally:
        engine.docker("kill", name)


@pytest.fixture
def hosts(engine):
    """compose.yaml, started."""

    def compose(*arguments):
        compose_file = DOCKER / "compose.yaml"
        project = ["--project-name", "twincached-hosts", "--file", compose_file]
        return engine.run("docker-compose", *project, *arguments, inside=True)

    compose("up", "--detach")
    try:
        wait_for(lambda: all_ok(engine), "both hosts are in sync", seconds=60, every=0.5)
        yield compose
    finally:
        compose("down", "--timeout", "1")


def container(host):
    """The name that Compose gives it."""
    return f"twincached-hosts_{host}_1"


def all_ok(engine):
    """Both say in the first line of their status that nothing is wrong."""
    return all(status(engine, host).startswith("OK:") for host in ADDRESSES)


def status(engine, host):
    """What `twincached status` says there, also while something is wrong."""
    try:
        return engine.docker("exec", container(host), "/usr/local/bin/twincached", "status")
    except AssertionError as error:
        return str(error)


def capabilities(status, kind):
    """A set of capabilities in the status of a thread."""
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith(f"{kind}:"))
    return int(mask, 16)


def test_two_hosts_without_root_hold_the_address_and_each_others_data(engine, hosts):
    for host in ADDRESSES:
        pid = inspect(engine, container(host))["State"]["Pid"]
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        facts = dict(line.split(":", 1) for line in lines)
        assert facts["Uid"].split() == ["11211"] * 4
        # One thread has them, and no other has any.
        statuses = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/status")]
        assert {capabilities(text, "CapEff") for text in statuses} == {0, NET_ADMIN_AND_NET_RAW}
        assert {capabilities(text, "CapPrm") for text in statuses} == {0, NET_ADMIN_AND_NET_RAW}

    client = connect(VIRTUAL_ADDRESS, engine.namespace)
    assert client.set("key", (7, b"value"))
    answers = client.stats("vrrp")[b"address"].decode()
    client.close()
    master = next(host for host, address in ADDRESSES.items() if address == answers)
    (standby,) = set(ADDRESSES) - {master}

    hosts("kill", master)
    moved = lambda: "MASTER" in status(engine, standby)  # noqa: E731
    wait_for(moved, f"{standby} takes over", seconds=15, every=0.2)
    client = connect(VIRTUAL_ADDRESS, engine.namespace)
    assert client.stats("vrrp")[b"address"].decode() == ADDRESSES[standby]
    assert client.get("key") == (7, b"value")
    client.close()


@pytest.mark.parametrize("front", ["nginx", "apache"])
def test_the_main_readme_shows_the_load_balancer_that_the_drill_goes_through(front):
    readme = (DOCKER.parent / "README.md").read_text()
    (shown,) = re.findall(rf"^```{front}\n(.*?)^```$", readme, re.M | re.S)
    shown = shown.replace("10.0.0.11:", "tomcat-1:").replace("10.0.0.12:", "tomcat-2:")
    ours = (DOCKER / "web" / f"{front}.conf").read_text()
    # In the same order.
    rest = iter([line.strip() for line in ours.splitlines()])
    missing = [line for line in shown.splitlines() if line.strip() not in rest]
    assert missing == []


@pytest.mark.parametrize(
    ("front", "losses"),
    [("nginx", "kill kill pause"), ("apache", "kill"), ("apache-jk", "kill")],
)
def test_a_session_lives_through_the_drill(engine, front, losses):
    done = engine.run(DOCKER / "drill.sh", front, seconds=600, inside=True, LOSSES=losses)
    print(done)
    assert "counts, none lost" in done.splitlines()[-1]
