"""A ledger with plain events on it, what leaves of them, and a real Kafka read as its readers read it."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import psycopg
from eventsourcing.persistence import StoredEvent

from consumers.kafka_clients import Admin, Consumer, OffsetSpec, TopicPartition
from consumers.relay.records import Forgotten, Record, Topic
from consumers.relay.relay import Ends, Relay
from consumers.relay.topics import Kept
from ledger.append import Append
from ledger.opening import open_reader
from ledger.recorded import Recorded
from sarkmeli.migrate import migrate

PATIENCE = 60.0
"""Seconds after which something that is waited for will not come."""

HIDDEN = "test.Hidden"
"""The topic of events of which nothing leaves."""
FACT = "test.Fact"


@dataclass
class Facts:
    """Says one record of each fact: its stream is the key, its version and what was noted the value."""

    prefix: str
    partitions: int = 3
    name: str = "facts"
    hour: int = 1_700_002_800_000

    @property
    def topic(self) -> str:
        return f"{self.prefix}.{self.name}"

    def topics(self) -> Sequence[Topic]:
        return [Topic(self.topic, self.partitions, {})]

    def records(self, recorded: Sequence[Recorded]) -> Sequence[Record]:
        said: list[Record] = []
        for one in recorded:
            if one.topic == FACT:
                value = json.dumps({"version": one.version, "note": one._plain.decode()}).encode()
                headers = (("ce_id", f"{one.stream}/{one.version}".encode()),)
                said.append(Record(self.topic, str(one.stream).encode(), value, headers, self.hour))
        return said


@dataclass
class Tombstones:
    """Erasures that wait to be said: each with the position of its fence."""

    topic: str
    fenced: list[tuple[int, Forgotten]] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)

    def add(self, position: int, *streams: UUID) -> None:
        records = [Record(self.topic, str(stream).encode(), None, (), 1_700_002_800_000) for stream in streams]
        first = len(self.fenced) + 1
        self.fenced += [(position, Forgotten(first + number, one)) for number, one in enumerate(records)]

    def waiting(self, position: int) -> Sequence[Forgotten]:
        return [one for fence, one in reversed(self.fenced) if fence <= position]

    def said(self, through: int) -> None:
        self.ended.append(through)


@dataclass
class RelayHouse:
    """A ledger, a Kafka and a name for what stands in it."""

    conninfo: str
    kafka: dict[str, Any]
    prefix: str = field(default_factory=lambda: f"t{uuid4().hex[:8]}")
    versions: dict[UUID, int] = field(default_factory=dict)

    @property
    def facts(self) -> Facts:
        return Facts(self.prefix)

    @property
    def name(self) -> str:
        return f"{self.prefix}.relay"

    def append(self, count: int, streams: Sequence[UUID], note: str = "", topic: str = FACT) -> None:
        """Events in turn on each of these streams, a hundred in a transaction."""
        with psycopg.connect(self.conninfo, autocommit=True) as db:
            for start in range(0, count, 100):
                new: list[StoredEvent] = []
                for number in range(start, min(count, start + 100)):
                    stream = streams[number % len(streams)]
                    self.versions[stream] = version = self.versions.get(stream, 0) + 1
                    new.append(StoredEvent(stream, version, topic, note.encode()))
                with db.transaction():
                    Append(new).run(db)

    def facts_in_the_ledger(self, after: int = 0) -> dict[str, list[int]]:
        """Every fact's version by its stream, in order."""
        with psycopg.connect(self.conninfo, autocommit=True) as db:
            found: dict[str, list[int]] = {}
            query = "SELECT stream::text, version FROM ledger.event WHERE topic = %s AND position > %s ORDER BY 2"
            for stream, version in db.execute(query, (FACT, after)):
                found.setdefault(stream, []).append(version)
            return found

    def last(self) -> int:
        with psycopg.connect(self.conninfo, autocommit=True) as db:
            return db.execute("SELECT coalesce(max(position), 0) FROM ledger.event").fetchone()[0]

    @contextmanager
    def ends(self, **more: Any) -> Iterator[Ends]:
        with closing(open_reader(self.conninfo)) as reader:
            given = {"outgoing": [self.facts], "kafka": self.kafka, "kept": Kept(1), **more}
            yield Ends(self.name, self.conninfo, reader, **given)

    @contextmanager
    def relaying(self, **more: Any) -> Iterator[Relay]:
        """A relay at work in a thread of its own."""
        stop = threading.Event()
        batch = more.pop("batch", 500)
        with self.ends(**more) as ends:
            relay = Relay(ends, batch=batch)
            thread = threading.Thread(target=relay.run_forever, args=(stop,))
            thread.start()
            try:
                yield relay
            finally:
                stop.set()
                thread.join(PATIENCE)
                assert not thread.is_alive()

    def standing(self) -> tuple[int | None, str | None]:
        """The position and the halt that the relay tells of itself."""
        with psycopg.connect(self.conninfo, autocommit=True) as db:
            query = "SELECT position, stopped FROM housekeeping.relay WHERE name = %s"
            return db.execute(query, (self.name,)).fetchone() or (None, None)

    def until_relayed(self) -> None:
        last = self.last()
        until(lambda: self.standing()[0] == last)

    def until_stopped(self) -> str:
        return until(lambda: self.standing()[1])

    def consumed(self, topic: str | None = None) -> list[Any]:
        return consumed(self.kafka, topic or self.facts.topic)

    def admin(self) -> Any:
        return closing(Admin(**self.kafka))


