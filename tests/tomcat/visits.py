"""What a user knows of his session, and what each answer says about it.

A session has a counter. Each update answers with the new number, so a user who got the number 7
knows that the next update answers with 8 at least: with less, acknowledged updates are lost. No
two updates may answer with the same number, also not those of two tabs at the same time.
"""

import dataclasses
import threading


@dataclasses.dataclass
class Totals:
    """What happened to the users of one application since the last report."""

    requests: int = 0
    sessions_lost: int = 0
    updates_lost: int = 0
    logouts_undone: int = 0
    failed: int = 0
    longest: float = 0.0

    def add(self, other):
        """Take another one's numbers in."""
        for field in dataclasses.fields(self):
            mine, its = getattr(self, field.name), getattr(other, field.name)
            joined = max(mine, its) if field.name == "longest" else mine + its
            setattr(self, field.name, joined)


class Visit:
    """One session as its user sees it. Several tabs may share it."""

    def __init__(self):
        self.cookie = None
        self.over = False
        self._highest = 0
        self._answered = set()
        # Grows when the counter is found to have gone back: older expectations no longer count.
        self._era = 0
        self._lock = threading.Lock()

    def expectation(self):
        """To be asked before a request is sent, and handed over with its answer."""
        return self._era, self._highest

    def updated(self, number, expectation):
        """An update was answered with `number`; returns how many updates were lost before it."""
        with self._lock:
            lost = self._gone_back(number - 1, expectation)
            if number in self._answered:
                lost += 1
            self._answered.add(number)
            self._highest = max(self._highest, number)
            return lost

    def read(self, number, expectation):
        """A look was answered with `number`; returns how many updates were lost before it."""
        with self._lock:
            return self._gone_back(number, expectation)

    def _gone_back(self, found, expectation):
        era, highest = expectation
        if era != self._era or found >= highest:
            return 0
        self._era += 1
        self._highest = found
        self._answered.clear()
        return highest - found
