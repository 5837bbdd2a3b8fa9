"""Client programs in other languages, which run named checks.

A program gets the server's address and answers with a line for each check, `ok NAME` or
`not ok NAME: REASON`. With the line `restart` it asks for a restart of the server and waits for
the answer `restarted`.
"""

import subprocess
import threading


def demand(checks, server, *command, seconds=50):
    """Run a program to its end and fail unless it reports exactly these checks, all as good."""
    outcomes, ending = _run(server, [str(word) for word in command], seconds)
    failed = {check: reason for check, reason in outcomes.items() if reason}
    assert failed == {}
    assert ending is None, ending
    assert sorted(outcomes) == sorted(checks)


def _run(server, command, seconds):
    """What came of each check, `None` for good, and how the program ended, `None` for well."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        # The limit ends what has stopped to speak. Both pipes are read, so that neither fills.
        limit = threading.Timer(seconds, process.kill)
        errors = []
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read()))
        limit.start()
        reader.start()
        outcomes = _converse(process, server)
        process.wait()
        limit.cancel()
        reader.join()
    ended_well = process.returncode == 0
    return outcomes, None if ended_well else f"code {process.returncode}: {errors[0][-2000:]}"


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
