"""Users of web applications: `python load.py PLAN`, inside the client's namespace.

PLAN is a JSON file: how many users, and for each application its web servers. An active user
counts, looks, logs in again and logs out, one request at a time; some have two tabs that count at
the same time. An idle user logs in and is not seen until the next report.

A line on standard input asks for a report. The answer, a line of JSON, comes when each active user
has ended the request that he was waiting for and a whole one after it, and each idle user has come
back twice: what a fault holds up is in the report, and so is what it did to that request, which the
next one shows. The process ends when its standard input closes.

Requests are spread as a load balancer does: sticky ones to the server whose name stands at the end
of the cookie, the others at random; a server that refuses the connection is left out.
"""

import json
import random
import socket
import sys
import threading
import time
from pathlib import Path

from visits import Totals, Visit

# Longer than every timeout of the web servers, so that what ends a request is theirs.
ANSWER_SECONDS = 60
NO_SESSION = "none"
# So many rounds of each user does a report wait for.
ROUNDS = 2


class Unanswered(Exception):
    """The request may or may not have been done."""


class Application:
    """The web servers of one application, behind a load balancer."""

    def __init__(self, name, path, servers, sticky):
        self.name = name
        self._path = path
        self._servers = servers  # name -> port
        self._sticky = sticky

    def get(self, path, cookie):
        """The first line of the answer and the cookie that it sets, if any."""
        for server in self._in_order(cookie):
            try:
                connection = socket.create_connection(("127.0.0.1", self._servers[server]))
            except ConnectionRefusedError:
                continue
            with connection:
                return self._ask(connection, path, cookie)
        raise Unanswered("no web server accepts connections")

    def _in_order(self, cookie):
        servers = random.sample(sorted(self._servers), len(self._servers))
        if self._sticky and cookie:
            servers.sort(key=lambda server: not cookie.endswith("." + server))
        return servers

    def _ask(self, connection, path, cookie):
        header = f"Cookie: {cookie}\r\n" if cookie else ""
        request = f"GET /{self._path}{path} HTTP/1.0\r\nHost: localhost\r\n{header}\r\n"
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.sendall(request.encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        except OSError as error:
            raise Unanswered(str(error)) from error
        head, _, body = answer.partition("\r\n\r\n")
        status, *fields = head.split("\r\n")
        if " 200 " not in f"{status} ":
            raise Unanswered(status or "closed without an answer")
        cookies = [field.split(": ", 1)[1] for field in fields if field.startswith("Set-Cookie: ")]
        return body.partition("\n")[0].strip(), cookies[-1].partition(";")[0] if cookies else None


class User:
    """A thread with one session at a time. `visit` may be shared with another tab."""

    def __init__(self, application, plan, seed):
        self.visit = Visit()
        self.totals = Totals()
        self.rounds = 0
        self._application = application
        self._plan = plan
        self._random = random.Random(seed)

    def start(self, work):
        """Run `work` again and again."""
        threading.Thread(target=self._repeat, args=[work], daemon=True).start()

    def _repeat(self, work):
        time.sleep(self._random.uniform(0, self._plan["think"]))
        while True:
            try:
                work()
            except Unanswered as reason:
                self.totals.failed += 1
                print(f"{self._application.name}: {reason}", file=sys.stderr, flush=True)
            self.rounds += 1
            time.sleep(self._random.uniform(0.5, 1.5) * self._plan["think"])

    def _get(self, path, cookie):
        began = time.monotonic()
        try:
            return self._application.get(path, cookie)
        finally:
            self.totals.requests += 1
            self.totals.longest = max(self.totals.longest, time.monotonic() - began)

    def log_in(self):
        """Begin a session."""
        _, self.visit.cookie = self._get("/login", None)

    def act(self):
        """What an active user does: mostly count."""
        if self.visit.cookie is None:
            self.log_in()
        action = self._random.choices(
            [self.count, self._look, self._log_in_again, self._log_out], [85, 9, 3, 3]
        )[0]
        action()

    def count(self):
        """Update the session."""
        visit, expectation = self.visit, self.visit.expectation()
        bytes_ = self._random.choice(self._plan["bytes"])
        answer = self._ask(f"/count?bytes={bytes_}", visit)
        if self._has_session(visit, answer):
            self.totals.updates_lost += visit.updated(int(answer), expectation)

    def _look(self):
        visit, expectation = self.visit, self.visit.expectation()
        answer = self._ask("/read", visit)
        if self._has_session(visit, answer):
            self.totals.updates_lost += visit.read(int(answer), expectation)

    def _ask(self, path, visit):
        """A request of a session. A server that takes over from another one sets a new cookie."""
        answer, cookie = self._get(path, visit.cookie)
        visit.cookie = cookie or visit.cookie
        return answer

    def _has_session(self, visit, answer):
        if answer != NO_SESSION:
            return True
        # The first tab to notice says so; both begin anew.
        if not visit.over:
            visit.over = True
            self.totals.sessions_lost += 1
        self.visit = Visit()
        return False

    def _log_in_again(self):
        """The session gets a new id. Without an answer nobody knows it: the user starts anew."""
        (visit, expectation), self.visit = (self.visit, self.visit.expectation()), Visit()
        answer = self._ask("/login", visit)
        if answer == "0" and expectation[1] > 0:
            self.totals.sessions_lost += 1
        else:
            self.visit = visit
            self.totals.updates_lost += visit.read(int(answer), expectation)

    def _log_out(self):
        """What was answered holds: the old cookie is worth nothing."""
        visit, self.visit = self.visit, Visit()
        self._get("/logout", visit.cookie)
        answer, _ = self._get("/read", visit.cookie)
        if answer != NO_SESSION:
            self.totals.logouts_undone += 1


class Tab(User):
    """One of two tabs of a user: they share the session and only count."""

    def __init__(self, application, plan, seed, owner=None):
        super().__init__(application, plan, seed)
        self._owner = owner

    def act(self):
        """Count in the session of the owner, who alone begins one."""
        if self._owner is None:
            if self.visit.cookie is None:
                self.log_in()
        else:
            self.visit = self._owner.visit
        if self.visit.cookie is not None:
            self.count()


class Idle(User):
    """Logs in, counts, and comes back when a report is asked for."""

    def __init__(self, application, plan, seed):
        super().__init__(application, plan, seed)
        self._wanted = threading.Semaphore()

    def act(self):
        """Wait to be called, then count."""
        self._wanted.acquire()
        if self.visit.cookie is None:
            self.log_in()
        self.count()

    def call(self):
        """Come back for a report."""
        self._wanted.release(ROUNDS)


class Users:
    """All users of one application."""

    def __init__(self, name, plan, settings):
        self._name = name
        application = Application(name, **settings)
        made = [User(application, plan, f"{name}-{n}") for n in range(plan["active"])]
        for number in range(plan["two_tabs"]):
            owner = Tab(application, plan, f"{name}-tab-{number}")
            made += [owner, Tab(application, plan, f"{name}-second-{number}", owner)]
        self._active = made
        self._idle = [Idle(application, plan, f"{name}-idle-{n}") for n in range(plan["idle"])]
        for user in [*self._active, *self._idle]:
            user.start(user.act)

    def ask(self):
        """Call the idle ones back. Returns the rounds that `report` waits for."""
        awaited = [(user, user.rounds + ROUNDS) for user in [*self._active, *self._idle]]
        for user in self._idle:
            user.call()
        return awaited

    def report(self, awaited):
        """The totals since the last report."""
        while any(user.rounds < rounds for user, rounds in awaited):
            time.sleep(0.02)
        joined = Totals()
        for user in [*self._active, *self._idle]:
            totals, user.totals = user.totals, Totals()
            joined.add(totals)
        return vars(joined)


def main():
    """Start everybody, then answer questions."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    users = {name: Users(name, plan, each) for name, each in plan["applications"].items()}
    for _ in sys.stdin:
        awaited = {name: each.ask() for name, each in users.items()}
        print(
            json.dumps({name: users[name].report(rounds) for name, rounds in awaited.items()}),
            flush=True,
        )


if __name__ == "__main__":
    main()
