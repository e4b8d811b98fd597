"""What to do about an error: set the one event's stream apart, pause and try again, or stop the model.

A stream whose event a model cannot take is quarantined, with the error and an alarm, while the others go on. Its rows
answer `Stale` until a retry replays the stream. Errors are noted by kind and place and never by message: a message may
quote a value.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import structlog

from ledger.reader import Recorded, Undecodable
from projections.tracking import Db, Place

log = structlog.get_logger()

QUARANTINE_DDL = """
CREATE TABLE IF NOT EXISTS reading.quarantine (
    model    text        NOT NULL,
    version  integer     NOT NULL,
    beside   boolean     NOT NULL DEFAULT false,
    stream   uuid        NOT NULL,
    position bigint      NOT NULL,   -- of the first event that the model could not take
    error    text        NOT NULL,   -- its kind and place, never its message
    at       timestamptz NOT NULL DEFAULT now(),
    retries  integer     NOT NULL DEFAULT 0,
    PRIMARY KEY (model, version, beside, stream)
)
"""

_ADD = """
INSERT INTO reading.quarantine (model, version, beside, stream, position, error) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (model, version, beside, stream) DO UPDATE
SET error = excluded.error, position = excluded.position, retries = quarantine.retries + 1
"""

_POSITIONS = """
SELECT position FROM reading.quarantine WHERE model = %s AND version = %s AND beside = %s ORDER BY position
"""

_STREAMS = "SELECT stream FROM reading.quarantine WHERE model = %s AND version = %s AND beside = %s"

_RECENT = """
SELECT count(*) FROM reading.quarantine WHERE model = %s AND version = %s AND beside = %s AND position > %s
"""

_LIFT = "DELETE FROM reading.quarantine WHERE model = %s AND version = %s AND beside = %s AND stream = %s"

_CLEAR = "DELETE FROM reading.quarantine WHERE model = %s AND version = %s AND beside = %s"

_ADOPT = "UPDATE reading.quarantine SET beside = false WHERE model = %s AND version = %s AND beside"

_ALL = (
    "SELECT model, version, stream, position, error, at, retries FROM reading.quarantine WHERE NOT beside ORDER BY at"
)

POISON_CLASSES = ("22", "23")
"""SQLSTATE classes that the event is to blame for: data exception, integrity constraint violation."""

PAUSE_CLASSES = ("08", "40", "53", "57", "58")
"""Connection, rollback, resources, operator intervention, system error: they pass."""
PAUSE_STATES = ("25006", "25P03", "55P03")
"""These pass too: a promotion is under way or we speak to a standby; the server ended the session of one who was frozen
in mid-batch; somebody, a migration say, holds a lock for longer than the ledger's readers wait."""


class Poison(Exception):
    """The model cannot take this event; ``__cause__`` is why.

    ``correlation`` is the event's, None where it cannot be read.
    """

    def __init__(self, position: int, stream: UUID, correlation: UUID | None = None) -> None:
        super().__init__(f"stream {stream} at {position}")
        self.position = position
        self.stream = stream
        self.correlation = correlation

    @property
    def why(self) -> str:
        """The kind and place of what is behind it: for an event that could not be read, of why not."""
        cause = self.__cause__
        return told((cause.__cause__ if isinstance(cause, Undecodable) else cause) or cause or self)


class TooMuchPoison(Exception):
    """More streams than the bound were set apart within the last events: the model is at fault, and stops."""


@dataclass(frozen=True)
class Bound:
    """More than ``streams`` quarantined within the last ``events`` positions stops the model."""

    streams: int = 10
    events: int = 1000


@dataclass(frozen=True)
class Quarantined:
    """A stream that a model has set apart."""

    model: str
    version: int
    stream: UUID
    position: int
    error: str
    at: datetime
    retries: int


@dataclass(frozen=True)
class Stale:
    """Stands where a row would: its stream is quarantined ``since``, so what the row says may be out of date."""

    since: datetime


