"""A ledger of cases that may be published, a broker of its own, and what both sides of the measurement send there."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg

from bench.past import INTO, KINDS, Past, Template, a_past, copies
from consumers.kafka_clients import Admin
from consumers.relay.forgotten import Tombstones
from consumers.relay.publication import Publication
from consumers.relay.records import Record
from consumers.relay.relay import Ends
from consumers.relay.topics import Kept
from housekeeping.publication import Numbering
from housekeeping.schema import HOUSEKEEPING_DDL
from ledger.aead import decrypt, encrypt
from ledger.connecting import reading_pool
from ledger.opening import Ledger
from ledger.sealing import Sealed
from sandbox.kafka.broker import Broker

PARTITIONS = 6
STORIES = 60

BEGIN_ANEW = """
TRUNCATE housekeeping.published_case, housekeeping.published_stream, housekeeping.published_fact;
UPDATE housekeeping.publication SET position = 0, fenced = 0;
"""

Row = tuple[int, UUID, int, str, bytes, bytes | None, UUID | None]


@dataclass(frozen=True)
class Place:
    """Where it is measured."""

    past: Past
    broker: Broker
    templates: Sequence[Template]

    @property
    def kafka(self) -> dict[str, Any]:
        return {"bootstrap_servers": [self.broker.bootstrap]}

    def rows(self, count: int) -> Iterator[tuple[datetime, Row]]:
        """Rows of copied cases, sealed again where they stand: what is published of a form must be opened."""
        keys = self.past.ledger.keys
        was = {
            (row[6], row[2], row[3], row[5]): Sealed(row[1], row[2], row[3], row[6], row[5]).associated()
            for template in self.templates
            for row in template.rows
            if row[5] is not None
        }
        for at, (position, stream, version, topic, plain, sealed, key_id, *_) in copies(self.templates, count):
            again = sealed
            if sealed is not None and key_id is not None:
                key = keys.keys([key_id])[key_id]
                assert key is not None
                opened = decrypt(key.key, sealed, was[key_id, version, topic, sealed])
                again = encrypt(key.key, opened, Sealed(stream, version, topic, key_id, b"").associated())
            yield at, (position, stream, version, topic, plain, again, key_id)

    def fill(self, events: int) -> int:
        """Append copies until the ledger holds so many; the last position."""
        with psycopg.connect(self.past.conninfo, autocommit=True) as db:
            found = db.execute("SELECT max(position), count(*) FROM ledger.event").fetchone()
            lineage = db.execute("SELECT id FROM ledger.lineage ORDER BY generation DESC LIMIT 1").fetchone()
            assert found is not None
            assert lineage is not None
            position, there = found
            with db.transaction(), db.cursor() as cursor, cursor.copy(INTO) as into:
                into.set_types(KINDS)
                for at, row in self.rows(events - there):
                    position += 1
                    into.write_row((position, *row[1:], at, at, lineage[0]))
            db.execute("SELECT setval('ledger.position', %s)", (position,))
            db.execute("VACUUM (ANALYZE) ledger.event")
        return position

    def begin_anew(self) -> str:
        """Nothing is numbered, and another prefix; that."""
        with psycopg.connect(self.past.conninfo, autocommit=True) as db:
            db.execute(BEGIN_ANEW)
        return f"b{uuid4().hex[:8]}"

    def made(self, prefix: str) -> None:
        """The topics, for who does not make them."""
        with publication(self.past.conninfo, self.past.ledger, prefix) as public, closing(Admin(**self.kafka)) as admin:
            wanted = {
                topic.name: {"num_partitions": topic.partitions, "configs": Kept(1).config(topic)}
                for topic in public.topics()
            }
            admin.create_topics(wanted, wait_for_metadata=True)

    def records(self, after: int, prefix: str) -> list[Record]:
        """What leaves of all events after a position."""
        with publication(self.past.conninfo, self.past.ledger, prefix) as public:
            found: list[Record] = []
            while batch := self.past.ledger.reader.follow(after, 2000):
                found += public.records(batch)
                after = batch[-1].position
            return found

    def noted(self, records: Sequence[Record]) -> Path:
        """The records in a file, for another process."""
        path = self.past.folder / "records"
        told = [(one.topic, one.value, one.key, list(one.headers), one.timestamp) for one in records]
        path.write_bytes(pickle.dumps(told))
        return path


@contextmanager
def publication(conninfo: str, ledger: Ledger, prefix: str) -> Generator[Publication]:
    """As the office puts it together."""
    with reading_pool(conninfo, 4) as pool:
        yield Publication(ledger.reader, ledger.keys, Numbering(pool), prefix, PARTITIONS)


@contextmanager
def ends(conninfo: str, ledger: Ledger, kafka: dict[str, Any], prefix: str) -> Generator[Ends]:
    """What the relay stands between, as the office puts it together."""
    with reading_pool(conninfo, 4) as pool:
        numbering = Numbering(pool)
        public = Publication(ledger.reader, ledger.keys, numbering, prefix, PARTITIONS)
        tombstones = Tombstones(numbering, ledger.keys, prefix)
        yield Ends(f"{prefix}.relay", conninfo, ledger.reader, [public], kafka, Kept(1), tombstones)


@contextmanager
def a_relay_place() -> Generator[Place]:
    """A ledger with some real stories in it, and a broker; gone afterwards. Raises: NoBroker."""
    with ExitStack() as opened:
        past = opened.enter_context(a_past())
        with psycopg.connect(past.conninfo, autocommit=True) as db:
            for statement in HOUSEKEEPING_DDL:
                db.execute(statement.encode())
        broker = Broker(past.folder / "kafka")
        opened.callback(broker.kill)
        broker.start()
        yield Place(past, broker, past.told(STORIES))
