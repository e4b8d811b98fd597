"""How far each read model has followed the ledger: its position, moved in the transaction that writes its rows.

Moving the position from where the writer believes it stands is the fence: a runner that lost its turn while it slept
finds another number there, and its whole batch rolls back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from projections.model import ReadModel

Db: TypeAlias = Connection[TupleRow]

SCHEMA_DDL = "CREATE SCHEMA IF NOT EXISTS reading"

TRACKING_DDL = """
CREATE TABLE IF NOT EXISTS reading.tracking (
    model       text        NOT NULL,
    version     integer     NOT NULL,
    beside      boolean     NOT NULL DEFAULT false,  -- a rebuild under way keeps its own position
    position    bigint      NOT NULL DEFAULT 0,
    lineage     uuid        NOT NULL,                -- of the ledger that the position counts in
    recorded_at timestamptz,                         -- of the event at that position
    moved_at    timestamptz NOT NULL DEFAULT now(),
    stopped     text,                                -- why the model does not go on, if it does not
    PRIMARY KEY (model, version, beside)
)
"""

CHANNEL = "reading"
"""NOTIFY channel; the payload is ``<model>/<version>/<position>``."""

_BEGIN = """
INSERT INTO reading.tracking (model, version, beside, lineage) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""

_FIND = """
SELECT position, lineage, recorded_at, stopped FROM reading.tracking WHERE model = %s AND version = %s AND beside = %s
"""

_MOVE = """
UPDATE reading.tracking SET position = %s, recorded_at = %s, moved_at = now()
WHERE model = %s AND version = %s AND beside = %s AND lineage = %s AND position = %s
"""

_STOP = """
UPDATE reading.tracking SET stopped = %s
WHERE model = %s AND version = %s AND beside = %s AND stopped IS DISTINCT FROM %s
"""

_ADOPT = """
INSERT INTO reading.tracking (model, version, lineage, position) VALUES (%s, %s, %s, %s)
ON CONFLICT (model, version, beside) DO UPDATE
SET lineage = excluded.lineage, position = excluded.position, recorded_at = NULL, moved_at = now(), stopped = NULL
"""

_FORGET = "DELETE FROM reading.tracking WHERE model = %s AND version = %s AND beside = %s"


class Fenced(Exception):
    """Another runner has moved this model on; the batch was rolled back."""


class LineageMismatch(Exception):
    """The model followed another ledger, or beyond the end of this one: one from before a restore or a promotion.

    It stops and does not skip.
    """

    def __init__(self, place: Place, why: Exception) -> None:
        super().__init__(f"{place.title}: {why}; run `sarkmeli projections rebuild {place.model.name}`")


@dataclass(frozen=True)
class Place:
    """One model where it serves, or ``beside`` it where a rebuild prepares its replacement."""

    model: ReadModel
    beside: bool = False

    @property
    def title(self) -> str:
        return self.model.title + (" (beside)" if self.beside else "")

    @property
    def key(self) -> tuple[str, int, bool]:
        """How tracking and quarantine name it."""
        return self.model.name, self.model.version, self.beside

    @property
    def lock(self) -> str:
        """What a session's advisory lock is taken on, hashed by PostgreSQL."""
        return f"reading/{self.model.name}/{self.model.version}/{self.beside}"


@dataclass(frozen=True)
class Standing:
    """Where a model stands: ``recorded_at`` is the time of the event at ``position``."""

    position: int
    lineage: UUID
    recorded_at: datetime | None
    stopped: str | None


def begin(db: Db, place: Place, lineage: UUID) -> Standing:
    """Where the model stands: at 0 in this lineage if it never ran."""
    db.execute(_BEGIN, (*place.key, lineage))
    standing = find(db, place)
    assert standing is not None
    return standing


def find(db: Db, place: Place, lock: bool = False) -> Standing | None:
    """Where the model stands, or None if it never ran. ``lock`` keeps it from moving until the transaction ends."""
    row: Any = db.execute(_FIND + (" FOR UPDATE" if lock else ""), place.key).fetchone()
    return Standing(*row) if row is not None else None


def move(db: Db, place: Place, lineage: UUID, old: int, new: int, recorded_at: datetime) -> None:
    """Move on from ``old``; the first statement of the transaction that writes the rows. Raises: Fenced."""
    if db.execute(_MOVE, (new, recorded_at, *place.key, lineage, old)).rowcount != 1:
        raise Fenced(f"{place.title} no longer stands at {old}")


def stop(db: Db, place: Place, reason: str | None) -> None:
    """Note why the model does not go on; None when it does again."""
    db.execute(_STOP, (reason, *place.key, reason))


def adopt(db: Db, place: Place, lineage: UUID, position: int) -> None:
    """The model now stands where its rebuild stands, whatever it said before."""
    db.execute(_ADOPT, (*place.key[:2], lineage, position))


def forget(db: Db, place: Place) -> None:
    """The model never ran."""
    db.execute(_FORGET, place.key)


def signal(db: Db, place: Place, position: int) -> None:
    """Tell waiters, after the commit and never within: NOTIFY serialises the commits that hold it."""
    if not place.beside:
        db.execute("SELECT pg_notify(%s, %s)", (CHANNEL, f"{place.model.name}/{place.model.version}/{position}"))
