"""PHP's own web server on the client host, one for each way to configure sessions."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from lab import VIRTUAL_ADDRESS, wait_for

HERE = Path(__file__).parent
PROGRAM = HERE / "php" / "counter.php"
README = HERE.parents[1] / "README.md"
CHAPTER = "## PHP sessions"
README_ADDRESS = "10.0.0.100"

FIRST_PORT = 8101
# A waiting request holds a worker, and each of these users may wait.
WORKERS = 24


def readme_settings():
    """The settings that the README recommends, as name -> value."""
    chapter = README.read_text().partition(CHAPTER + "\n")[2].partition("\n## ")[0]
    lines = re.search(r"```ini\n(.*?)```", chapter, re.DOTALL).group(1).splitlines()
    pairs = [line.split(";")[0].partition("=") for line in lines if "=" in line.split(";")[0]]
    settings = {name.strip(): value.strip().strip('"') for name, _, value in pairs}
    assert README_ADDRESS in settings["session.save_path"]
    return settings


def missing():
    """What is not installed, or `None`."""
    php = shutil.which("php")
    loaded = php and subprocess.run([php, "-m"], capture_output=True, text=True).stdout.split()
    if not loaded or "memcached" not in loaded:
        return "php or its memcached extension is not installed (tests/prepare does, as root)"
    return None


class PhpServers:
    """A web server for each variant: name -> settings that differ from the README's."""

    def __init__(self, lab, variants):
        self._lab = lab
        self._variants = variants
        self._ports = {name: FIRST_PORT + at for at, name in enumerate(variants)}

    def start(self):
        """Start all and wait until they accept requests."""
        for name, different in self._variants.items():
            port = self._ports[name]
            log = self._lab.directory / f"php-errors-{port}.log"
            settings = {**readme_settings(), "log_errors": 1, "error_log": log, **different}
            settings["session.save_path"] = settings["session.save_path"].replace(
                README_ADDRESS, VIRTUAL_ADDRESS
            )
            words = [word for pair in settings.items() for word in ("-d", "{}={}".format(*pair))]
            where = f"127.0.0.1:{port}"
            environment = {**os.environ, "PHP_CLI_SERVER_WORKERS": str(WORKERS)}
            command = ["php", "-q", *words, "-S", where, PROGRAM]
            self._lab.client.spawn(*command, log=f"php-{port}.log", env=environment)
        for port in self._ports.values():
            wait_for(lambda port=port: self._accepts(port), f"PHP accepts on port {port}", 20, 0.1)

    def _accepts(self, port):
        try:
            self._lab.client.connect("127.0.0.1", port).close()
        except OSError:
            return False
        return True

    def plan(self):
        """The applications, as the load wants them."""
        return {
            name: {"path": "app", "sticky": False, "servers": {"php": port}}
            for name, port in self._ports.items()
        }
