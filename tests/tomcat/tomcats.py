"""Two Tomcats on the client host, each with one application for each way to configure MSM."""

import dataclasses
import os
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from lab import ADDRESSES, MEMCACHED_PORT, VIRTUAL_ADDRESS, wait_for

HERE = Path(__file__).parent
CLASSES = HERE / "target" / "classes"
LIBRARIES = HERE / "target" / "dependency"
README = HERE.parents[1] / "README.md"
CHAPTER = "## Tomcat with memcached-session-manager"

# Each Tomcat has an engine for sticky sessions, with a jvmRoute, and one without for the others.
PORTS = {"tomcat1": (8081, 8082), "tomcat2": (8083, 8084)}

# The README's example has this address.
README_NODE = "10.0.0.100:11211"
NODES = {
    "address": f"{VIRTUAL_ADDRESS}:{MEMCACHED_PORT}",
    "n1:address": f"n1:{VIRTUAL_ADDRESS}:{MEMCACHED_PORT}",
    "n1:a n2:b": ",".join(
        f"{node}:{ADDRESSES[host]}:{MEMCACHED_PORT}" for node, host in (("n1", "a"), ("n2", "b"))
    ),
}
# With two nodes and sticky sessions, each Tomcat writes to the other node only in need.
FAILOVER_NODES = {"tomcat1": "n1", "tomcat2": "n2"}


def readme_chapter():
    """The README's chapter on MSM."""
    return README.read_text().partition(CHAPTER + "\n")[2].partition("\n## ")[0]


def readme_context():
    """The `<Context>` that the README recommends."""
    return re.search(r"```xml\n(.*?)```", readme_chapter(), re.DOTALL).group(1)


def readme_java_options():
    """The options that the README recommends for the Java process."""
    return re.search(r"JAVA_OPTS=\"(.*?)\"", readme_chapter(), re.DOTALL).group(1).split()


@dataclasses.dataclass(frozen=True)
class Settings:
    """One way to configure MSM. As it stands here, it is the README's, word for word."""

    sticky: bool = True
    locking: str = "none"
    protocol: str = "text"
    nodes: str = "address"

    def __str__(self):
        sessions = "sticky" if self.sticky else f"non-sticky, locking {self.locking}"
        return f"{sessions}, {self.protocol}, {self.nodes}"

    @property
    def application(self):
        """The name of its application: its path, and its context file."""
        words = ["sticky" if self.sticky else self.locking, self.protocol, self.nodes]
        return re.sub(r"[^a-z0-9]+", "-", "-".join(words))

    def context(self, tomcat):
        """Its META-INF/context.xml: the README's, with the differences."""
        tree = ElementTree.fromstring(readme_context())
        manager = tree.find("Manager")
        assert manager.get("memcachedNodes") == README_NODE
        manager.set("memcachedNodes", NODES[self.nodes])
        if self == Settings():
            return ElementTree.tostring(tree)
        manager.set("sticky", str(self.sticky).lower())
        manager.set("memcachedProtocol", self.protocol)
        if not self.sticky:
            manager.set("lockingMode", self.locking)
        elif self.nodes == "n1:a n2:b":
            manager.set("failoverNodes", FAILOVER_NODES[tomcat])
        return ElementTree.tostring(tree)


def missing():
    """What is not installed, or `None`."""
    if shutil.which("java") is None:
        return "java is not installed (tests/prepare installs it as root)"
    if not (CLASSES / "Server.class").exists() or not list(LIBRARIES.glob("tomcat-embed-core-*")):
        return f"{HERE / 'target'} is not built (tests/prepare does with Maven)"
    return None


class Tomcats:
    """The two processes."""

    def __init__(self, lab, matrix):
        self._lab = lab
        self._matrix = matrix
        self._processes = {}
        for name in PORTS:
            for settings in matrix:
                file = self._contexts(name, settings.sticky) / f"{settings.application}.xml"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(settings.context(name))

    def _contexts(self, name, sticky):
        return self._lab.directory / "contexts" / name / ("sticky" if sticky else "spread")

    def start(self, *names):
        """Start those, or both, and wait until they accept requests."""
        for name in names or PORTS:
            engines = []
            for port, sticky in zip(PORTS[name], (True, False)):
                self._contexts(name, sticky).mkdir(parents=True, exist_ok=True)
                engines += [port, name if sticky else "-", self._contexts(name, sticky)]
            command = ["java", "-XX:+UseSerialGC", "-Xmx256m", "-XX:TieredStopAtLevel=1"]
            command += readme_java_options()
            command += [f"-Djava.util.logging.config.file={HERE / 'logging.properties'}"]
            command += ["-Dnet.spy.log.LoggerImpl=net.spy.memcached.compat.log.SunLogger"]
            command += ["-cp", os.pathsep.join([str(CLASSES), str(LIBRARIES / "*")]), "Server"]
            work = self._lab.directory / "work" / name
            log = f"{name}.log"
            self._processes[name] = self._lab.client.spawn(*command, work, *engines, log=log)
        for name in names or PORTS:
            wait_for(lambda name=name: self._accepts(name), f"{name} accepts requests", 60, 0.1)

    def _accepts(self, name):
        process = self._processes[name]
        assert process.poll() is None, f"{name} ended:\n{self._lab.client.log()[-4000:]}"
        try:
            for port in PORTS[name]:
                self._lab.client.connect("127.0.0.1", port).close()
        except OSError:
            return False
        return True

    def kill(self, name):
        """kill -9."""
        self._processes[name].kill()
        self._processes[name].wait(timeout=10)

    def plan(self):
        """The applications, as the load wants them."""
        return {
            settings.application: {
                "path": settings.application,
                "sticky": settings.sticky,
                "servers": {name: PORTS[name][0 if settings.sticky else 1] for name in PORTS},
            }
            for settings in self._matrix
        }
