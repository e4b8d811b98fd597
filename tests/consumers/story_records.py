"""What a whole office would publish, without a running office: real commands on a real ledger, and their records.

with told_ledger(new_database, tmp_path) as told:
    records = told.records()      # every public record, in order
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import stories
from databases import NewDatabase
from histories import RealStory, TimedOffice
from psycopg_pool import ConnectionPool
from taxpayer_stage import Stage

from consumers.relay.forgotten import Tombstones, Unpublishing
from consumers.relay.publication import Publication
from consumers.relay.records import Record
from housekeeping.publication import Numbering
from housekeeping.schema import HOUSEKEEPING_DDL
from ledger.opening import Ledger, open_ledger
from ledger.reader import Recorded
from ledger.schema import make_key_store, make_ledger

PREFIX = "told"


@dataclass
class ToldLedger:
    """A ledger in which stories happened, and what may leave of it."""

    conninfo: str
    keys_conninfo: str
    folder: Path
    ledger: Ledger
    office: TimedOffice
    pool: ConnectionPool[Any]
    prefix: str
    told: list[RealStory] = field(default_factory=list[RealStory])

    def __post_init__(self) -> None:
        self.numbering = Numbering(self.pool)
        self.tombstones = Tombstones(self.numbering, self.ledger.keys, self.prefix, lambda: date.max)
        self.unpublishing = Unpublishing(self.numbering, self.ledger.keys)

    def publication(self, partitions: int = 3) -> Publication:
        """A publication that has seen nothing yet, as after a restart."""
        return Publication(self.ledger.reader, self.ledger.keys, self.numbering, self.prefix, partitions)

    def tell(self, told: Sequence[Callable[[RealStory], Any]]) -> list[RealStory]:
        """Tell more stories, a minute after each other."""
        made = []
        for tell in told:
            story = RealStory(self.office, self.ledger, len(self.told))
            tell(story)
            self.told.append(story)
            made.append(story)
        return made

    def tell_of_taxpayers(self) -> Stage:
        """Tell the taxpayers' stories, once in a ledger: their usernames are taken then."""
        stage = Stage(office=self.office, subjects=self.ledger.keys)
        for tell in stories.TAXPAYERS:
            tell(stage)
        return stage

    def events(self) -> Sequence[Recorded]:
        """The whole ledger, as a relay gets it."""
        return self.ledger.reader.follow(0, 1_000_000)

    def records(self) -> list[Record]:
        """Every public record."""
        return list(self.publication().records(self.events()))

    def rows(self, query: Any, *arguments: Any) -> list[tuple[Any, ...]]:
        with self.pool.connection() as db:
            return db.execute(query, arguments).fetchall()

    def erase(self, case: UUID, streams: Sequence[UUID] = ()) -> None:
        """As the office erases: the case says so, is taken out of the stream, and its key destroyed."""
        fence = max(one.position for one in self.events())
        self.unpublishing.forget(case, fence)
        (subject,) = {one.event.subject for one in self.ledger.reader.stream(case)} - {None}
        self.ledger.keys.erase(subject)


def ledger_and_housekeeping(conninfo: str) -> None:
    """In one database, without the office's roles."""
    with psycopg.connect(conninfo, autocommit=True) as db:
        make_ledger(db)
        for statement in HOUSEKEEPING_DDL:
            db.execute(statement)


@contextmanager
def told_ledger(
    new_database: NewDatabase,
    folder: Path,
    told: Sequence[Callable[[RealStory], Any]] = stories.ALL,
    *,
    taxpayers: bool = True,
    prefix: str = PREFIX,
) -> Iterator[ToldLedger]:
    """A ledger of its own with these stories told; by default every story that there is, of both services."""
    conninfo, keys_conninfo = new_database(ledger_and_housekeeping), new_database(make_key_store)
    ledger = open_ledger(conninfo, keys_conninfo, folder / "told-keys")
    office = TimedOffice(ledger.env)
    pool: ConnectionPool[Any] = ConnectionPool(conninfo, kwargs={"autocommit": True}, min_size=1, open=True)
    try:
        made = ToldLedger(conninfo, keys_conninfo, folder, ledger, office, pool, prefix)
        made.tell(told)
        if taxpayers:
            made.tell_of_taxpayers()
        yield made
    finally:
        pool.close()
        office.close()
        ledger.close()


def story_records(new_database: NewDatabase, folder: Path, rounds: int = 1, prefix: str = PREFIX) -> list[Record]:
    """The records of every story, the compatriots' told ``rounds`` times over by other people."""
    with told_ledger(new_database, folder, stories.ALL * rounds, prefix=prefix) as told:
        return told.records()
