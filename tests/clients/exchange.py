r"""Exchanges: what is sent on one connection, as data files, and what a server answers to it.

A file of exchanges is read line by line. `#` begins a comment at the top of a file, and
`== a sentence` an exchange with that name. Every other line is sent:

- In text.txt and meta.txt the line itself and `\r\n` behind it; a backslash at its end takes the
  place of the `\r\n`.
- In binary.txt a request: the name of an opcode and fields (`set key=a value=x flags=7`). The
  extras that the opcode calls for are there without being written (zero), and so is a magic of
  0x80. `extras=HEX` replaces them; `magic`, `keylen`, `extlen`, `bodylen`, `datatype` and `vbucket`
  replace what belongs into the header; `opcode=0x50` is one without a name; `raw=HEX` is no
  request at all.

`\n`, `\r`, `\t`, `\0`, `\xff` and `\\` are escapes, `{x*250}` is 250 times what stands before the
star, and `{cas a}` is the cas token that the key `a` has when everything before was answered.

After the last line the client closes its half of the connection, and reads until the server has
closed the other. Tokens in an answer are numbered in their order, since no two servers give the
same ones: `cas1` is the first token seen, and the same token is `cas1` again. Where the answer
names the key, each key has its own numbers: a token says nothing beyond its key.
"""

import re
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from servers import ADDRESS

EXCHANGES = Path(__file__).parent / "exchanges"

MAGIC_REQUEST, MAGIC_ANSWER = 0x80, 0x81
HEADER = struct.Struct(">BBHBBHIIQ")

# name -> opcode and the fields that its extras consist of.
STORE = (("flags", "I"), ("exptime", "I"))
COUNT = (("delta", "Q"), ("initial", "Q"), ("exptime", "I"))
LIFE = (("exptime", "I"),)
OPCODES = {
    "get": (0x00, ()),
    "set": (0x01, STORE),
    "add": (0x02, STORE),
    "replace": (0x03, STORE),
    "delete": (0x04, ()),
    "increment": (0x05, COUNT),
    "decrement": (0x06, COUNT),
    "quit": (0x07, ()),
    "flush": (0x08, LIFE),
    "getq": (0x09, ()),
    "noop": (0x0A, ()),
    "version": (0x0B, ()),
    "getk": (0x0C, ()),
    "getkq": (0x0D, ()),
    "append": (0x0E, ()),
    "prepend": (0x0F, ()),
    "stat": (0x10, ()),
    "setq": (0x11, STORE),
    "addq": (0x12, STORE),
    "replaceq": (0x13, STORE),
    "deleteq": (0x14, ()),
    "incrementq": (0x15, COUNT),
    "decrementq": (0x16, COUNT),
    "quitq": (0x17, ()),
    "flushq": (0x18, LIFE),
    "appendq": (0x19, ()),
    "prependq": (0x1A, ()),
    "verbosity": (0x1B, ()),
    "touch": (0x1C, LIFE),
    "gat": (0x1D, LIFE),
    "gatq": (0x1E, LIFE),
    "gatk": (0x23, LIFE),
    "gatkq": (0x24, LIFE),
}
# An extra that may be left out is sent only if it is asked for.
OPTIONAL_EXTRAS = {"flush", "flushq"}
NAMES = {opcode: name for name, (opcode, _) in OPCODES.items()}
ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", "\\": b"\\"}

NO_RETURN = " (ends with a line feed alone)"
NO_END = " (has no end)"
OPEN = "(the connection stays open)"
RESET = "(the connection was reset)"
CAS_LINE = re.compile(r"^(VALUE (\S+) \d+ \d+ )(\d+)$")
META_CAS = re.compile(r"^((?:HD|VA|NS|EX|NF|EN)\b.* c)(\d+)(?= |$)")


@dataclass(frozen=True)
class Exchange:
    """A name, `text` or `binary`, and the lines to send."""

    name: str
    protocol: str
    lines: tuple

    def with_server(self, port):
        """Run it against the server on `port` and return the answer, readable and normalised."""
        forget_everything(port)
        with Conversation(self.protocol, port) as conversation:
            for line in self.lines:
                conversation.say(line)
            return conversation.end()


