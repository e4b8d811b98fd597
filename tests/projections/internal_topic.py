"""An internal topic on a real broker, written in transactions as the relay writes it; and read models that it feeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import kafka
import psycopg
from kafka.admin import NewTopic

from consumers.mirror.member import Member
from consumers.mirror.outgoing import Internal
from consumers.mirror.reached import Reached
from consumers.mirror.topics import Topics
from ledger.reader import Recorded
from projections import partitions, rows, tracking
from projections.model import ReadModel
from projections.tracking import Place
from projections.turns import session

LONG = 60.0


class InternalTopic:
    """A topic of its own, whose writer sends each batch in one transaction."""

    def __init__(self, servers: str, count: int, lineage: UUID | None = None) -> None:
        self.client = {"bootstrap_servers": servers}
        self.prefix = f"t{uuid4().hex[:10]}"
        self.lineage = lineage or uuid4()
        self.outgoing = Internal(self.prefix, count, lambda: self.lineage)
        (self.topic,) = self.outgoing.topics()
        self.admin = kafka.KafkaAdminClient(**self.client)
        self.make()
        self.producer = kafka.KafkaProducer(
            **self.client, transactional_id=f"{self.prefix}.relay", acks="all", linger_ms=0, retry_backoff_ms=5
        )
        self.producer.init_transactions()

    def make(self) -> None:
        self.admin.create_topics(
            [NewTopic(self.topic.name, self.topic.partitions, 1, topic_configs=dict(self.topic.config))]
        )

    def make_again(self) -> None:
        """Once the one before is gone."""

        def tried() -> bool:
            try:
                self.make()
            except kafka.errors.TopicAlreadyExistsError:
                return False
            return True

        def found() -> bool:
            return not self.admin.describe_topics([self.topic.name])[0]["error_code"]

        until(tried)
        until(found)

    def send(self, events: Sequence[Recorded], end: str = "commit") -> None:
        """One transaction. ``end``: "commit", "abort", or "leave" to leave it open."""
        self.producer.begin_transaction()
        sent = [
            self.producer.send(one.topic, key=one.key, value=one.value, timestamp_ms=one.timestamp)
            for one in self.outgoing.records(events)
        ]
        for one in sent:
            one.get(LONG)
        if end != "leave":
            getattr(self.producer, f"{end}_transaction")()

    def close(self) -> None:
        self.producer.close(0)
        self.admin.close()


@contextmanager
def member_of(topic: InternalTopic, conninfo: str, model: ReadModel, **how: Any) -> Iterator[Member]:
    """A member whose steps a test takes."""
    with session(conninfo) as db, Topics(topic.client) as topics:
        made = Member(db, model, lambda: topics.find(topic.topic.name), topic.client, topic.prefix, **how)
        try:
            yield made
        finally:
            made.close()


def until(done: Callable[[], Any], step: Callable[[], Any] = lambda: time.sleep(0.05)) -> None:
    """Step until it is so."""
    deadline = time.monotonic() + LONG
    while not done():
        assert time.monotonic() < deadline, "it did not come to be"
        step()


def reached(topic: InternalTopic, conninfo: str, model: ReadModel, position: int, *members: Member) -> None:
    """Until the model is at the position as a whole; ``members`` step meanwhile."""
    with psycopg.connect(conninfo, autocommit=True) as db, Topics(topic.client) as topics:
        look = Reached(model, topics.written)
        until(lambda: look.look(db) >= position, lambda: [one.step(0.1) for one in members] or time.sleep(0.05))


def mirror_hash(conninfo: str, model: ReadModel) -> str:
    with psycopg.connect(conninfo, autocommit=True) as db:
        return rows.table_hash(db, Place(model))


def position_of(conninfo: str, model: ReadModel) -> int:
    with psycopg.connect(conninfo, autocommit=True) as db:
        found = tracking.find(db, Place(model))
        return 0 if found is None else found.position


def marks(conninfo: str, model: ReadModel) -> list[Any]:
    with psycopg.connect(conninfo, autocommit=True) as db:
        return partitions.partitions_of(db, model)
