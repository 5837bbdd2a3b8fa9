"""A Docker engine of the tests' own, and the images of docker/ built by it.

Where no image registry is reached, the Dockerfiles build on a Debian made here (docker/base.sh).
The engine keeps its files apart from any other engine on the machine. What it has built stays in
the user's cache directory, because a first build takes minutes; `rm -rf` removes it.

An engine has one of two networks. To build, it has none of its own and uses the machine's. To run
containers it lives in a network namespace, where its bridges and packet filter disturb nobody.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from lab import NAMESPACES, ip, wait_for

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKER = REPOSITORY / "docker"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "twincached-docker"
# Debian's own client can build with Docker's BuildKit; another one earlier in PATH may not.
CLIENT = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"
WEB_IMAGES = ("tomcat", "nginx", "apache")


class CannotRun(Exception):
    """The installed engine does not start on this machine, with its own words."""


def missing_program():
    """The first program that is not installed, `None` if none is missing."""
    for program in ("dockerd", "docker-compose", "debootstrap", "curl", "nsenter"):
        if shutil.which(program, path=search_path()) is None:
            return program
    return None


def search_path():
    """Where programs of root are found, Debian's before others."""
    return f"/usr/bin:/usr/sbin:/sbin:{os.environ['PATH']}"


class Engine:
    """One engine at a time per machine and user. Use it in a `with` statement."""

    def __init__(self):
        self.namespace = f"twincached-docker-{os.getpid()}"
        self.files = CACHE / "engine"
        self.socket = f"unix://{CACHE}/docker.sock"
        self.log_file = CACHE / "dockerd.log"
        self._process = None
        self._lock = None

    def __enter__(self):
        CACHE.mkdir(parents=True, exist_ok=True)
        self._lock = (CACHE / "lock").open("w")
        # Another checkout's tests may be at it.
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._end_leftover()
        return self

    def __exit__(self, *_):
        self.stop()
        self._lock.close()

    def environment(self):
        """For a program that is to use this engine, whatever the user's own settings are."""
        return os.environ | {
            "DOCKER_HOST": self.socket,
            "DOCKER_CONFIG": str(CACHE / "config"),
            "DOCKER_BUILDKIT": "1",
            "PATH": search_path(),
        }

    def run(self, *command, seconds=900, inside=False, **variables):
        """Run a program that uses the engine; raise with what it printed if it fails."""
        enter = ["nsenter", f"--net={NAMESPACES / self.namespace}"] if inside else []
        done = subprocess.run(
            [*enter, *map(str, command)],
            env=self.environment() | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
        if done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def docker(self, *arguments, **options):
        """Run `docker`."""
        return self.run(CLIENT, *arguments, **options)

    def start_to_build(self):
        """Start it on the machine's network, of which it changes nothing."""
        self._start([], ["--bridge=none", "--iptables=false", "--ip-forward=false"])

    def start_to_run(self):
        """Start it in a network of its own."""
        ip("netns", "add", self.namespace)
        ip("-n", self.namespace, "link", "set", "lo", "up")
        self._start(["nsenter", f"--net={NAMESPACES / self.namespace}"], [])

    def _start(self, enter, options):
        files = ["--data-root", self.files, "--exec-root", CACHE / "exec"]
        files += ["--pidfile", CACHE / "dockerd.pid", "--host", self.socket]
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [*enter, "dockerd", *map(str, files), *options],
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._answers_or_ended, "the Docker engine answers", seconds=60, every=0.2)
        if self._process.poll() is not None:
            words = self.log_file.read_text(errors="replace").splitlines()[-5:]
            raise CannotRun("the Docker engine does not run here: " + " | ".join(words))

    def _answers_or_ended(self):
        if self._process.poll() is not None:
            return True
        with contextlib.suppress(AssertionError):
            self.docker("info", seconds=30)
            return True
        return False

    def stop(self):
        """End the engine and what runs in it. Safe to call twice."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(timeout=10)
            self._process = None
        if (NAMESPACES / self.namespace).exists():
            ip("netns", "del", self.namespace)

    def _end_leftover(self):
        """End the engine of a test run that was killed."""
        for entry in NAMESPACES.glob("twincached-docker-*") if NAMESPACES.exists() else []:
            if not Path(f"/proc/{entry.name.rpartition('-')[2]}").exists():
                ip("netns", "del", entry.name)
        pid_file = CACHE / "dockerd.pid"
        if not pid_file.exists():
            return
        process = Path("/proc") / pid_file.read_text().strip()
        with contextlib.suppress(OSError):
            if str(self.files).encode() in (process / "cmdline").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGTERM)
        wait_for(lambda: not process.exists(), "the engine of a killed test run ends", seconds=60)
        pid_file.unlink(missing_ok=True)


def build_images(engine, binary):
    """The images of docker/: the server from the built binary, and the web servers before it."""
    recipe = hashlib.sha256((DOCKER / "base.sh").read_bytes()).hexdigest()[:12]
    base = f"twincached-base:{recipe}"
    if not engine.docker("images", "--quiet", base):
        engine.run(DOCKER / "base.sh", "debian", base)
    common = ["build", "--quiet", "--network", "host", "--build-arg", f"BASE={base}"]
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        # Without a value: taken from the environment, if it is there.
        common += ["--build-arg", name]
    # The Dockerfile takes the binary from where cargo leaves it.
    checkout = CACHE / "checkout"
    shutil.rmtree(checkout, ignore_errors=True)
    (checkout / "target" / "release").mkdir(parents=True)
    shutil.copy(binary, checkout / "target" / "release" / "twincached")
    prebuilt = [*common, "--build-arg", "BINARY=prebuilt", "--file", DOCKER / "Dockerfile"]
    engine.docker(*prebuilt, "--tag", "twincached", checkout)
    for name in WEB_IMAGES:
        tag = ["--target", name, "--tag", f"twincached-{name}"]
        engine.docker(*common, *tag, DOCKER / "web")
