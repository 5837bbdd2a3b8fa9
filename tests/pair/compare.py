"""The complete comparison of two hosts: every key by a listing, every value by reading it.

It is how a test ends in which nothing is evicted. An item has its version for its cas token, unless
a client set the token or a touch was the last change; versions are compared where the token is one.
What is not compared is who was asked to recache a stale item (`Z`): a read travels to nobody.
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
    """Every item of a host: key -> (when it expires, cas token, size, stale, flags, value)."""
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
    marked = stale(client, list(listed))
    client.close()
    return {
        key: (int(fields["exp"]), fields["cas"], int(fields["size"]), key in marked, *values[key])
        for key, fields in listed.items()
    }


def stale(client, keys, batch=500):
    """Those of the keys that `mg` shows as stale."""
    found = set()
    for start in range(0, len(keys), batch):
        asked = [f"mg {key} k\r\n" for key in keys[start : start + batch]]
        answer = conversation(client, "".join(asked) + "mn\r\n", b"MN\r\n")
        answers = [line.split(" ") for line in answer.splitlines()]
        found |= {words[1].removeprefix("k") for words in answers if "X" in words[2:]}
    return found


def metadump(client):
    """The lines of `lru_crawler metadump all`."""
    return conversation(client, "lru_crawler metadump all\r\n", b"END\r\n").splitlines()[:-1]


def conversation(client, request, end):
    """What is answered to a request of several lines, up to the line that ends it."""
    client.version()
    client.sock.sendall(request.encode())
    received = b""
    while not received.endswith(end):
        piece = client.sock.recv(1 << 16)
        assert piece, f"the connection ended after {received[-200:]}"
        received += piece
    return received.decode()
