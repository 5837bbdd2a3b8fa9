"""IPv6 addresses for the hosts of a lab."""

from lab import ip, wait_for

ADDRESSES_6 = {"a": "fd77::1", "b": "fd77::2", "client": "fd77::9"}
VIRTUAL_ADDRESS_6 = "fd77::100"


def add_addresses(lab):
    """Give every host its address. The link-local one the kernel makes by itself, after a while."""
    for host in (lab.a, lab.b, lab.client):
        address = f"{ADDRESSES_6[host.name]}/64"
        ip("-n", host.namespace, "address", "add", address, "dev", "eth0", "nodad")


def link_local(host):
    """The link-local address of a host, which VRRP sends from."""
    found = lambda: [one for one in host.addresses() if one.startswith("fe80:")]  # noqa: E731
    return wait_for(found, f"{host} has a link-local address")[0]
