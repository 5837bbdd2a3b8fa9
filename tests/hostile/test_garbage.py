"""What is no request is answered or closed as by memcached, and nobody else notices."""

import random

import pytest
from peers import MIB, connect, packet, read_until, resident_bytes, say_all, status_of

NOISE = random.Random(1)

# Until the connection ends, what may be said to it.
REFUSALS = (b"ERROR", b"CLIENT_ERROR ", b"SERVER_ERROR ")


def is_refused(answer):
    """Nothing but refusals, or silence."""
    return all(line.startswith(REFUSALS) for line in answer.split(b"\r\n")[:-1])


@pytest.mark.parametrize(
    ("garbage", "answer"),
    [
        (b"\r\n" * 3, b"ERROR\r\n" * 3),
        (b"\x00" * 16 + b"\r\n", b"ERROR\r\n"),
        (b"\xff" * 100 + b"\r\n", b"ERROR\r\n"),
        (b"hello\r\nEHLO mail\r\n", b"ERROR\r\n" * 2),
        (b"get\r\nget \r\nset\r\nset a\r\nincr a\r\ntouch a\r\n", b"ERROR\r\n" * 6),
        (b"get " + b"k" * 251 + b"\r\n", b"CLIENT_ERROR bad command line format\r\n"),
        (b"mg\r\nms a\r\n", b"ERROR\r\nCLIENT_ERROR bad command line format\r\n"),
    ],
    ids=lambda value: None if not isinstance(value, bytes) else repr(value[:12]),
)
def test_a_line_that_is_no_command_is_an_error(server, bystander, garbage, answer):
    assert say_all(server, garbage) == answer
    assert bystander.is_served()


@pytest.mark.parametrize("first", [b"", b"g", b"\xff", b"\x16\x03\x01", b"\x00"])
def test_noise_is_refused_or_closed(server, bystander, first):
    for _ in range(20):
        noise = first + NOISE.randbytes(64 * 1024)
        if noise[0] != 0x80:
            assert is_refused(say_all(server, noise))
    assert bystander.is_served()


def test_noise_behind_the_magic_byte_is_refused_or_closed(server, bystander):
    for _ in range(100):
        say_all(server, b"\x80" + NOISE.randbytes(8 * 1024))
    assert bystander.is_served()


def test_a_line_without_end_is_closed_and_not_kept(server, bystander):
    before = resident_bytes(server)
    answer = say_all(server, b"x" * (32 * MIB))
    assert answer in (b"", b"CLIENT_ERROR line too long\r\n", b"ERROR Too large\r\n")
    assert resident_bytes(server) - before < 8 * MIB
    assert bystander.is_served()


HALVES = [
    (b"get hal", b"f\r\n", b"END\r\n"),
    (b"set half 0 0 5\r\nab", b"cde\r\n", b"STORED\r\n"),
    (b"set half 0 0 5", b"\r\nabcde\r\n", b"STORED\r\n"),
    (b"ms half 5\r\nabcde\r", b"\n", b"HD\r\n"),
    (packet(0x0A)[:10], packet(0x0A)[10:], b"\x81\x0a" + bytes(10) + b"\0\0\0\7" + bytes(8)),
]


def test_half_commands_wait_without_cost_and_are_executed_when_whole(server, bystander):
    before = resident_bytes(server)
    clients = []
    try:
        for _ in range(100):
            for start, _, _ in HALVES:
                clients.append(connect(server))
                clients[-1].sendall(start)
        assert bystander.is_served()
        assert resident_bytes(server) - before < 16 * MIB
        for client, (_, rest, answer) in zip(clients, HALVES * 100, strict=True):
            if answer != b"END\r\n":
                client.sendall(rest)
                assert client.recv(4096) == answer
    finally:
        for client in clients:
            client.close()
    assert bystander.is_served()


