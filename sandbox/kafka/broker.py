"""One broker that is its own controller (KRaft), on loopback, with everything it keeps in one folder."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Final
from uuid import uuid4

from sandbox.kafka.jars import jars, java
from sandbox.ports import free_port

PATIENCE: Final = 150.0
"""Seconds that a start may take."""

PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/log
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
transaction.max.timeout.ms=900000
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=250
initial.broker.registration.timeout.ms=60000
"""
"""The short session lets one that was killed come back at once: its own controller believes it alive until then."""

LOGGING: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR">
  <Appenders><Console name="out"><PatternLayout pattern="%d{HH:mm:ss} %-5p %c{1}: %m%n"/></Console></Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"""


class BrokerFailed(Exception):
    """The broker did not come up; says the end of what it printed."""


class Broker:
    """A broker whose data outlive it: start, kill and start again. ``port`` 0 takes one that is free.

    Raises at construction: NoBroker. ``extra`` are further lines of ``server.properties``, in which
    ``{port}``, ``{controller}`` and ``{folder}`` stand for this one's.
    """

    def __init__(self, folder: Path, port: int = 0, *, extra: str = "", heap: str = "384m") -> None:
        self.folder = folder.resolve()
        self.port = port or free_port()
        self._controller = free_port()
        self._extra = extra
        self._java = [java(), f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars()}/*"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """``host:port`` for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process that runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it serves. Raises: BrokerFailed."""
        command = self.prepare()
        with (self.folder / "broker.out").open("ab") as out:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        self._await()

    def prepare(self) -> list[str]:
        """Write its settings and make its folder what it needs; the command that runs it. Raises: BrokerFailed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        properties = self.folder / "server.properties"
        told = (PROPERTIES + self._extra).format(port=self.port, controller=self._controller, folder=self.folder)
        properties.write_text(told)
        (self.folder / "log4j2.xml").write_text(LOGGING)
        if not (self.folder / "log" / "meta.properties").exists():
            self._format(properties)
        return self.command("kafka.Kafka", str(properties))

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, by SIGKILL."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP: it answers nobody until `thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def command(self, tool: str, *arguments: str) -> list[str]:
        """A command line that runs one of Kafka's own tools, by its class (``org.apache.kafka.tools…``)."""
        logging = f"-Dlog4j2.configurationFile={self.folder}/log4j2.xml"
        return [*self._java[:-2], logging, *self._java[-2:], tool, *arguments]

    def _format(self, properties: Path) -> None:
        told = ("format", "--ignore-formatted", "--cluster-id", cluster_id(), "--config", str(properties))
        command = self.command("kafka.tools.StorageTool", *told)
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise BrokerFailed((ran.stdout + ran.stderr)[-800:])

    def _await(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.05)
        self.kill()
        raise BrokerFailed((self.folder / "broker.out").read_text(errors="replace")[-1500:])

    def _end(self, by: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(by)
        if by is not signal.SIGKILL:
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._process = None


def cluster_id() -> str:
    """An id for a new cluster, as Kafka's own tool draws one: what begins with a hyphen would read as an option."""
    while True:
        if not (drawn := urlsafe_b64encode(uuid4().bytes).rstrip(b"=").decode()).startswith("-"):
            return drawn
