"""Python clients behind one set of words, so that one set of tests meets them all.

Values are bytes, absence is `None`, success is true. `lacks` says what a client does not offer.
"""

import importlib

from servers import ADDRESS

SECONDS = 3

# A status of the binary protocol.
KEY_NOT_FOUND = 1


class Client:
    """What most clients have in common; the client itself is `raw`."""

    lacks = frozenset()

    def recover(self):
        """Nothing is needed after a failure: the client connects again."""

    def set(self, key, value, expire=0):
        """Store."""
        return self.raw.set(key, value, time=expire)

    def set_many(self, values):
        """Store all; true if all were."""
        return self.raw.set_multi(values) == []


class PymemcacheClient(Client):
    """pymemcache, text."""

    name = "pymemcache"
    module = "pymemcache"

    def __init__(self, port):
        from pymemcache.client import base

        self.raw = base.Client(
            (ADDRESS, port),
            connect_timeout=SECONDS,
            timeout=SECONDS,
            no_delay=True,
            default_noreply=False,
        )
        self.set, self.add, self.replace = self.raw.set, self.raw.add, self.raw.replace
        self.append, self.prepend = self.raw.append, self.raw.prepend
        self.get, self.get_many = self.raw.get, self.raw.get_many
        self.delete, self.delete_many = self.raw.delete, self.raw.delete_many
        self.incr, self.decr, self.touch = self.raw.incr, self.raw.decr, self.raw.touch
        self.gets, self.flush, self.close = self.raw.gets, self.raw.flush_all, self.raw.close

    def set_many(self, values):
        """Store all; true if all were."""
        return self.raw.set_many(values) == []

    def cas(self, key, value, token):
        """Store if nobody changed it since."""
        return self.raw.cas(key, value, token)

    def stats(self):
        """The statistics as a dictionary of strings."""
        return {_string(name): _string(value) for name, value in self.raw.stats().items()}


class PylibmcClient(Client):
    """pylibmc, which is libmemcached, text."""

    name = "pylibmc-text"
    module = "pylibmc"
    binary = False

    def __init__(self, port):
        import pylibmc

        self._errors = pylibmc
        self.raw = pylibmc.Client(
            [f"{ADDRESS}:{port}"],
            binary=self.binary,
            behaviors={
                "cas": True,
                "tcp_nodelay": True,
                "connect_timeout": SECONDS * 1000,
                "receive_timeout": SECONDS * 1_000_000,
                "retry_timeout": 1,
            },
        )
        self.add, self.append, self.prepend = self.raw.add, self.raw.append, self.raw.prepend
        self.get, self.get_many = self.raw.get, self.raw.get_multi
        self.delete, self.touch = self.raw.delete, self.raw.touch
        self.flush, self.close = self.raw.flush_all, self.raw.disconnect_all
        # The binary half of libmemcached does not come back to a server that went away, not to
        # memcached either: its users disconnect.
        self.recover = self.raw.disconnect_all

    def replace(self, key, value):
        """Store where something is."""
        return self._unless_missing(self.raw.replace, key, value)

    def delete_many(self, keys):
        """Delete all."""
        return self.raw.delete_multi(keys)

    def incr(self, key, by):
        """Add, `None` where nothing is."""
        return self._unless_missing(self.raw.incr, key, by)

    def decr(self, key, by):
        """Subtract, `None` where nothing is."""
        return self._unless_missing(self.raw.decr, key, by)

    def gets(self, key):
        """The value and its token."""
        # pylibmc frees the bytes that it makes of a string before it has sent them, and asks for
        # another key when several threads run. Bytes of ours outlive the call.
        held = key.encode()
        return self.raw.gets(held)

    def cas(self, key, value, token):
        """Store if nobody changed it since."""
        return self._unless_missing(self.raw.cas, key, value, token)

    def _unless_missing(self, operation, *arguments):
        try:
            return operation(*arguments)
        except self._errors.NotFound:
            return None

    def stats(self):
        """The statistics as a dictionary of strings."""
        [(_, values)] = self.raw.get_stats()
        return {_string(name): _string(value) for name, value in values.items()}


class PylibmcBinaryClient(PylibmcClient):
    """pylibmc, which is libmemcached, binary."""

    name = "pylibmc-binary"
    binary = True
    # It takes the answer to a touch for the first part of one and waits 5 s for more, at memcached
    # too.
    lacks = frozenset({"touch"})


class BmemcachedClient(Client):
    """python-binary-memcached, binary."""

    name = "python-binary-memcached"
    module = "bmemcached"
    # It has no words for these.
    lacks = frozenset({"append", "touch"})

    def __init__(self, port):
        import bmemcached

        self.raw = bmemcached.Client((f"{ADDRESS}:{port}",), socket_timeout=SECONDS)
        self.raw.enable_retry_delay(False)
        self.get, self.get_many, self.gets = self.raw.get, self.raw.get_multi, self.raw.gets
        self.delete, self.delete_many = self.raw.delete, self.raw.delete_multi
        self.flush, self.close = self.raw.flush_all, self.raw.disconnect_all
        self.add, self.replace, self.cas = self.raw.add, self.raw.replace, self.raw.cas

    def incr(self, key, by):
        """Add, `None` where nothing is."""
        return self._count(self.raw.incr, key, by)

    def decr(self, key, by):
        """Subtract, `None` where nothing is."""
        return self._count(self.raw.decr, key, by)

    def _count(self, operation, key, by):
        from bmemcached.exceptions import MemcachedException

        try:
            # An expiry of all ones asks the server not to create a counter.
            return operation(key, by, time=0xFFFFFFFF)
        except MemcachedException as failure:
            assert failure.code == KEY_NOT_FOUND
            return None

    def stats(self):
        """The statistics as a dictionary of strings."""
        [values] = self.raw.stats().values()
        return {name: _string(value) for name, value in values.items()}


class PythonMemcachedClient(Client):
    """python-memcached, text. Its `cas` uses the token that its last `gets` kept."""

    name = "python-memcached"
    module = "memcache"

    def __init__(self, port):
        import memcache

        self.raw = memcache.Client(
            [f"{ADDRESS}:{port}"], cache_cas=True, dead_retry=0, socket_timeout=SECONDS
        )
        self.add, self.replace = self.raw.add, self.raw.replace
        self.append, self.prepend = self.raw.append, self.raw.prepend
        self.get, self.get_many = self.raw.get, self.raw.get_multi
        self.delete, self.delete_many = self.raw.delete, self.raw.delete_multi
        self.incr, self.decr, self.touch = self.raw.incr, self.raw.decr, self.raw.touch
        self.flush, self.close = self.raw.flush_all, self.raw.disconnect_all

    def gets(self, key):
        """The value and its token, which the client itself remembers."""
        return self.raw.gets(key), self.raw.cas_ids.get(key)

    def cas(self, key, value, token):
        """Store if nobody changed it since."""
        self.raw.cas_ids[key] = token
        return self.raw.cas(key, value)

    def stats(self):
        """The statistics as a dictionary of strings."""
        [(_, values)] = self.raw.get_stats()
        return {_string(name): _string(value) for name, value in values.items()}


def _string(value):
    return value.decode() if isinstance(value, bytes) else str(value)


CLIENTS = (
    PymemcacheClient,
    PylibmcClient,
    PylibmcBinaryClient,
    BmemcachedClient,
    PythonMemcachedClient,
)


def missing(kind):
    """Why this client cannot be used here, `None` if it can."""
    try:
        importlib.import_module(kind.module)
    except ImportError as error:
        return f"{kind.name}: {error} (tests/prepare installs it)"
    return None
