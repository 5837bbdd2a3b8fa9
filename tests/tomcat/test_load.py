"""The users have to tell what a fault cost in the report of that fault."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from drill import LOAD

PLAN = {"active": 0, "two_tabs": 1, "idle": 0, "think": 0.4, "bytes": [1]}
TABS = 2


class Application(ThreadingHTTPServer):
    """Counts in the one session of two tabs; it can hold requests up, and forget a count."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Request)
        self._thawed = threading.Event()
        self._thawed.set()
        self._lock = threading.Lock()
        self._counter = 0
        self._forgotten = None
        self.waiting = threading.Semaphore(0)

    def freeze(self):
        """Hold up each request from now on."""
        self._thawed.clear()

    def thaw_and_forget(self):
        """Answer the two requests that wait, and lose the second of the two counts."""
        self._forgotten = self._counter + TABS
        self._thawed.set()

    def answer(self, path):
        """The counter after this request."""
        if path.endswith("/login"):
            return 0
        if not self._thawed.is_set():
            self.waiting.release()
        self._thawed.wait()
        with self._lock:
            number = self._counter + 1
            if number == self._forgotten:
                self._forgotten = None
            else:
                self._counter = number
            return number


class _Request(BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802: the name that the base class calls
        number = self.server.answer(self.path.partition("?")[0])
        self.send_response(200)
        self.send_header("Set-Cookie", "session")
        self.end_headers()
        self.wfile.write(f"{number}\n".encode())

    def log_message(self, *_):
        """Nobody reads it."""


@pytest.fixture
def application():
    """Running."""
    with Application() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def test_what_a_request_lost_that_a_fault_held_up_is_in_the_report_of_that_fault(
    application, tmp_path
):
    servers = {"one": application.server_port}
    settings = {"path": "app", "servers": servers, "sticky": False}
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({**PLAN, "applications": {"tabs": settings}}))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, LOAD, plan], **pipes) as users:
        ask(users)
        assert updates_lost(users) == 0
        application.freeze()
        for _ in range(TABS):
            assert application.waiting.acquire(timeout=10)
        ask(users)
        application.thaw_and_forget()
        assert updates_lost(users) == 1
        users.stdin.close()


def ask(users):
    """Ask for a report."""
    users.stdin.write("report\n")
    users.stdin.flush()


def updates_lost(users):
    """What the report says."""
    return json.loads(users.stdout.readline())["tabs"]["updates_lost"]
