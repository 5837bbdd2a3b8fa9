"""Client programs in other languages: run once, and each of their checks is a test.

A program gets the server's address and answers with a line for each check, `ok NAME` or
`not ok NAME: REASON`. With the line `restart` it asks for a restart of the server and waits for
the answer `restarted`.
"""

import subprocess
import threading


def run(server, *command, seconds=50):
    """Run a program to its end: check -> `None`, or why it failed."""
    with subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        # It ends what has stopped to speak. The other pipe is read meanwhile, so that neither fills.
        limit = threading.Timer(seconds, process.kill)
        errors = []
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read()))
        limit.start()
        reader.start()
        outcomes = _converse(process, server)
        process.wait()
        limit.cancel()
        reader.join()
    if process.returncode != 0:
        outcomes[None] = f"ended with {process.returncode}: {errors[0][-2000:]}"
    return outcomes


def _converse(process, server):
    outcomes = {}
    for line in process.stdout:
        line = line.rstrip("\n")
        if line == "restart":
            server.restart()
            process.stdin.write("restarted\n")
            process.stdin.flush()
        elif line.startswith("ok "):
            outcomes[line.removeprefix("ok ")] = None
        elif line.startswith("not ok "):
            name, _, reason = line.removeprefix("not ok ").partition(": ")
            outcomes[name] = reason or "no reason given"
        else:
            print(line)
    return outcomes


def judge(outcomes, check):
    """Fail unless the program reported the check as good."""
    assert check in outcomes, outcomes.get(None, f"not run; the others: {outcomes}")
    assert outcomes[check] is None, outcomes[check]
