"""`twincached check` on the host that the file is meant for."""

from server import run

FILE = """
listen: ["0.0.0.0:0"]
replication:
  listen: 192.0.2.1:11212
  peer: 192.0.2.2:11212
vrrp:
  interface: missing7
  virtual_router_id: 77
  virtual_addresses: [192.0.2.100/32]
  on_change: {program}
admin:
  listen: 0.0.0.0:11280
"""


def warnings(directory, program):
    """What a check of the file warns of."""
    (directory / "file.yaml").write_text(FILE.format(program=program))
    result = run(directory, "check", "file.yaml")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "file.yaml: the configuration is good\n"
    return result.stderr.splitlines()


def test_what_this_host_does_not_have_is_a_warning(directory):
    assert warnings(directory, "/missing/program") == [
        "warning: clients get another port at each start, as port 0 is configured: "
        "name one, such as 11211",
        "warning: replication.listen: this host has no address 192.0.2.1 (see ip address)",
        "warning: vrrp.interface: this host has no interface missing7 (see ip link)",
        "warning: vrrp.on_change: /missing/program: No such file or directory (os error 2)",
        "warning: whoever reaches the admin port 0.0.0.0:11280 can move the address, as failover "
        "asks for no password: listen on 127.0.0.1, or let a firewall keep others away",
    ]


def test_a_program_that_cannot_be_run_is_a_warning(directory):
    program = directory / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o644)
    told = f"warning: vrrp.on_change: {program} is not executable (chmod +x)"
    assert told in warnings(directory, program)
    program.chmod(0o755)
    assert told not in warnings(directory, program)
