"""What a running pair says of itself."""

import json

import pytest

from lab import VIRTUAL_ADDRESS
from node import run_binary

pytestmark = pytest.mark.xdist_group("replication")


def test_a_running_node_is_healthy(shared_pair):
    for node in (shared_pair.a, shared_pair.b):
        assert node.http_get("/healthz")[0] == 200
        assert node.http_get("/nowhere")[0] == 404


def test_the_master_names_the_virtual_address(shared_pair):
    master, _ = shared_pair.roles()
    assert VIRTUAL_ADDRESS in json.dumps(master.status().data["vrrp"]["virtual_addresses"])


def test_a_client_of_the_virtual_address_can_ask_which_host_answers(shared_pair):
    master, standby = shared_pair.roles()
    assert shared_pair.client().stats("vrrp")[b"address"] == master.address.encode()
    assert shared_pair.client_of(standby).stats("vrrp")[b"address"] == standby.address.encode()


def test_the_status_command_prints_the_status(shared_pair):
    for node in (shared_pair.a, shared_pair.b):
        done = run_binary(node, "status", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["vrrp"]["state"] == node.state()