def read_exchanges(name):
    """The exchanges of a file of exchanges."""
    protocol = "binary" if name == "binary" else "text"
    text = (EXCHANGES / f"{name}.txt").read_text(encoding="ascii")
    _, *parts = re.split(r"^== ", text, flags=re.MULTILINE)
    for part in parts:
        title, *lines = part.removesuffix("\n").split("\n")
        yield Exchange(f"{name}: {title}", protocol, tuple(lines))


def forget_everything(port):
    """Flush the server, which also takes back a flush that is due later."""
    with socket.create_connection((ADDRESS, port), timeout=5) as connection:
        connection.sendall(b"flush_all\r\n")
        assert connection.recv(64) == b"OK\r\n"


def token_of(port, key):
    """The cas token of a key."""
    with socket.create_connection((ADDRESS, port), timeout=5) as connection:
        connection.sendall(b"gets %s\r\n" % key.encode())
        answer = connection.recv(65536)
    assert answer.startswith(b"VALUE "), answer
    return answer.split(b"\r\n")[0].split()[4].decode()


def unescape(line):
    """The bytes that a line, or a field of it, stands for."""
    out, rest = b"", line
    while rest:
        repeated = re.match(r"\{(.+?)\*(\d+)\}", rest)
        if repeated:
            out += repeated[1].encode() * int(repeated[2])
            rest = rest[repeated.end() :]
        elif rest[0] == "\\" and rest[1] == "x":
            out += bytes.fromhex(rest[2:4])
            rest = rest[4:]
        elif rest[0] == "\\":
            out += ESCAPES[rest[1]]
            rest = rest[2:]
        else:
            out += rest[0].encode()
            rest = rest[1:]
    return out


def text_request(line):
    """The bytes of a line of text.txt or meta.txt."""
    if re.search(r"(?<!\\)(\\\\)*\\$", line):
        return unescape(line[:-1])
    return unescape(line) + b"\r\n"


def binary_request(line):
    """The bytes of a line of binary.txt."""
    first, *rest = line.split(" ")
    # A word without an equals sign belongs to the field before it.
    fields = {}
    for word in ([first] if "=" in first else []) + rest:
        if "=" in word:
            name, _, value = word.partition("=")
            fields[name] = value
        else:
            fields[name] += " " + word
    if "raw" in fields:
        return bytes.fromhex(fields["raw"])
    opcode, layout = OPCODES.get(first, (None, ()))
    extras = b"" if first in OPTIONAL_EXTRAS and "exptime" not in fields else None
    if extras is None:
        numbers = [(form, int(fields.pop(name, "0"))) for name, form in layout]
        extras = b"".join(struct.pack(">" + form, number) for form, number in numbers)
    if "extras" in fields:
        extras = bytes.fromhex(fields.pop("extras"))
    key, value = unescape(fields.pop("key", "")), unescape(fields.pop("value", ""))
    header = {
        "magic": MAGIC_REQUEST,
        "opcode": opcode,
        "keylen": len(key),
        "extlen": len(extras),
        "datatype": 0,
        "vbucket": 0,
        "bodylen": len(extras) + len(key) + len(value),
        "opaque": 0,
        "cas": 0,
    }
    header.update((name, int(value, 0)) for name, value in fields.items())
    return HEADER.pack(*header.values()) + extras + key + value


