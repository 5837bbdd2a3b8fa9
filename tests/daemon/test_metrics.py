"""`/metrics` as Prometheus reads it."""

import subprocess

from prometheus_client.parser import text_string_to_metric_families
from server import wait_until

BOTH_PARTS = """
replication:
  listen: 10.78.0.1:11212
  peer: 10.78.0.2:11212
vrrp:
  interface: eth0
  virtual_router_id: 77
  virtual_addresses: [10.78.0.100/32]
admin:
  listen: 127.0.0.1:11280
"""


def scrape(namespace):
    """Head and body of the page."""
    command = ["ip", "netns", "exec", namespace, "curl", "-si", "http://127.0.0.1:11280/metrics"]
    page = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    return page.replace("\r", "").split("\n\n", 1)


def test_every_metric_has_a_type_and_a_meaning_and_is_named_as_prometheus_has_it(
    namespace, start, directory
):
    (directory / "both.yaml").write_text(BOTH_PARTS)
    inside = ("ip", "netns", "exec", namespace)
    server = start("--config", directory / "both.yaml", wrapper=inside, wait=False)
    wait_until(lambda: "BACKUP -> MASTER" in server.log(), 20, "it claims the address")
    head, body = scrape(namespace)
    assert "text/plain; version=0.0.4; charset=utf-8" in head

    families = list(text_string_to_metric_families(body))
    names = [family.name for family in families]
    assert len(names) == len(set(names)) >= 50
    samples = [
        (sample.name, tuple(sample.labels.items()))
        for family in families
        for sample in family.samples
    ]
    assert len(samples) == len(set(samples))
    for family in families:
        assert family.name.startswith("twincached_") and family.documentation, family
        assert family.type in ("counter", "gauge"), family
        assert not family.name.endswith(("_ms", "_s", "_percent")), family
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter"), sample

    value = {sample.name: sample for family in families for sample in family.samples}
    assert value["twincached_build_info"].labels.keys() == {"version"}
    assert value["twincached_build_info"].value == 1
    assert value["twincached_vrrp_advertisements_rejected_total"].labels.keys() == {"reason"}
    assert value["twincached_vrrp_master"].value == 1
    assert value["twincached_replication_connected"].value == 0
    assert value["twincached_connections_max"].value == 1024
    assert value["twincached_connections_rejected_total"].value == 0
    described = [line.split()[2] for line in body.splitlines() if line.startswith("# HELP ")]
    typed = [line.split()[2] for line in body.splitlines() if line.startswith("# TYPE ")]
    assert described == typed and len(typed) == len(set(typed))
