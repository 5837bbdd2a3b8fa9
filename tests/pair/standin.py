"""Debian's memcached and keepalived on one host: today's stack without replication.

It shows that the harness sees what it is there to see, lost writes and an address held twice, and
gives the failover times to compare with.
"""

from lab import MEMCACHED_PORT, VIRTUAL_ADDRESS, Host

KEEPALIVED = """\
vrrp_instance twin {{
  state BACKUP
  nopreempt
  interface eth0
  virtual_router_id 51
  priority {priority}
  advert_int 1
  virtual_ipaddress {{ {address}/32 dev eth0 }}
}}
"""
PRIORITIES = {"a": 150, "b": 100}


class StandIn(Host):
    """A host that runs memcached and keepalived."""

    def start(self):
        """Start both. Does not wait for anything."""
        config = self.lab.directory / f"{self.name}-keepalived.conf"
        config.write_text(
            KEEPALIVED.format(priority=PRIORITIES[self.name], address=VIRTUAL_ADDRESS)
        )
        pid_files = []
        for option, kind in (("--pid", "main"), ("--vrrp_pid", "vrrp")):
            pid_files += [option, self.lab.directory / f"{self.name}-{kind}.pid"]
        self.spawn("memcached", "-u", "root", "-p", MEMCACHED_PORT, log="memcached.log")
        keepalived = ["keepalived", "--dont-fork", "--log-console", "--vrrp"]
        self.spawn(*keepalived, "-f", config, *pid_files, log="keepalived.log")
