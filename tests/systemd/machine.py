"""A host of a lab with an init system of its own: Debian's systemd in namespaces.

The file system is a Debian made by debootstrap, once, and kept in the user's cache directory; each
machine writes to a layer of its own above it. Processes, mounts, names and control groups are its
own; its network is that of the host of the lab.
"""

import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from lab import NAMESPACES, wait_for
from node import REPOSITORY

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "twincached-systemd"
PACKAGES = "systemd,iproute2,dbus"
RELEASE = "bookworm"
UNIT = "twincached.service"

# The new process 1 makes its file system and becomes systemd. Both generations of control groups
# are there on some kernels; the second is all that it is given.
BOOT = """
set -eu
root=$1
mount --make-rprivate /
mount -t overlay overlay -o lowerdir=$2,upperdir=$3,workdir=$4 "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs tmpfs "$root/dev/shm"
cd "$root"
mkdir -p .old
pivot_root . .old
umount -l /.old
# A machine's systemd does this itself, a container's expects it: what it mounts for a service, such
# as its credentials, has to reach that.
mount --make-rshared /
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    /lib/systemd/systemd --system --log-level=notice --show-status=no
"""


def missing_program():
    """The first program that is not installed, `None` if none is missing."""
    for program in ("debootstrap", "unshare", "nsenter"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            return program
    return None


def missing_right():
    """Why this machine cannot boot another one, `None` if it can: it is a container itself, say."""
    namespaces = ["--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork"]
    command = ["unshare", *namespaces, "mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    return done.stderr.strip() if done.returncode != 0 else None


def file_system():
    """The Debian that all machines stand on."""
    recipe = hashlib.sha256(f"{RELEASE} {PACKAGES}".encode()).hexdigest()[:12]
    made = CACHE / recipe
    if not made.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        half = CACHE / f"{recipe}.{os.getpid()}"
        # In namespaces of its own: one that is killed must leave neither processes nor mounts.
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        make = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, half]
        command = [*apart, *make]
        try:
            done = subprocess.run(
                [*map(str, command), *mirror()],
                env=os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            assert done.returncode == 0, f"no Debian could be made:\n{done.stdout[-3000:]}"
            half.rename(made)
        finally:
            shutil.rmtree(half, ignore_errors=True)
    return made


def mirror():
    """The mirror that this machine's apt uses for the release, if it is a Debian."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    asked = subprocess.run([*command, f"Codename: {RELEASE}"], capture_output=True, text=True)
    return asked.stdout.split()[:1]


class Machine:
    """systemd on a host of a lab. Use it in a `with` statement; it is running inside."""

    def __init__(self, host, binary):
        self.host = host
        self.binary = binary
        self.directory = host.lab.directory / f"{host.name}-machine"
        self.root = self.directory / "root"
        self._upper = self.directory / "upper"
        self._process = None
        self.first = None
        self._group = Path("/sys/fs/cgroup/unified")
        if not self._group.is_dir():
            self._group = Path("/sys/fs/cgroup")
        self._group /= f"{host.namespace}-machine"

    def __enter__(self):
        for directory in (self.root, self._upper, self.directory / "work"):
            directory.mkdir(parents=True)
        self.write("etc/machine-id", "", 0o444)
        self.write("usr/local/bin/twincached", self.binary.read_bytes(), 0o755)
        unit = REPOSITORY / "packaging" / UNIT
        self.write(f"etc/systemd/system/{UNIT}", unit.read_text())
        self._boot()
        return self

    def write(self, path, content, mode=0o644):
        """A file of the machine, before it is started."""
        file = self._upper / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(mode)

    def _boot(self):
        self._group.mkdir()
        namespaces = ["--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"]
        layers = [self.root, file_system(), self._upper, self.directory / "work"]
        enter = ["nsenter", f"--net={NAMESPACES / self.host.namespace}"]
        # In its control group before that becomes the root of the namespace.
        join = f'echo $$ > {self._group}/cgroup.procs; exec "$@"'
        with (self.directory / "console").open("wb") as console:
            self._process = subprocess.Popen(
                ["sh", "-c", join, "sh", *enter, "unshare", *namespaces, "sh", "-c", BOOT, "sh"]
                + [str(layer) for layer in layers],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        wait_for(self._has_booted, f"systemd has booted\n{self.console()}", 60, every=0.1)

    def _has_booted(self):
        if self._process.poll() is not None:
            raise AssertionError(f"systemd ended:\n{self.console()}")
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        self.first = next(iter(children.read_text().split()), None)
        if self.first is None:
            return False
        return self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")

    def console(self):
        """What systemd has printed."""
        file = self.directory / "console"
        return file.read_text(errors="replace") if file.exists() else ""

    def run(self, *command, seconds=30):
        """Run a command on the machine."""
        enter = ["nsenter", f"--target={self.first}", "--all", "--wd=/", "--"]
        return subprocess.run(
            [*enter, *map(str, command)], capture_output=True, text=True, timeout=seconds
        )

    def kill(self, name, *pids):
        """Send a signal. Only shells have a `kill` there."""
        done = self.run("sh", "-c", 'kill -s "$@"', "sh", name, *pids)
        assert done.returncode == 0, done.stderr

    def show(self, name):
        """A property of the unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", UNIT).stdout.strip()

    def log(self):
        """The journal of the unit."""
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={UNIT}").stdout

    def __exit__(self, *_):
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(timeout=10)
        wait_for(self._group_is_gone, f"{self._group} is empty", 20, every=0.1)

    def _group_is_gone(self):
        groups = [self._group, *self._group.rglob("*")] if self._group.exists() else []
        try:
            for group in sorted((g for g in groups if g.is_dir()), reverse=True):
                group.rmdir()
        except OSError:
            return False
        return True
