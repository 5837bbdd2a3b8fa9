"""What clients attempted, what was acknowledged, and whether a store still agrees with it.

A ledger is a text file that is only ever appended to, one line per event:

    try <time> <number> <operation> <key> <arguments...>
    ack <time> <number> <answer>
    err <time> <number> <reason>         the outcome is unknown: it may have happened or not

Each key belongs to one client thread, so the operations of a key have one order, their number.
The check replays them on a model of one key, with a *set* of possible states: an acknowledged
operation keeps only the states that explain its answer, an unknown one adds the state that it
would have left. What is read at the end must be in the set. So a value older than the last
acknowledged write, a missing one, and a deleted one that is back are all seen; a write that was
attempted after the last acknowledged one may be there or not.
"""

import itertools
import os
import threading
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ABSENT = "absent"
REFUSED = "refused"
COUNTER_START = b"1000"
READS = {"get"}
ANSWERS_OF_ABSENCE = {("add", "stored"), ("append", "not_stored")}


def value_of(number, size):
    """The value that operation `number` writes: `size` bytes that no other operation writes."""
    word = b"%d." % number
    return (word * (size // len(word) + 1))[:size]


def token_of(state):
    """A short name for what a reader sees: flags, length and checksum."""
    if state is None:
        return ABSENT
    flags, value = state
    return f"{flags}:{len(value)}:{zlib.crc32(value):08x}"


class LedgerWriter:
    """Appends events. Each line is written at once, so a killed writer loses none."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def next_number(self):
        """A number larger than all before it, in every thread."""
        with self._lock:
            return next(self._numbers)

    def attempt(self, number, operation, key, *arguments):
        """Before the request is sent."""
        self._write("try", number, operation, key, *arguments)

    def acknowledge(self, number, answer):
        """After the answer was received."""
        self._write("ack", number, answer)

    def unknown(self, number, reason):
        """No answer came."""
        self._write("err", number, reason.replace("\n", " ")[:120])

    def _write(self, event, *words):
        line = " ".join([event, f"{time.monotonic():.6f}", *map(str, words)])
        os.write(self._file, line.encode() + b"\n")


@dataclass
class Operation:
    """One attempted operation and what became of it."""

    number: int
    tried_at: float
    name: str
    key: str
    arguments: list
    answered_at: float | None = None
    answer: str | None = None
    failure: str | None = None

    @property
    def acknowledged(self):
        """Whether an answer came."""
        return self.answer is not None

    @property
    def writes(self):
        """Whether it can change the store."""
        return self.name not in READS


def read_ledger(path):
    """The operations of a ledger file in the order of their numbers."""
    operations = {}
    for line in Path(path).read_text().splitlines():
        event, moment, number, *words = line.split(" ")
        if event == "try":
            name, key, *arguments = words
            operations[int(number)] = Operation(int(number), float(moment), name, key, arguments)
        elif event == "ack":
            operations[int(number)].answered_at = float(moment)
            operations[int(number)].answer = " ".join(words)
        else:
            operations[int(number)].failure = " ".join(words)
    return [operations[number] for number in sorted(operations)]


def step(state, operation):
    """One operation on one key: the state after it and memcached's answer."""
    name, arguments = operation.name, operation.arguments
    match name:
        case "set":
            return _written(operation, *arguments), "stored"
        case "add":
            if state is not None:
                return state, "not_stored"
            return _written(operation, *arguments), "stored"
        case "start":
            return (int(arguments[0]), COUNTER_START), "stored"
        case "cas":
            expected, *rest = arguments
            if state is None:
                return None, "not_found"
            if token_of(state) != expected:
                return state, "exists"
            return _written(operation, *rest), "stored"
        case "append":
            if state is None:
                return None, "not_stored"
            return (state[0], state[1] + value_of(operation.number, int(arguments[0]))), "stored"
        case "incr":
            if state is None:
                return None, "not_found"
            number = str(int(state[1]) + int(arguments[0]))
            return (state[0], number.encode()), number
        case "touch":
            return state, "not_found" if state is None else "touched"
        case "delete":
            return None, "not_found" if state is None else "deleted"
        case "get":
            return state, token_of(state)
    raise ValueError(f"unknown operation {name}")


def _written(operation, flags, size):
    return int(flags), value_of(operation.number, int(size))


@dataclass
class Violation:
    """One key that contradicts what was acknowledged."""

    kind: str
    key: str
    seen: str
    allowed: list
    where: str

    def __str__(self):
        allowed = " or ".join(self.allowed)
        return f"{self.kind}: {self.key} is {self.seen}, allowed {allowed} ({self.where})"


class KeyHistory:
    """The states that one key may be in, followed through its operations."""

    def __init__(self, key):
        self.key = key
        self.possible = {None}
        self.tokens = {ABSENT}
        self.violation = None

    def apply(self, operation):
        """Follow one operation. After a violation the key is followed no further."""
        if self.violation is not None:
            return
        outcomes = [step(state, operation) for state in self.possible]
        explained = {state for state, answer in outcomes if answer == operation.answer}
        if not operation.acknowledged:
            self.possible |= {state for state, _ in outcomes}
        elif not explained:
            allowed = sorted({answer for _, answer in outcomes})
            where = f"answer to {operation.name}, operation {operation.number}"
            self._violate(self._kind_of_answer(operation), operation.answer, allowed, where)
        elif operation.writes:
            self.possible = explained
        # A read keeps the set: it may show a value that is not acknowledged and still can go.
        self.tokens |= {token_of(state) for state in self.possible}

    def compare(self, state, where):
        """Check what a reader saw after the last operation."""
        if self.violation is None and state not in self.possible:
            seen = token_of(state)
            allowed = sorted(map(token_of, self.possible))
            self._violate(self._kind(seen == ABSENT, seen), seen, allowed, where)

    def _violate(self, kind, seen, allowed, where):
        self.violation = Violation(kind, self.key, seen, allowed, where)

    def _kind_of_answer(self, operation):
        name, answer = operation.name, operation.answer
        absent = answer in (ABSENT, "not_found") or (name, answer) in ANSWERS_OF_ABSENCE
        # A cas that was stored tells which value it met: the one that its token stands for.
        seen = operation.arguments[0] if (name, answer) == ("cas", "stored") else answer
        return self._kind(absent, seen)

    def _kind(self, absent, seen):
        if absent:
            return "lost"
        if self.possible == {None}:
            return "resurrected"
        if seen in self.tokens or _is_older_number(seen, self.possible):
            return "older"
        return "foreign"


def _is_older_number(seen, possible):
    return seen.isdigit() and any(state and int(seen) <= int(state[1]) for state in possible)


@dataclass
class Verdict:
    """What a check found, to be asserted on and to be printed."""

    operations: int
    acknowledged: int
    unknown: int
    errors: list
    keys: int
    longest_gap: float
    gap_began: float
    slowest_answer: float
    violations: list = field(default_factory=list)

    @property
    def counts(self):
        """How many keys were lost, older, resurrected or foreign."""
        return Counter(violation.kind for violation in self.violations)

    def __str__(self):
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        lines = [
            f"{self.operations} operations on {self.keys} keys, {self.acknowledged} acknowledged, "
            f"{self.unknown} unknown; violations: {counts or 'none'}",
            f"longest time without an acknowledged write {self.longest_gap:.3f} s, "
            f"slowest answer {self.slowest_answer:.3f} s",
        ]
        lines += [f"  error answer: {error}" for error in self.errors[:5]]
        lines += [f"  {violation}" for violation in self.violations[:20]]
        return "\n".join(lines)


class Ledger:
    """A finished ledger, replayed. Compare it with as many readers as there are."""

    def __init__(self, operations):
        self.operations = operations
        self._histories = {}
        for operation in operations:
            history = self._histories.setdefault(operation.key, KeyHistory(operation.key))
            history.apply(operation)

    @classmethod
    def read(cls, path):
        """The ledger of a file."""
        return cls(read_ledger(path))

    @property
    def keys(self):
        """Every key that was ever attempted."""
        return list(self._histories)

    def compare(self, found, where):
        """Check `found`, key -> (flags, value) of the keys that a reader saw, against all keys."""
        for key, history in self._histories.items():
            history.compare(found.get(key), f"read from {where}")

    def verdict(self, until=None):
        """Counts, violations and the longest gap; `until` closes the last gap."""
        answered = [operation for operation in self.operations if operation.acknowledged]
        gap, began = longest_gap(self.operations, until)
        failures = [operation.failure for operation in self.operations if operation.failure]
        return Verdict(
            operations=len(self.operations),
            acknowledged=len(answered),
            unknown=len(self.operations) - len(answered),
            errors=[failure for failure in failures if failure.startswith(REFUSED)],
            keys=len(self._histories),
            longest_gap=gap,
            gap_began=began,
            slowest_answer=max((op.answered_at - op.tried_at for op in answered), default=0.0),
            violations=[h.violation for h in self._histories.values() if h.violation is not None],
        )


def longest_gap(operations, until=None):
    """The longest time between two acknowledged writes of any client, and when it began."""
    writes = [operation for operation in operations if operation.writes]
    moments = sorted(operation.answered_at for operation in writes if operation.acknowledged)
    moments = [writes[0].tried_at, *moments] if writes else moments
    if until is not None:
        moments.append(until)
    gaps = [(later - earlier, earlier) for earlier, later in itertools.pairwise(moments)]
    return max(gaps, default=(0.0, 0.0))