def house_at(conninfo: str, kafka: dict[str, Any]) -> RelayHouse:
    """On a database in which ledger and key store stand, or will in one."""
    migrate(conninfo, conninfo)
    open_reader(conninfo).close()  # begins its lineage
    return RelayHouse(conninfo, kafka)


def until(found: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """What ``found`` gives as soon as it gives something."""
    deadline = monotonic() + patience
    while not (value := found()):
        assert monotonic() < deadline, "it does not come"
        threading.Event().wait(0.02)
    return value


def consumed(kafka: dict[str, Any], topic: str) -> list[Any]:
    """Every committed record of a topic, partition by partition, in order.

    What a commit has just ended is waited for: until its markers are written, a `read_committed` consumer is told an
    end that lies before it.
    """
    committed = {"isolation_level": "read_committed", "enable_auto_commit": False}
    with closing(Admin(**kafka)) as admin, closing(Consumer(**kafka, **committed)) as consumer:
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        assert partitions, topic
        written = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        ends = {partition: told.offset for partition, told in written.items()}
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        found: list[Any] = []
        deadline = monotonic() + PATIENCE
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            assert monotonic() < deadline
            for records in consumer.poll(timeout_ms=500).values():
                found.extend(records)
        return sorted(found, key=lambda record: (record.partition, record.offset))


def by_key(records: Sequence[Any]) -> dict[str, list[int]]:
    """The versions that came under each key, in order; each key in one partition only."""
    found: dict[str, list[int]] = {}
    places: dict[str, int] = {}
    for record in records:
        key = record.key.decode()
        assert places.setdefault(key, record.partition) == record.partition
        found.setdefault(key, []).append(json.loads(record.value)["version"])
    return found


def main() -> None:
    """A relay as a process of its own: ``relay_house.py CONNINFO BOOTSTRAP PREFIX``."""
    conninfo, bootstrap, prefix = sys.argv[1:]
    house = RelayHouse(conninfo, {"bootstrap_servers": bootstrap.split(",")}, prefix)
    while True:
        try:
            with house.ends() as ends:
                Relay(ends, batch=500).run_forever(threading.Event())
        except psycopg.Error:  # PostgreSQL is being started again
            threading.Event().wait(0.2)


HERE = Path(__file__)

if __name__ == "__main__":
    main()
