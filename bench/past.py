"""A ledger with a long past: some stories told through the real commands, then copied into as many events as wanted.

The copies keep topics, sealed bytes and facts as they were stored; streams get ids of their own, in the facts too, and
happen beside one another as cases in an office do.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection

from ledger.opening import Ledger, open_ledger
from ledger.schema import make_key_store, make_ledger
from projections.schema import PROJECTIONS_DDL
from sarkmeli import embedded

TESTS = Path(__file__).resolve().parent.parent / "tests"
KINDS = ("int8", "uuid", "int8", "text", "bytea", "bytea", "uuid", "timestamptz", "timestamptz", "uuid")
COLUMNS = "position, stream, version, topic, plain, sealed, key_id, at, recorded_at, lineage"
TOLD = f"SELECT {COLUMNS} FROM ledger.event WHERE position > %s ORDER BY position"
INTO = f"COPY ledger.event ({COLUMNS}) FROM STDIN (FORMAT binary)"
TOGETHER = 2000
"""Stories that happen beside one another."""
APART = timedelta(hours=1)
"""From the beginning of one story to that of the next."""


@dataclass(frozen=True)
class Template:
    """One story's rows in order, and when each happened since the first."""

    rows: Sequence[tuple[Any, ...]]
    since: Sequence[timedelta]
    streams: Sequence[UUID]


@dataclass(frozen=True)
class Past:
    """A ledger in a PostgreSQL of its own, beside which read models are made."""

    folder: Path
    conninfo: str
    ledger: Ledger
    office: Any
    """Whose clock the stories set."""

    def told(self, stories: int) -> list[Template]:
        """So many stories, told one after the other by the domain's commands."""
        return tell(self.ledger, self.office, self.conninfo, stories)

    def where(self) -> list[str]:
        """How another process opens it: see `opened`."""
        return [self.conninfo, str(self.folder / "keys")]


def opened(where: Sequence[str]) -> Ledger:
    """The ledger, in another process."""
    conninfo, keys = where
    return open_ledger(conninfo, conninfo, Path(keys))


@contextmanager
def a_past() -> Generator[Past]:
    """An empty ledger, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))
    folder.chmod(0o755)
    with ExitStack() as closing:
        closing.callback(shutil.rmtree, folder, ignore_errors=True)
        embedded.prepare(folder)
        with (folder / "postgres.log").open("wb") as log:
            embedded.start(folder, log.fileno())
        closing.callback(embedded.end_leftovers, folder)
        while not embedded.answers(folder):
            pass
        with psycopg.connect(embedded.conninfo(folder, "postgres"), autocommit=True) as db:
            db.execute("CREATE DATABASE ledger")
        conninfo = embedded.conninfo(folder, "ledger")
        with psycopg.connect(conninfo, autocommit=True) as db:
            make_ledger(db)
            for statement in PROJECTIONS_DDL:
                db.execute(statement.encode())
        make_key_store(conninfo)
        ledger = open_ledger(conninfo, conninfo, folder / "keys")
        closing.callback(ledger.close)
        office = timed_office(ledger.env)
        closing.callback(office.close)
        yield Past(folder, conninfo, ledger, office)


def tell(ledger: Ledger, office: Any, conninfo: str, count: int) -> list[Template]:
    """So many stories, told one after the other by the domain's commands on the real ledger."""
    sys.path[:0] = [str(TESTS / "domain"), str(TESTS / "projections")]
    histories, stories = importlib.import_module("histories"), importlib.import_module("stories")
    told: list[Template] = []
    with psycopg.connect(conninfo, autocommit=True) as db:
        for number in range(count):
            before = ledger.reader.settled()
            stories.ALL[number % len(stories.ALL)](histories.RealStory(office, ledger, number))
            told.append(_template(db.execute(TOLD, (before,)).fetchall()))
    return told


def timed_office(env: dict[str, str]) -> Any:
    """An office whose clock the stories set."""
    sys.path[:0] = [str(TESTS / "domain"), str(TESTS / "projections")]
    return importlib.import_module("histories").TimedOffice(env)


def copy(db: Connection[Any], templates: Sequence[Template], events: int) -> int:
    """Append copies until the ledger holds ``events``; how many there are. The connection must be autocommitting."""
    there, position, lineage = _stand(db)
    with db.transaction(), db.cursor() as cursor, cursor.copy(INTO) as rows:
        rows.set_types(KINDS)
        for at, row in copies(templates, events - there):
            position += 1
            rows.write_row((position, *row[1:7], at, at, lineage))
    db.execute("SELECT setval('ledger.position', %s)", (position,))
    db.execute("VACUUM (ANALYZE) ledger.event")
    return _stand(db)[0]


def _stand(db: Connection[Any]) -> tuple[int, int, UUID]:
    found = db.execute(
        "SELECT count(*), max(position), (SELECT lineage FROM ledger.event ORDER BY position DESC LIMIT 1) "
        "FROM ledger.event"
    ).fetchone()
    assert found is not None
    return found


def _template(rows: Sequence[tuple[Any, ...]]) -> Template:
    first: datetime = rows[0][7]
    streams = list(dict.fromkeys(row[1] for row in rows))
    return Template(rows, [row[7] - first for row in rows], streams)


def copies(templates: Sequence[Template], count: int) -> Iterator[tuple[datetime, tuple[Any, ...]]]:
    """Rows in the order in which they happen."""
    start: datetime = templates[0].rows[0][7]
    story = 0
    while count > 0:
        block: list[tuple[datetime, int, int, tuple[Any, ...]]] = []
        for _ in range(TOGETHER):
            block += _one_copy(templates[story % len(templates)], start + story * APART, story)
            story += 1
        block.sort(key=lambda entry: entry[:3])
        for at, _, _, row in block[:count]:
            yield at, row
        count -= len(block)


def _one_copy(template: Template, start: datetime, story: int) -> Iterator[tuple[datetime, int, int, tuple[Any, ...]]]:
    fresh: dict[UUID, UUID] = {}
    for row, since in zip(template.rows, template.since, strict=True):
        if row[1] not in fresh:
            fresh[row[1]] = _uuid7(start + since)
    swaps = [(str(old).encode(), str(new).encode()) for old, new in fresh.items()]
    for number, (row, since) in enumerate(zip(template.rows, template.since, strict=True)):
        plain: bytes = row[4]
        for old, new in swaps:
            plain = plain.replace(old, new)
        yield start + since, story, number, (row[0], fresh[row[1]], row[2], row[3], plain, *row[5:])


def _uuid7(at: datetime) -> UUID:
    """A time-ordered id of that moment (RFC 9562, 5.7)."""
    drawn = int.from_bytes(os.urandom(10), "big")
    milliseconds = int(at.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | (drawn >> 66 & 0xFFF) << 64 | 2 << 62 | drawn & (1 << 62) - 1)
