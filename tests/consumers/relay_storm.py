"""A ledger that grows, relays, a broker and a PostgreSQL that are all ended without warning."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
from kafka.errors import KafkaError
from kafka_broker import broker_of_its_own
from relay_house import HERE, PATIENCE, RelayHouse, by_key, house_at, until

from sandbox.kafka.broker import Broker
from sarkmeli import embedded

HOME = Path(__file__).parents[2]


@dataclass
class Storm:
    """Everything on one machine. ``relays`` are processes of their own, of which one relays and the others stand by."""

    folder: Path
    broker: Broker
    house: RelayHouse
    server: subprocess.Popen[bytes]
    relays: list[subprocess.Popen[bytes]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def relay(self) -> subprocess.Popen[bytes]:
        """Start one more."""
        command = [sys.executable, str(HERE), self.house.conninfo, self.broker.bootstrap, self.house.prefix]
        tests = f"{HOME}:{HOME / 'tests'}:{HOME / 'tests' / 'consumers'}"
        out = (self.folder / "relays.out").open("ab")
        with out:
            started = subprocess.Popen(
                command, cwd=HOME, env={**os.environ, "PYTHONPATH": tests}, stdout=out, stderr=out
            )
        self.relays.append(started)
        return started

    def kill_relay(self) -> None:
        """The oldest, and another in its place."""
        victim = self.relays.pop(0)
        victim.kill()
        victim.wait()
        self.relay()

    def kill_broker(self) -> None:
        self.broker.kill()
        self.broker.start()

    def kill_postgres(self) -> None:
        """As a crash would."""
        self.server.send_signal(signal.SIGQUIT)
        self.server.wait()
        self.server = started(self.folder)

    def write(self, wanted: int, streams: Sequence[UUID], at_once: int) -> None:
        """Events up to so many, whatever PostgreSQL does meanwhile."""
        while not self.ended.is_set():
            try:
                there = self.count()
                if there >= wanted:
                    return
                self.house.versions = self.known()
                self.house.append(min(wanted - there, at_once), streams, note="x" * 100)
            except psycopg.Error:  # it is being started again; what was committed is looked up
                self.ended.wait(0.05)

    def count(self) -> int:
        with psycopg.connect(self.house.conninfo, autocommit=True) as db:
            return db.execute("SELECT count(*) FROM ledger.event").fetchone()[0]

    def known(self) -> dict[UUID, int]:
        with psycopg.connect(self.house.conninfo, autocommit=True) as db:
            return dict(db.execute("SELECT stream, max(version) FROM ledger.event GROUP BY stream").fetchall())

    def relayed(self) -> int:
        """How far the relay says that it is; 0 while nobody can be asked."""
        with suppress(psycopg.Error):
            return self.house.standing()[0] or 0
        return 0

    def settle(self, patience: float = PATIENCE) -> None:
        """Until all is relayed and all can be read."""
        until(lambda: self.relayed() == self.house.last(), patience)

    def judge(self) -> str:
        """What a reader of what is committed has got is what the ledger holds. What was counted."""
        records = readable(self.house)
        got, there = by_key(records), self.house.facts_in_the_ledger()
        assert sum(map(len, got.values())) == len(records)
        assert got == there, "lost, doubled or out of order"
        return f"{len(records)} records under {len(got)} keys: 0 lost, 0 doubled, in order"


def readable(house: RelayHouse) -> list[object]:
    """Every committed record; a broker that was just started may not say at once where its partitions are led."""

    def ask() -> list[object]:
        with suppress(KafkaError):
            return house.consumed()
        return []

    return until(ask)


def started(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "postgres.log").open("ab") as log:
        server = embedded.start(folder, log.fileno())
    until(lambda: embedded.answers(folder) or server.poll() is not None)
    assert server.poll() is None
    return server


@contextmanager
def storm(folder: Path, **how: object) -> Iterator[Storm]:
    """``folder`` must have a short name, for the sockets' sake; ``how``: see `Broker`."""
    folder.chmod(0o755)
    embedded.prepare(folder)
    server = started(folder)
    with broker_of_its_own(**how) as broker:
        conninfo = embedded.conninfo(folder, "postgres")
        house = house_at(conninfo, {"bootstrap_servers": [broker.bootstrap]})
        made = Storm(folder, broker, house, server)
        try:
            yield made
        finally:
            made.ended.set()
            for relay in made.relays:
                relay.send_signal(signal.SIGCONT)
                relay.kill()
                relay.wait()
            made.server.send_signal(signal.SIGQUIT)
            made.server.wait()


def run_the_storm(made: Storm, wanted: int, kills: int, at_once: int, *, patience: float = PATIENCE) -> str:
    """``kills`` in all, of relays, broker and PostgreSQL at moments that chance chooses. What was counted."""
    chance = random.Random(1)
    streams = [uuid4() for _ in range(50)]
    made.relay()
    made.relay()
    writer = threading.Thread(target=made.write, args=(wanted, streams, at_once))
    writer.start()
    disasters: list[Callable[[], None]] = [made.kill_relay, made.kill_broker, made.kill_relay, made.kill_postgres]
    for number in range(1, kills + 1):
        goal = wanted * number // (kills + 2)
        until(lambda goal=goal: made.relayed() >= goal, patience)
        made.ended.wait(chance.random() * 0.2)
        disasters[(number - 1) % len(disasters)]()
    writer.join()
    made.settle(patience)
    return f"{kills} kills; {made.judge()}"


class Proxy:
    """Passes on what client and broker say to each other, until it is told to swallow the broker's answers."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.swallowed = 0
        self._passed: int | None = None
        self._counting = threading.Lock()
        self._made: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()
        self.cut()

    def swallow_after(self, passed: int | None) -> None:
        """Let so many answers through from now on and no other; all of them for None."""
        with self._counting:
            self._passed = passed

    def cut(self) -> None:
        """End every connection."""
        for one in self._made:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._made.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                broker = socket.create_connection(("127.0.0.1", self._to))
                self._made += [client, broker]
                threading.Thread(target=self._pass, args=(client, broker, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(broker, client, True), daemon=True).start()

    def _passes(self) -> bool:
        with self._counting:
            if self._passed is None:
                return True
            if self._passed > 0:
                self._passed -= 1
                return True
            self.swallowed += 1
            return False

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while said := source.recv(65536):
                if not answers or self._passes():
                    target.sendall(said)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