class Conversation:
    """One connection of an exchange."""

    def __init__(self, protocol, port):
        self._port = port
        self._binary = protocol == "binary"
        self._request = binary_request if self._binary else text_request
        # A line of its own kind after which everything before was answered.
        self._marker = binary_request("noop opaque=3735928559") if self._binary else b"mn\r\n"
        self._mark = HEADER.pack(MAGIC_ANSWER, 0x0A, 0, 0, 0, 0, 0, 3735928559, 0)
        self._mark = self._mark if self._binary else b"MN\r\n"
        self._connection = socket.create_connection((ADDRESS, port), timeout=5)
        self._unsent = b""
        self._answer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()

    def say(self, line):
        """Take a line into what is sent next."""
        wanted = re.search(r"\{cas (\S+)\}", line)
        if wanted:
            self._wait_for_answers()
            line = line.replace(wanted[0], token_of(self._port, wanted[1]))
        self._unsent += self._request(line)

    def _wait_for_answers(self):
        self._connection.sendall(self._unsent + self._marker)
        self._unsent = b""
        while not self._answer.endswith(self._mark):
            received = self._connection.recv(65536)
            assert received, self._answer
            self._answer += received
        self._answer = self._answer.removesuffix(self._mark)

    def end(self):
        """Send what is left, read everything, and return it readable and normalised."""
        remark = ""
        try:
            self._connection.sendall(self._unsent)
            self._connection.shutdown(socket.SHUT_WR)
        except OSError:
            # The server has closed: its answer is there to be read, unless this was a reset.
            pass
        self._connection.settimeout(1)
        try:
            while received := self._connection.recv(65536):
                self._answer += received
        except TimeoutError:
            remark = OPEN
        except ConnectionResetError:
            remark = RESET
        lines = binary_lines(self._answer) if self._binary else text_lines(self._answer)
        return lines + ([remark] if remark else [])


class Tokens:
    """Numbers cas tokens in the order in which they appear."""

    def __init__(self):
        self._seen = {}

    def name(self, token, key=None):
        """`cas1` for the first token of a key, the same for the same."""
        if int(token) == 0:
            return "cas0"
        seen = self._seen.setdefault(key, {})
        return seen.setdefault(int(token), f"cas{len(seen) + 1}")


def shortened(text):
    """The text, or its length and both ends where it is long."""
    return text if len(text) < 600 else f"{text[:100]}...{len(text)} characters...{text[-100:]}"


def text_lines(answer):
    """A text answer as lines, without what two servers cannot have in common."""
    tokens, lines = Tokens(), []
    *whole, rest = answer.decode("latin-1").split("\n")
    for line in whole:
        remark = "" if line.endswith("\r") else NO_RETURN
        line = line.removesuffix("\r")
        line = CAS_LINE.sub(lambda m: m[1] + tokens.name(m[3], m[2]), line)
        line = META_CAS.sub(lambda m: m[1] + tokens.name(m[2]), line)
        line = re.sub(r"^VERSION .*", "VERSION x", line)
        line = re.sub(r"^(ITEM .* b; )\d+ s\]", r"\1x s]", line)
        lines.append(shortened(line) + remark)
    return lines + ([shortened(rest) + NO_END] if rest else [])


def binary_lines(answer):
    """A binary answer as a line for each response; what is zero or empty is left out."""
    tokens, lines = Tokens(), []
    while len(answer) >= HEADER.size:
        magic, opcode, keylen, extlen, datatype, status, bodylen, opaque, cas = HEADER.unpack(
            answer[: HEADER.size]
        )
        body, answer = answer[24 : 24 + bodylen], answer[24 + bodylen :]
        extras, key, value = (
            body[:extlen],
            body[extlen : extlen + keylen],
            body[extlen + keylen :],
        )
        if opcode == OPCODES["version"][0] and status == 0:
            value = b"x"
        parts = {
            "magic": "" if magic == MAGIC_ANSWER else hex(magic),
            "datatype": datatype or "",
            "status": f"{status:#04x}" if status else "",
            "opaque": opaque or "",
            "cas": tokens.name(cas, key) if cas else "",
            "extras": extras.hex(),
            "key": shortened(key.decode("latin-1")),
            "value": shortened(value.decode("latin-1")),
        }
        shown = [f" {name}={part!r}" for name, part in parts.items() if part]
        lines.append(NAMES.get(opcode, hex(opcode)) + "".join(shown))
    return lines + ([f"half a response: {answer.hex()}"] if answer else [])
