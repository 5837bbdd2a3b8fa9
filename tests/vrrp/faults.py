"""Faults of the network between the hosts, and of an interface of a host."""

from lab import ADDRESSES, Host, ip

ADDRESSES.setdefault("far", "10.77.0.10")

# What a port of the bridge does (BR_STATE_*): with a carrier, but passing nothing; and everything.
LISTENING, FORWARDING = "1", "3"


def bridge(lab, *arguments):
    """`ip` on the switch."""
    return ip("-n", lab.bridge, *arguments)


def cut_multicast(lab):
    """The switch no longer forwards multicast between the hosts; all else passes."""
    _flood_multicast(lab, "off")


def heal_multicast(lab):
    """Undo `cut_multicast`."""
    _flood_multicast(lab, "on")


def _flood_multicast(lab, state):
    for host in (lab.a, lab.b):
        bridge(lab, "link", "set", host.bridge_port, "type", "bridge_slave", "mcast_flood", state)


def set_port(host, state):
    """What the switch does with the port of a host, whose carrier stays."""
    bridge(host.lab, "link", "set", host.bridge_port, "type", "bridge_slave", "state", state)


def pull_cable(host):
    """The interface loses its carrier."""
    bridge(host.lab, "link", "set", host.bridge_port, "down")


def plug_cable(host):
    """The carrier is back."""
    bridge(host.lab, "link", "set", host.bridge_port, "up")


def set_interface(host, *state):
    """`ip link set eth0 ...` on a host."""
    ip("-n", host.namespace, "link", "set", "eth0", *state)


def delete_interface(host):
    """The interface is gone, with its addresses and the port of the switch."""
    ip("-n", host.namespace, "link", "del", "eth0")


def make_interface(host):
    """The interface again, as a host makes it: switched on first, then addressed."""
    lab = host.lab
    peer = ["peer", "name", "eth0", "netns", host.namespace]
    bridge(lab, "link", "add", host.bridge_port, "type", "veth", *peer)
    bridge(lab, "link", "set", host.bridge_port, "master", "bridge", "up")
    ip("-n", host.namespace, "link", "set", "eth0", "up")
    ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "eth0")


class TwoSwitches:
    """Host `b` and a second client stand at a switch of their own, with a cable to the first."""

    def __init__(self, lab):
        self._lab = lab
        self.far_client = Host(lab, "far")
        bridge(lab, "link", "add", "bridge2", "type", "bridge", "forward_delay", "0")
        bridge(lab, "link", "set", "bridge2", "type", "bridge", "mcast_snooping", "0")
        bridge(lab, "link", "set", "bridge2", "up")
        bridge(lab, "link", "add", "trunk", "type", "veth", "peer", "name", "trunk2")
        bridge(lab, "link", "set", "trunk2", "master", "bridge2", "up")
        bridge(lab, "link", "set", "trunk", "master", "bridge", "up")
        self.far_client.create()
        for host in (lab.b, self.far_client):
            bridge(lab, "link", "set", host.bridge_port, "master", "bridge2")

    def cut(self):
        """Nothing passes between the switches; no host loses its carrier."""
        bridge(self._lab, "link", "set", "trunk", "down")

    def heal(self):
        """Undo `cut`."""
        bridge(self._lab, "link", "set", "trunk", "up")

    def close(self):
        """Remove the second client; the rest goes with the lab."""
        self.far_client.close()
