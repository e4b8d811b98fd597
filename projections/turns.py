"""Whose turn it is to work on a model (`ledger.turns`), and the heart that beats for the runner behind it.

What keeps rows right is neither: `projections.tracking` fences whoever is no longer the holder.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

import psycopg
import structlog

from ledger import turns
from ledger.turns import BEAT_SECONDS, STOPPED_SECONDS, Heard, take
from projections import poison
from projections.tracking import Db, Place, lock_of

log = structlog.get_logger()

RUNNER_DDL = """
CREATE TABLE IF NOT EXISTS reading.runner (
    id      uuid        PRIMARY KEY,
    beat_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""

APPLICATION = "sarkmeli projections"
"""What `pg_stat_activity` calls our sessions."""

_BEAT = """
INSERT INTO reading.runner (id) VALUES (%s) ON CONFLICT (id) DO UPDATE SET beat_at = clock_timestamp()
"""
_LAST_BEAT = "DELETE FROM reading.runner WHERE id = %s OR beat_at < clock_timestamp() - interval '1 day'"

_HOLDER = """
SELECT t.holder, coalesce(clock_timestamp() - r.beat_at > make_interval(secs => %s), true) AS stopped
FROM reading.tracking t LEFT JOIN reading.runner r ON r.id = t.holder
WHERE (t.model, t.version, t.beside) = (%s, %s, %s)
"""


class BusyElsewhere(Exception):
    """Another runner holds this model's turn."""


def session(conninfo: str) -> AbstractContextManager[Db]:
    """A connection of a runner's own, whose server notices within seconds when its host is lost."""
    return turns.session(conninfo, APPLICATION)


class Heart:
    """One process's beat, in a thread and on a connection of its own, from `__enter__` to `__exit__`."""

    def __init__(self, conninfo: str) -> None:
        self.id = uuid4()
        self._conninfo = conninfo
        self._still = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heart of the projections", daemon=True)

    def __enter__(self) -> Self:
        """The first beat is through when this returns, if the database can be reached."""
        with suppress(psycopg.OperationalError), session(self._conninfo) as db:
            db.execute(_BEAT, (self.id,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._still.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._still.is_set():
            try:
                with session(self._conninfo) as db:
                    db.execute("SET synchronous_commit = off")  # a beat that a crash loses has no more to say
                    while not self._still.wait(BEAT_SECONDS):
                        db.execute(_BEAT, (self.id,))
                    db.execute(_LAST_BEAT, (self.id,))
            except psycopg.Error as error:
                log.warning("the heart misses a beat", error=poison.told(error))
                self._still.wait(BEAT_SECONDS)


class Turn(turns.Turn):
    """One runner's way to its turn on one model. ``holder`` is the id of its heart."""

    def __init__(self, place: Place, holder: UUID) -> None:
        self.place = place
        super().__init__(place.lock, place.title, holder, self._listen)

    def _listen(self, db: Db) -> Heard:
        row = db.execute(_HOLDER, (STOPPED_SECONDS, *self.place.key)).fetchone()
        return (None, True) if row is None else (row[0], row[1])


def take_turn(db: Db, place: Place) -> bool:
    """Try to take the lock that says who works on a model; it lasts as long as the session."""
    return take(db, place.lock)


def take_turn_on(db: Db, name: str, version: int, beside: bool) -> bool:
    """As `take_turn`, also for a version that this program does not know."""
    return take(db, lock_of(name, version, beside))
