"""The complete comparison of two hosts: every key by a listing, every value by reading it.

It is how a test ends in which nothing is evicted.
"""

from urllib.parse import unquote

from clients import read_all

# A life is computed on each host from its own clock, in whole seconds.
LIFE_DIFFERENCE_MAX = 1


def assert_same(one, other, at_least=0, clocks_apart=0, ended_at=None):
    """Compare what `contents` found on two hosts; returns how many items each of them has.

    `clocks_apart` is how far the other host's clock is ahead, in seconds. What has expired at
    `ended_at` may have been found on one host alone, which was asked first.
    """
    both = one | other
    only = {key for key in one.keys() ^ other.keys() if not has_expired(both[key][0], ended_at)}
    assert not only, f"only on one: {sorted(only)[:20]}"
    for key in one.keys() & other.keys():
        life, *rest = one[key]
        other_life, *other_rest = other[key]
        assert rest == other_rest, key
        expected = life + clocks_apart if life > 0 else life
        assert abs(expected - other_life) <= LIFE_DIFFERENCE_MAX, (key, life, other_life)
    assert len(one) >= at_least
    return len(one)


def has_expired(life, now):
    return now is not None and 0 < life <= now + 1


def contents(client):
    """Every item of a host: key -> (when it expires, cas token, size, flags, value)."""
    listed = {}
    for line in metadump(client):
        fields = dict(field.split("=", 1) for field in line.split())
        # memcached writes keys in a listing as in a URI.
        listed[unquote(fields["key"])] = fields
    values = read_all(client, list(listed))
    now = int(client.stats()[b"time"])
    for key in listed.keys() - values.keys():
        life = int(listed.pop(key)["exp"])
        assert has_expired(life, now), f"{key} is listed and cannot be read"
    assert values.keys() == listed.keys(), "a key is left out of the listing"
    client.close()
    return {
        key: (int(fields["exp"]), fields["cas"], int(fields["size"]), *values[key])
        for key, fields in listed.items()
    }


def metadump(client):
    """The lines of `lru_crawler metadump all`."""
    client.version()
    client.sock.sendall(b"lru_crawler metadump all\r\n")
    received = b""
    while not received.endswith(b"END\r\n"):
        received += client.sock.recv(1 << 16)
    return received.decode().splitlines()[:-1]