def test_a_value_too_large_is_swallowed_not_executed_and_the_old_one_is_gone(server, bystander):
    before = resident_bytes(server)
    value = b"set bystander 0 0 9\r\nsmuggled!\r\n" * 60_000
    requests = b"set giant 0 0 1\r\nx\r\nset giant 0 0 %d\r\n%s\r\nget giant\r\n"
    answer = b"STORED\r\nSERVER_ERROR object too large for cache\r\nEND\r\n"
    assert say_all(server, requests % (len(value), value)) == answer
    assert resident_bytes(server) - before < 8 * MIB
    assert bystander.is_served()


def test_a_value_of_two_gigabytes_is_refused_at_once(ours, bystander):
    before = resident_bytes(ours)
    with connect(ours) as client:
        client.sendall(b"set giant 0 0 1\r\nx\r\nset giant 0 0 2147483000\r\n")
        answer = b"STORED\r\nSERVER_ERROR object too large for cache\r\n"
        assert read_until(client, b"cache\r\n") == answer
        client.sendall(b"flush_all\r\n" * 1_000_000)
        assert bystander.is_served()
    assert resident_bytes(ours) - before < 8 * MIB
    with connect(ours) as client:
        client.sendall(b"get giant\r\n")
        assert read_until(client, b"END\r\n") == b"END\r\n"


@pytest.mark.parametrize("length", [b"-1", b"4294967297", b"9" * 40, b"0x10", b"1e9"])
def test_a_length_that_is_no_length_is_a_bad_line(server, bystander, length):
    answer = say_all(server, b"set k 0 0 " + length + b"\r\n")
    refusals = (b"CLIENT_ERROR bad data chunk\r\n", b"CLIENT_ERROR bad command line format\r\n")
    if server.kind == "memcached" and length == b"4294967297":
        # memcached 1.6.18 reads the lower 32 bits, and waits for one byte.
        refusals = (*refusals, b"")
    assert answer in refusals
    assert bystander.is_served()


SET_EXTRAS = bytes(8)


@pytest.mark.parametrize(
    "broken",
    [
        packet(0x00, b"key", key_length=4, body_length=3),
        packet(0x00, b"key", body_length=1),
        packet(0x00, b"k", b"\0\0\0\0"),
        packet(0x01, b"k", SET_EXTRAS, b"v", extras_length=200),
        packet(0x01, b"k", b"", b"v"),
        packet(0x01, b"", SET_EXTRAS, b"v"),
        packet(0x05, b"k", bytes(19)),
        packet(0x00, b"k" * 251),
        packet(0x00, b"k" * 251, key_length=0xFFFF, body_length=0xFFFF),
        packet(0x0A, b"", b"", b"noop with a body"),
        packet(0x1C, b"k"),
    ],
    ids=[
        "key beyond body",
        "body below key",
        "get with extras",
        "extras beyond body",
        "set without extras",
        "set without key",
        "short extras",
        "key of 251",
        "key of 65535",
        "noop with body",
        "touch without extras",
    ],
)
def test_binary_lengths_that_contradict_each_other_end_the_connection(ours, bystander, broken):
    followed = broken + packet(0x0A) * 3
    answer = say_all(ours, followed)
    assert len(answer) == 24 + len(b"Invalid arguments"), answer
    assert status_of(answer) == 0x04
    assert answer.endswith(b"Invalid arguments")
    assert bystander.is_served()


def test_a_binary_body_of_four_gigabytes_is_neither_kept_nor_waited_for(server, bystander):
    before = resident_bytes(server)
    for opcode in (0x00, 0x01, 0x0E, 0x55):
        with connect(server) as client:
            client.sendall(packet(opcode, b"k", SET_EXTRAS, body_length=0xFFFF_FFFF))
            assert bystander.is_served()
    assert resident_bytes(server) - before < 8 * MIB


def test_a_binary_value_too_large_is_refused_and_swallowed(server, bystander):
    value = b"v" * (2 * MIB)
    answer = say_all(server, packet(0x01, b"k", SET_EXTRAS, value) + packet(0x0A))
    assert status_of(answer) == 0x03
    assert answer[24:34] == b"Too large."
    assert answer[34:36] == b"\x81\x0a"
    assert bystander.is_served()
