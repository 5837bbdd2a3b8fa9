"""`stats` as the programs that watch memcached read it, and as memcached itself answers."""

import re
import socket
import struct

import pytest

from exchange import binary_request
from servers import ADDRESS, Server

NUMBER = r"\d+"
FLOAT = r"\d+(\.\d+)?"
TIMEVAL = r"\d+\.\d{6}"
YES = r"yes|no"

# prometheus/memcached_exporter: the keys it makes metrics of, and what its parser demands.
EXPORTER = {
    "": {
        NUMBER: """uptime time cas_badval cmd_flush cmd_set get_hits get_misses delete_hits
            delete_misses incr_hits incr_misses decr_hits decr_misses cas_hits cas_misses
            touch_hits touch_misses bytes limit_maxbytes curr_items total_items bytes_read
            bytes_written curr_connections total_connections rejected_connections conn_yields
            listen_disabled_num evictions reclaimed store_too_large store_no_memory
            lru_crawler_starts direct_reclaims crawler_items_checked crawler_reclaimed
            moves_to_cold moves_to_warm moves_within_lru accepting_conns""",
        TIMEVAL: "rusage_user rusage_system",
        r"\S+": "version",
    },
    "settings": {
        FLOAT: """maxconns lru_crawler_sleep lru_crawler_tocrawl hot_lru_pct warm_lru_pct
            hot_max_factor warm_max_factor""",
        YES: "lru_crawler lru_maintainer_thread",
    },
    "items": {
        NUMBER: """items:1:number items:1:age items:1:hits_to_hot items:1:hits_to_warm
            items:1:hits_to_cold items:1:hits_to_temp items:1:crawler_reclaimed items:1:evicted
            items:1:evicted_nonzero items:1:evicted_time items:1:evicted_unfetched
            items:1:expired_unfetched items:1:outofmemory items:1:reclaimed items:1:tailrepairs
            items:1:mem_requested items:1:moves_to_cold items:1:moves_to_warm
            items:1:moves_within_lru items:1:number_hot items:1:number_warm items:1:number_cold
            items:1:age_hot items:1:age_warm""",
    },
    "slabs": {
        NUMBER: """1:chunk_size 1:chunks_per_page 1:total_pages 1:total_chunks 1:used_chunks
            1:free_chunks 1:free_chunks_end 1:get_hits 1:cmd_set 1:delete_hits 1:incr_hits
            1:decr_hits 1:cas_hits 1:cas_badval 1:touch_hits active_slabs total_malloced""",
    },
}

# influxdata/telegraf, plugins/inputs/memcached: the fields that it sends.
TELEGRAF = {
    "": {
        NUMBER: """accepting_conns auth_cmds auth_errors bytes bytes_read bytes_written cas_badval
            cas_hits cas_misses cmd_flush cmd_get cmd_set cmd_touch conn_yields
            connection_structures curr_connections curr_items decr_hits decr_misses delete_hits
            delete_misses evicted_active evicted_unfetched evictions expired_unfetched get_expired
            get_flushed get_hits get_misses hash_bytes hash_is_expanding hash_power_level incr_hits
            incr_misses limit_maxbytes listen_disabled_num max_connections reclaimed
            rejected_connections store_no_memory store_too_large threads total_connections
            total_items touch_hits touch_misses uptime""",
    },
}

# munin, plugins memcached_rates, memcached_bytes and memcached_counters.
MUNIN = {
    "": {
        NUMBER: """get_hits get_misses cmd_get cmd_set total_items total_connections bytes_read
            bytes_written curr_items curr_connections bytes""",
    },
}

EXPECTATIONS = [
    pytest.param(command, form, keys.split(), id=f"{program}-{command or 'general'}-{number}")
    for program, tables in (("exporter", EXPORTER), ("telegraf", TELEGRAF), ("munin", MUNIN))
    for command, table in tables.items()
    for number, (form, keys) in enumerate(table.items())
]

# What must be the same setting on both servers when they were started in the same way.
SAME_SETTINGS = """maxbytes maxconns udpport inter verbosity evictions domain_socket umask
    shutdown_command num_threads stat_key_prefix detail_enabled reqs_per_event cas_enabled
    tcp_backlog binding_protocol auth_enabled_sasl auth_enabled_ascii item_size_max maxconns_fast
    flush_enabled dump_enabled idle_timeout ssl_enabled lru_crawler""".split()

# Commands, and counters that have to grow by as much as memcached's do.
COUNTED = """cmd_get cmd_set cmd_flush cmd_touch get_hits get_misses get_expired
    get_flushed delete_misses delete_hits incr_misses incr_hits decr_misses decr_hits cas_misses
    cas_hits cas_badval touch_hits touch_misses store_too_large curr_items total_items
    bytes_read""".split()