def is_poison(error: Exception) -> bool:
    """The event is to blame, not the database or the network: also where the driver cannot even send a value."""
    if not isinstance(error, psycopg.Error):
        return isinstance(error, ValueError | TypeError | ArithmeticError | LookupError)
    if error.sqlstate is None:
        return isinstance(error, psycopg.DataError | psycopg.ProgrammingError)
    return error.sqlstate[:2] in POISON_CLASSES


def passes(error: Exception) -> bool:
    """Waiting and trying again may help."""
    if not isinstance(error, psycopg.Error):
        return isinstance(error, OSError)
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return state[:2] in PAUSE_CLASSES or state in PAUSE_STATES


def told(error: BaseException) -> str:
    """The error's kind and where it rose, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    if isinstance(error, psycopg.Error) and error.sqlstate:
        facts = (error.diag.table_name, error.diag.column_name, error.diag.constraint_name)
        return " ".join([type(error).__name__, error.sqlstate, *(fact for fact in facts if fact)])
    return type(error).__name__ + where


def add(db: Db, place: Place, poison: Poison, bound: Bound) -> None:
    """Set the stream apart. Raises: TooMuchPoison, in which case the caller's transaction must roll back."""
    why = poison.why
    if place.model.halts:
        raise TooMuchPoison(f"{place.title} cannot set a stream apart and met {why} at {poison.position}")
    db.execute(_ADD, (*place.key, poison.stream, poison.position, why))
    row = db.execute(_RECENT, (*place.key, poison.position - bound.events)).fetchone()
    assert row is not None
    if row[0] > bound.streams:
        raise TooMuchPoison(f"{place.title} set {row[0]} streams apart in {bound.events} events, the last for {why}")


def add_found(db: Db, place: Place, found: Sequence[Poison], bound: Bound) -> None:
    """Set streams apart that were found in any order. Raises: TooMuchPoison, as if they had been found in theirs."""
    for poison in found:
        db.execute(_ADD, (*place.key, poison.stream, poison.position, poison.why))
    positions = [row[0] for row in db.execute(_POSITIONS, place.key)]
    for first, last in zip(positions, positions[bound.streams :], strict=False):
        if last - first < bound.events:
            raise TooMuchPoison(
                f"{place.title} set more than {bound.streams} streams apart in {bound.events} events up to {last}, "
                f"one for {found[-1].why}"
            )


def streams(db: Db, place: Place) -> frozenset[UUID]:
    """The streams that the model has set apart."""
    return frozenset(row[0] for row in db.execute(_STREAMS, place.key))


def lift(db: Db, place: Place, stream: UUID) -> bool:
    """Take the mark away; False if there was none."""
    return db.execute(_LIFT, (*place.key, stream)).rowcount == 1


def clear(db: Db, place: Place) -> None:
    """Take every mark of the model away."""
    db.execute(_CLEAR, place.key)


def adopt(db: Db, place: Place) -> None:
    """What a rebuild set apart now counts for the model that serves."""
    db.execute(_ADOPT, place.key[:2])


def every(db: Db) -> list[Quarantined]:
    """Every stream that a serving model has set apart, oldest first; for people, alarms and /metrics."""
    found: Any = db.execute(_ALL).fetchall()
    return [Quarantined(*row) for row in found]


def blame(recorded: Recorded, error: Exception) -> Poison:
    """The poison that ``error`` makes of an event."""
    correlation = None if isinstance(error, Undecodable) else recorded.event.correlation
    poison = Poison(recorded.position, recorded.stream, correlation)
    poison.__cause__ = error
    return poison


def tell(place: Place, found: Poison) -> None:
    """The alarm: a stream was set apart."""
    log.error(
        "stream quarantined",
        model=place.title,
        stream=str(found.stream),
        position=found.position,
        correlation=str(found.correlation) if found.correlation else None,
        error=found.why,
    )
