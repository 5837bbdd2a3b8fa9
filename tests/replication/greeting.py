"""The first frames of the link, written and read by hand.

A frame is its length, a CRC-32C, a type and a body; the length counts type and body, the checksum
covers them. A greeting is a magic word, the oldest and the newest protocol version, a nonce and
whether there is a secret. Integers are little-endian.
"""

import os
import struct

GREETING, PROOF, GOODBYE = 1, 2, 15
MAGIC = b"TWINCACH"
PREFIX = struct.Struct("<II")
POLYNOMIAL = 0x82F63B78


def crc32c(data):
    """CRC-32C (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def frame(kind, body):
    """A whole frame."""
    payload = bytes([kind]) + body
    return PREFIX.pack(len(payload), crc32c(payload)) + payload


def greeting(oldest=1, newest=1, secret=False):
    """A greeting with a nonce of its own."""
    return frame(GREETING, MAGIC + struct.pack("<II", oldest, newest) + os.urandom(32)
                 + bytes([secret]))


def read_frames(connection, seconds=5.0):
    """Every frame until the other end closes, as (type, body)."""
    connection.settimeout(seconds)
    received = b""
    try:
        while chunk := connection.recv(1 << 16):
            received += chunk
    except ConnectionResetError:
        pass
    frames = []
    while received:
        length, checksum = PREFIX.unpack(received[:8])
        payload, received = received[8 : 8 + length], received[8 + length :]
        assert crc32c(payload) == checksum
        frames.append((payload[0], payload[1:]))
    return frames


def farewell(connection):
    """The reason that the other end gives before it closes."""
    kind, body = read_frames(connection)[-1]
    assert kind == GOODBYE
    return body.decode()