SCENARIOS = {
    "a get of nothing": [b"get a\r\n"],
    "a get of several keys": [b"set a 0 0 1\r\nx\r\n", b"get a b a c\r\n", b"gets a b\r\n"],
    "a get of what has expired": [b"set a 0 -1 1\r\nx\r\n", b"get a\r\n"],
    "a get of what was flushed": [b"set a 0 0 1\r\nx\r\n", b"flush_all\r\n", b"get a\r\n"],
    "stores": [
        b"set a 0 0 1\r\nx\r\n",
        b"add a 0 0 1\r\nx\r\n",
        b"replace a 0 0 1\r\nx\r\n",
        b"append a 0 0 1\r\nx\r\n",
        b"prepend a 0 0 1\r\nx\r\n",
        b"replace b 0 0 1\r\nx\r\n",
        b"append b 0 0 1\r\nx\r\n",
    ],
    "a store that is too large": [b"set a 0 0 1048577\r\n" + b"x" * 1048577 + b"\r\n"],
    "cas": [b"cas a 0 0 1 1\r\nx\r\n", b"set a 0 0 1\r\nx\r\n", b"cas a 0 0 1 1\r\nx\r\n"],
    "deletes": [b"set a 0 0 1\r\nx\r\n", b"delete a\r\n", b"delete a\r\n"],
    "counters": [
        b"incr a 1\r\n",
        b"decr a 1\r\n",
        b"set a 0 0 1\r\n1\r\n",
        b"incr a 1\r\n",
        b"decr a 1\r\n",
    ],
    "touches": [
        b"touch a 1\r\n",
        b"set a 0 0 1\r\nx\r\n",
        b"touch a 0\r\n",
    ],
    "gets that touch": [b"gat 1 a\r\n", b"set a 0 0 1\r\nx\r\n", b"gat 0 a b\r\n", b"gats 0 a\r\n"],
    "meta commands": [
        b"mg a v\r\n",
        b"ms a 1\r\n1\r\n",
        # Before it is read: memcached copies an item that it is sending, and counts the copy.
        b"ma a\r\n",
        b"ma a MD\r\n",
        b"mg a v\r\n",
        b"ms a 1 C1\r\nx\r\n",
        b"md a\r\n",
        b"md a\r\n",
        b"ma a\r\n",
        b"ms a 1 C1\r\nx\r\n",
        b"mn\r\n",
    ],
    # Of an absent key a meta get is counted, not a touch, as it is for gat.
    "meta gets that touch": [b"mg b T30\r\n", b"ms a 1\r\nx\r\n", b"mg a T30\r\n"],
    "a meta counter that is created": [b"ma a N0\r\n", b"ma b N0 MD\r\n"],
    "binary commands": [
        binary_request(line)
        for line in (
            "get key=a",
            "set key=a value=1",
            "increment key=a delta=1 initial=0 exptime=0",
            "decrement key=a delta=1 initial=0 exptime=0",
            "get key=a",
            "getkq key=b",
            "increment key=c delta=1 initial=0 exptime=4294967295",
            "set key=a value=1 cas=1",
            "set key=d value=1 cas=1",
            "delete key=a",
            "delete key=a",
            "append key=a value=x",
            "noop",
        )
    ],
    "binary touches": [
        binary_request(line)
        for line in (
            "touch key=a exptime=30",
            "set key=a value=1",
            "touch key=a exptime=30",
        )
    ],
    "binary gets that touch": [
        binary_request(line)
        for line in (
            "gat key=a exptime=30",
            "set key=a value=1",
            "gat key=a exptime=30",
        )
    ],
    "a binary counter that is created": [
        binary_request("increment key=a delta=1 initial=0 exptime=0")
    ],
}


def statistics(port, command=""):
    """The answer to `stats COMMAND`, in its order."""
    with socket.create_connection((ADDRESS, port), timeout=5) as connection:
        connection.sendall(f"stats {command}".strip().encode() + b"\r\n")
        answer = b""
        while not answer.endswith(b"END\r\n"):
            received = connection.recv(65536)
            assert received, answer
            answer += received
    *lines, _ = answer.decode().removesuffix("\r\n").split("\r\n")
    found = {}
    for line in lines:
        stat, name, value = line.split(" ", 2)
        assert stat == "STAT", line
        found[name] = value
    return found


def used(port):
    """Send something of everything, so that no part of the statistics is left out."""
    for commands in SCENARIOS.values():
        send(port, commands)
    send(port, [b"set a 0 0 1\r\nx\r\n"])


