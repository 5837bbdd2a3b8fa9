"""Where twincached answers otherwise than memcached 1.6.18, on purpose: each with its reason.

The answers are those of twincached, as exchange.py makes them readable.
"""

BY_REASON = {
    "The value behind a refused line is swallowed, never read as the next command.": {
        "text: negative flags": ["CLIENT_ERROR bad command line format", "END"],
        "text: flags that are no number": ["CLIENT_ERROR bad command line format", "END"],
        "text: a set with a key of 3000 bytes": ["CLIENT_ERROR bad command line format", "END"],
        "text: a key of 251 bytes": ["CLIENT_ERROR bad command line format", "END"],
        "text: a cas with a token above 64 bits": [
            "STORED",
            "CLIENT_ERROR bad command line format",
            "VALUE a 0 1",
            "x",
            "END",
        ],
        "text: a cas with a token that is no number": [
            "STORED",
            "CLIENT_ERROR bad command line format",
            "VALUE a 0 1",
            "x",
            "END",
        ],
        "text: a life above 64 bits": ["CLIENT_ERROR bad command line format", "END"],
        "text: a life that is no number": ["CLIENT_ERROR bad command line format", "END"],
        "text: a set with a key that is too long and a value": [
            "STORED",
            "CLIENT_ERROR bad command line format",
            "VALUE a 0 1",
            "x",
            "END",
        ],
        "meta: ms with a key that is too long": ["CLIENT_ERROR bad command line format", "EN"],
    },
    "`cas` without a token is one CLIENT_ERROR, and its value is swallowed.": {
        "text: a cas without a token": [
            "STORED",
            "CLIENT_ERROR bad command line format",
            "VALUE a 0 1",
            "x",
            "END",
        ],
    },
    "A number that became shorter is stored without spaces behind it.": {
        "text: an incr wraps at 64 bits": ["STORED", "0", "VALUE a 0 1", "0", "END"],
        "text: an incr by zero": ["STORED", "7", "VALUE a 0 1", "7", "END"],
        "text: an incr of a number with a space before": [
            "STORED",
            "13",
            "VALUE a 0 2",
            "13",
            "END",
        ],
        "text: an incr of a signed number": ["STORED", "2", "VALUE a 0 1", "2", "END"],
        "text: a decr that shortens the value": ["STORED", "9", "VALUE a 0 1", "9", "END"],
        "text: a decr of a long number stops at zero": ["STORED", "0", "VALUE a 0 1", "0", "END"],
        "binary: a decrement": [
            "set cas='cas1'",
            "decrement cas='cas2' value='\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\t'",
            "decrement cas='cas3' value='\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
            "get cas='cas3' extras='00000000' value='0'",
        ],
    },
    "`noreply` as the last word is honoured for any classic command, known or not.": {
        "text: a set with two words too many": ["END"],
        "text: an unknown command with noreply": ["END"],
    },
    "memcached takes a zero byte for the end of the line; here it is a byte of the key.": {
        "text: a key with a zero byte": ["STORED", "VALUE a\x00b 0 1", "x", "END"],
    },
    "memcached forgets the answers of the same packet that came before this error.": {
        "text: a get whose second key is too long": [
            "STORED",
            "CLIENT_ERROR bad command line format",
            "VALUE a 0 1",
            "x",
            "END",
        ],
    },
    "memcached 1.6.18 reads lives as 32 bits with a sign: dates after January 2038 are its past.": {
        "text: a life that is a date to come": ["STORED", "VALUE a 0 1", "x", "END"],
    },
    "memcached 1.6.18 reads the lower 32 bits of a length.": {
        "text: a set with a length above 32 bits": ["CLIENT_ERROR bad command line format", "END"],
    },
    "memcached has this only in a version later than 1.6.18.": {
        "text: lru_crawler mgdump of nothing": ["EN"],
        "text: lru_crawler mgdump": ["STORED", "mg a", "EN"],
        "text: lru_crawler mgdump by the word hash": ["STORED", "mg a", "EN"],
        "meta: mg of a key of spaces as base64": ["HD", "VA 1 kIGEg b", "x", "mg IGEg b", "EN"],
        "meta: ms append that creates": ["HD", "VA 1 t100", "x", "HD", "VA 2 t100", "xy"],
        "meta: ms prepend that creates": ["HD", "VA 1 t100", "x"],
        "meta: ms that sets its own token": ["HD", "VA 1 ccas1", "x"],
        "meta: md that sets its own token": ["STORED", "HD", "HD ccas1 X W"],
        "meta: ma that sets its own token": ["STORED", "HD ccas1", "HD ccas1"],
        "meta: ms that asks for the size stored": ["HD s3"],
        "meta: md with x keeps the item without its value": ["STORED", "HD", "VA 0 f0 s0 t100", ""],
    },
    "`k` answers the key as the request has it; memcached remembers how the key was stored.": {
        "meta: mg of the key without b where it was stored with b": [
            "HD",
            "VA 1 kfoo",
            "x",
            "VA 1 kZm9v b",
            "x",
        ],
        "meta: mg of the key with b where it was stored without": [
            "HD",
            "VA 1 kfoo",
            "x",
            "VA 1 kZm9v b",
            "x",
        ],
    },
    "Statistics end with END; memcached forgets it here, and who reads up to it waits.": {
        "text: stats sizes_enable and sizes_disable": [
            "STAT sizes_status enabled",
            "END",
            "STAT sizes_status disabled",
            "END",
            "STAT sizes_status disabled",
            "END",
        ],
    },
    "memcached 1.6.18 reads the lower 32 bits of a memory limit, here 0.": {
        "text: a cache_memlimit above 32 bits": [
            "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes",
        ],
    },
    "There is one LRU list; memcached's cachedump shows the cold one of several.": {
        "text: stats cachedump": ["STORED", "ITEM a [3 b; x s]", "END"],
        "text: stats cachedump with a limit": ["STORED", "ITEM a [1 b; x s]", "END"],
    },
    "`q` hides HD, also that of a counter just created; memcached forgets it there.": {
        "meta: ma that creates with q": ["VA 2", "14"],
    },
    "The opcode is answered as unknown; memcached closes the connection without a word.": {
        "binary: verbosity": ["verbosity status='0x81' value='Unknown command'"],
    },
    "The body of an unknown opcode is skipped; memcached takes it for the next request.": {
        "binary: an unknown opcode with a body": [
            "0x50 status='0x81' value='Unknown command'",
            "noop",
        ],
        "binary: range opcodes": ["0x30 status='0x81' value='Unknown command'", "noop"],
        "binary: the opcode behind the last one": [
            "0x25 status='0x81' value='Unknown command'",
            "noop",
        ],
    },
    "Lengths that contradict each other are Invalid arguments, then the connection closes.": {
        "binary: a body shorter than its key": ["get status='0x04' value='Invalid arguments'"],
        "binary: a key length above the body": ["get status='0x04' value='Invalid arguments'"],
        "binary: an extras length above the body": ["set status='0x04' value='Invalid arguments'"],
        "binary: stat with a value": ["stat status='0x04' value='Invalid arguments'"],
    },
}

# The name of an exchange -> the reason and the answer.
DIFFERENCES = {
    name: (reason, answer)
    for reason, answers in BY_REASON.items()
    for name, answer in answers.items()
}
