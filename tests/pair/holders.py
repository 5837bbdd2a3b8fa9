"""Who held the virtual address, and when.

The kernel reports every address that comes or goes on a routing socket; one socket per host and
one thread for both see a change within about a millisecond without asking for it.
"""

import select
import socket
import struct
import threading
import time

from lab import VIRTUAL_ADDRESS

RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR = 0x10, 0x100
IFA_ADDRESS, IFA_LOCAL = 1, 2
MESSAGE = struct.Struct("=IHHII")  # length, type, flags, sequence, port
ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface
ATTRIBUTE = struct.Struct("=HH")  # length, type


def address_changes(data):
    """The `(message type, address)` of every address message in one datagram."""
    while len(data) >= MESSAGE.size:
        length, kind, *_ = MESSAGE.unpack_from(data)
        if kind in (RTM_NEWADDR, RTM_DELADDR):
            yield from ((kind, found) for found in _local_addresses(data[:length]))
        data = data[(length + 3) & ~3 :]


def _local_addresses(message):
    family = message[MESSAGE.size]
    # An IPv6 address that has no peer is told as IFA_ADDRESS alone.
    wanted = IFA_LOCAL if family == socket.AF_INET else IFA_ADDRESS
    rest = message[MESSAGE.size + ADDRESS.size :]
    while len(rest) >= ATTRIBUTE.size:
        length, kind = ATTRIBUTE.unpack_from(rest)
        if kind == wanted:
            yield socket.inet_ntop(family, rest[ATTRIBUTE.size : length])
        rest = rest[(length + 3) & ~3 :]


class HolderRecorder:
    """Records the holders of the virtual address from `start` to `stop`."""

    def __init__(self, *hosts, address=VIRTUAL_ADDRESS):
        self._hosts = hosts
        self._address = address
        self._sockets = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._record, daemon=True)
        # (moment, names of the holders from then on); times are of the monotonic clock.
        self.timeline = [(time.monotonic(), frozenset())]

    def start(self):
        """Subscribe, then ask for the present state: in this order no change can slip through."""
        family, kind = socket.AF_NETLINK, socket.SOCK_RAW
        address_family, group = socket.AF_INET, RTMGRP_IPV4_IFADDR
        if ":" in self._address:
            address_family, group = socket.AF_INET6, RTMGRP_IPV6_IFADDR
        body = ADDRESS.pack(address_family, 0, 0, 0, 0)
        length = MESSAGE.size + len(body)
        question = MESSAGE.pack(length, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 1, 0) + body
        for host in self._hosts:
            made = host.socket(family, kind, socket.NETLINK_ROUTE)
            made.bind((0, group))
            made.send(question)
            self._sockets[made] = host.name
        self._thread.start()
        return self

    def stop(self):
        """End the recording; the timeline stays."""
        self._stopping = True
        self._thread.join()
        for made in self._sockets:
            made.close()

    def _record(self):
        while not self._stopping:
            for made in select.select(list(self._sockets), [], [], 0.1)[0]:
                data = made.recv(65536)
                for kind, address in address_changes(data):
                    if address == self._address:
                        self._note(self._sockets[made], kind == RTM_NEWADDR)

    def _note(self, name, holds):
        before = self.timeline[-1][1]
        now = before | {name} if holds else before - {name}
        if now != before:
            self.timeline.append((time.monotonic(), now))

    def holders(self):
        """The names of the hosts that hold the address now."""
        return self.timeline[-1][1]

    def longest(self, condition, since=0.0):
        """The longest time in seconds, counted from `since`, in which the holders matched."""
        longest, began = 0.0, None
        for moment, holders in [*self.timeline, (time.monotonic(), None)]:
            if began is not None:
                longest = max(longest, moment - max(began, since))
            if holders is not None and condition(holders):
                began = began if began is not None else moment
            else:
                began = None
        return longest

    def longest_double(self, since=0.0):
        """The longest time in which two hosts held the address."""
        return self.longest(lambda holders: len(holders) > 1, since)

    def longest_vacancy(self, since=0.0):
        """The longest time in which no host held the address."""
        return self.longest(lambda holders: not holders, since)

    def changes_since(self, moment):
        """The holders after `moment`: every change, without the state before it."""
        return [sorted(holders) for when, holders in self.timeline if when > moment]

    def describe(self, origin):
        """The timeline as text, seconds counted from `origin`."""
        lines = [
            f"{moment - origin:+8.3f} s  {' and '.join(sorted(holders)) or 'nobody'}"
            for moment, holders in self.timeline
        ]
        return "\n".join(lines)
