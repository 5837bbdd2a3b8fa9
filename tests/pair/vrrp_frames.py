"""VRRP version 2 advertisements, right ones and broken ones, built without the code under test."""

import random
import socket
import struct

from lab import VIRTUAL_ADDRESS

MULTICAST_GROUP = "224.0.0.18"
PROTOCOL = 112


def checksum(message):
    """The Internet checksum (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(message) // 2}H", message))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def advertisement(priority, version=2, kind=1, vrid=51, interval=1, auth=0, count=1, flip=0):
    """An advertisement for the virtual address; `flip` is xored into its checksum."""
    first = version << 4 | kind
    tail = socket.inet_aton(VIRTUAL_ADDRESS) + bytes(8)
    head = struct.pack("!BBBBBB", first, vrid, priority, count, auth, interval)
    correct = checksum(head + b"\0\0" + tail)
    return head + struct.pack("!H", correct ^ flip) + tail


def broken(priority):
    """`(name, message, TTL)` of what has to be refused, whatever priority it claims."""
    right = advertisement(priority)
    return [
        ("nothing at all", b"", 255),
        ("seven bytes", right[:7], 255),
        ("without authentication data", right[:12], 255),
        ("noise", random.Random(priority).randbytes(1400), 255),
        ("TTL 254", right, 254),
        ("TTL 1", right, 1),
        ("version 5", advertisement(priority, version=5), 255),
        ("type 2", advertisement(priority, kind=2), 255),
        ("wrong checksum", advertisement(priority, flip=0x0100), 255),
        ("more addresses than bytes", advertisement(priority, count=255), 255),
        ("another interval", advertisement(priority, interval=2), 255),
        ("a password nobody asked for", advertisement(priority, auth=1), 255),
        ("unknown authentication", advertisement(priority, auth=9), 255),
        ("another virtual router", advertisement(priority, vrid=52), 255),
    ]


def send(host, message, ttl, source=None):
    """Multicast one message from `host`, or from there in the name of `source`."""
    if source is not None:
        _forge(host, message, ttl, source)
        return
    made = host.socket(socket.AF_INET, socket.SOCK_RAW, PROTOCOL)
    with made:
        source = socket.inet_aton(host.address)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, source)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
        made.sendto(message, (MULTICAST_GROUP, 0))


def _forge(host, message, ttl, source):
    """The header comes from us, so that the source may be anybody; the kernel adds its checksum."""
    made = host.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with made:
        own = socket.inet_aton(host.address)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        length = 20 + len(message)
        header = struct.pack("!BBHHHBBH", 0x45, 0xC0, length, 0, 0, ttl, PROTOCOL, 0)
        addresses = socket.inet_aton(source) + socket.inet_aton(MULTICAST_GROUP)
        made.sendto(header + addresses + message, (MULTICAST_GROUP, 0))