def send(port, commands):
    """Send the commands one after another and read the answers to their end."""
    with socket.create_connection((ADDRESS, port), timeout=5) as connection:
        for command in commands:
            connection.sendall(command)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def binary_statistics(port, command=""):
    """The same over the binary protocol, in its order."""
    found = {}
    with (
        socket.create_connection((ADDRESS, port), timeout=5) as connection,
        connection.makefile("rb") as answers,
    ):
        connection.sendall(binary_request(f"stat key={command}"))
        while True:
            header = answers.read(24)
            keylen, _, _, status, bodylen = struct.unpack(">2xHBBHI", header[:12])
            assert status == 0
            body = answers.read(bodylen).decode()
            if bodylen == 0:
                return found
            found[body[:keylen]] = body[keylen:]


@pytest.fixture(scope="module")
def busy(server):
    """A server that has done something of everything."""
    used(server.port)
    return server


@pytest.fixture(scope="module")
def busy_both(both):
    """Both servers after the same work."""
    for server in both.values():
        used(server.port)
    return both


@pytest.mark.parametrize(("command", "form", "keys"), EXPECTATIONS)
def test_programs_that_watch_memcached_find_their_keys(busy, command, form, keys):
    found = statistics(busy.port, command)
    # malloced_bytes stands in another place than the exporter looks for it, in memcached as well.
    missing = [key for key in keys if key not in found]
    assert missing == []
    wrong = {key: found[key] for key in keys if not re.fullmatch(form, found[key])}
    assert wrong == {}


def test_uptime_is_never_zero():
    with Server("twincached") as fresh:
        assert int(statistics(fresh.port)["uptime"]) >= 1


@pytest.mark.parametrize("command", ["", "settings", "items", "slabs", "sizes"])
def test_the_keys_and_their_order_are_memcacheds(busy_both, command):
    ours, theirs = (statistics(server.port, command) for server in busy_both.values())
    # memcached has as many slab classes as sizes were stored; here everything is class 1.
    theirs = {key: value for key, value in theirs.items() if not re.match(r"(items:)?[2-9]", key)}
    assert list(ours) == list(theirs)


@pytest.mark.parametrize("command", ["", "settings", "items", "slabs"])
def test_the_values_have_memcacheds_form(busy_both, command):
    ours, theirs = (statistics(server.port, command) for server in busy_both.values())
    forms = (NUMBER, TIMEVAL, r"\d+\.\d+", YES)
    for key, value in ours.items():
        expected = [form for form in forms if re.fullmatch(form, theirs.get(key, ""))]
        assert not expected or re.fullmatch(expected[0], value), (key, value, theirs[key])


@pytest.mark.parametrize("command", ["", "settings", "items", "slabs", "sizes"])
def test_the_binary_protocol_has_the_same_keys(busy, command):
    assert list(binary_statistics(busy.port, command)) == list(statistics(busy.port, command))


def test_the_settings_are_memcacheds(both):
    ours, theirs = (statistics(server.port, "settings") for server in both.values())
    assert {key: ours.get(key) for key in SAME_SETTINGS} == {
        key: theirs.get(key) for key in SAME_SETTINGS
    }


def test_stats_conns_describes_the_own_connection(busy):
    found = statistics(busy.port, "conns")
    kinds = {key.partition(":")[2] for key in found}
    assert {"addr", "state", "secs_since_last_cmd"} <= kinds
    assert any(value == f"tcp:{ADDRESS}:{busy.port}" for value in found.values())


@pytest.mark.parametrize("name", SCENARIOS)
def test_counters_grow_as_memcacheds_do(both, name):
    grown = {}
    for kind, server in both.items():
        send(server.port, [b"flush_all\r\n", b"get a b c d\r\n"])
        before = statistics(server.port)
        send(server.port, SCENARIOS[name])
        after = statistics(server.port)
        grown[kind] = {key: int(after[key]) - int(before[key]) for key in COUNTED}
    assert grown["twincached"] == grown["memcached"]


def test_buffers_and_descriptors_of_the_server_are_counted(busy):
    found = statistics(busy.port)
    assert int(found["read_buf_count"]) >= int(found["threads"]) == 4
    assert int(found["read_buf_bytes"]) >= 16_384 * 4
    assert 5 <= int(found["reserved_fds"]) <= 100


def test_stats_reset_starts_the_counters_again(busy):
    with socket.create_connection((ADDRESS, busy.port), timeout=5) as connection:
        connection.sendall(b"stats reset\r\n")
        assert connection.recv(64) == b"RESET\r\n"
    found = statistics(busy.port)
    assert (found["cmd_get"], found["get_hits"], found["total_items"]) == ("0", "0", "0")
    assert found["curr_items"] != "0"
