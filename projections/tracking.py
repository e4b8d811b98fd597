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
    holder      uuid,                                -- the runner whose turn it is: reading.runner
    fill_until  bigint,                              -- while its tables are filled: up to this position,
    filled      uuid,                                -- all streams up to this one,
    program     text,                                -- by this program (a digest)
    PRIMARY KEY (model, version, beside)
);

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'reading.tracking'::regclass AND attname = 'program'
    ) THEN
        ALTER TABLE reading.tracking
            ADD COLUMN holder uuid, ADD COLUMN fill_until bigint, ADD COLUMN filled uuid, ADD COLUMN program text;
    END IF;
END
$$;
"""
"""The alteration is for databases of 0.1.0's first weeks."""

CHANNEL = "reading"
"""NOTIFY channel; the payload is ``<model>/<version>/<position>``."""

_BEGIN = """
INSERT INTO reading.tracking (model, version, beside, lineage) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""

_FIND = """
SELECT position, lineage, recorded_at, stopped, fill_until, filled, program FROM reading.tracking
WHERE model = %s AND version = %s AND beside = %s
"""

_CLAIM = "UPDATE reading.tracking SET holder = %s WHERE model = %s AND version = %s AND beside = %s"

_MOVE = """
UPDATE reading.tracking SET position = %s, recorded_at = %s, moved_at = now(), fill_until = NULL, filled = NULL
WHERE model = %s AND version = %s AND beside = %s AND lineage = %s AND position = %s AND holder = %s
"""

_BEGIN_FILL = """
UPDATE reading.tracking SET fill_until = %s, filled = %s, program = %s
WHERE model = %s AND version = %s AND beside = %s AND holder = %s AND position = 0
"""

_FILL = """
UPDATE reading.tracking SET filled = %s, moved_at = now()
WHERE model = %s AND version = %s AND beside = %s AND holder = %s AND position = 0 AND filled = %s
"""

_END_FILL = """
UPDATE reading.tracking SET position = fill_until, fill_until = NULL, filled = NULL, moved_at = now()
WHERE model = %s AND version = %s AND beside = %s AND holder = %s AND position = 0 AND fill_until IS NOT NULL
"""

_STOP = """
UPDATE reading.tracking SET stopped = %s
WHERE model = %s AND version = %s AND beside = %s AND stopped IS DISTINCT FROM %s
"""

_ADOPT = """
INSERT INTO reading.tracking (model, version, lineage, position) VALUES (%s, %s, %s, %s)
ON CONFLICT (model, version, beside) DO UPDATE
SET lineage = excluded.lineage, position = excluded.position, recorded_at = NULL, moved_at = now(), stopped = NULL,
    fill_until = NULL, filled = NULL
"""

_FORGET_VERSION = """
WITH marks AS (DELETE FROM reading.quarantine WHERE model = %(model)s AND version = %(version)s)
DELETE FROM reading.tracking WHERE model = %(model)s AND version = %(version)s
"""

_FORGET = "DELETE FROM reading.tracking WHERE model = %s AND version = %s AND beside = %s"


class Fenced(Exception):
    """Another runner has this model, or has moved it on; the batch was rolled back."""


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
        return lock_of(*self.key)


def lock_of(name: str, version: int, beside: bool) -> str:
    """What the lock of who works there is taken on."""
    return f"reading/{name}/{version}/{beside}"


@dataclass(frozen=True)
class Standing:
    """Where a model stands: ``recorded_at`` is the time of the event at ``position``.

    While it is filled it stands at 0: it will stand at ``fill_until``, and every stream up to ``filled`` is in its
    tables, as ``program`` folds it.
    """

    position: int
    lineage: UUID
    recorded_at: datetime | None
    stopped: str | None
    fill_until: int | None
    filled: UUID | None
    program: str | None


def begin(db: Db, place: Place, lineage: UUID, holder: UUID) -> Standing:
    """Make ``holder`` the one who moves the model. Where it stands: at 0 in this lineage if it never ran."""
    db.execute(_BEGIN, (*place.key, lineage))
    db.execute(_CLAIM, (holder, *place.key))
    standing = find(db, place)
    assert standing is not None
    return standing


def find(db: Db, place: Place, lock: bool = False) -> Standing | None:
    """Where the model stands, or None if it never ran. ``lock`` keeps it from moving until the transaction ends."""
    row: Any = db.execute(_FIND + (" FOR UPDATE" if lock else ""), place.key).fetchone()
    return Standing(*row) if row is not None else None


def move(db: Db, place: Place, holder: UUID, lineage: UUID, old: int, new: int, recorded_at: datetime) -> None:
    """Move on from ``old``; the first statement of the transaction that writes the rows. Raises: Fenced."""
    if db.execute(_MOVE, (new, recorded_at, *place.key, lineage, old, holder)).rowcount != 1:
        raise Fenced(f"{place.title} no longer stands at {old}, or is another's")


def begin_fill(db: Db, place: Place, holder: UUID, until: int, filled: UUID, program: str) -> None:
    """The tables are filled from here on. Raises: Fenced."""
    if db.execute(_BEGIN_FILL, (until, filled, program, *place.key, holder)).rowcount != 1:
        raise Fenced(f"{place.title} is no longer to be filled, or is another's")


def fill(db: Db, place: Place, holder: UUID, old: UUID, new: UUID) -> None:
    """Streams up to ``new`` are filled; the first statement of the transaction that writes them. Raises: Fenced."""
    if db.execute(_FILL, (new, *place.key, holder, old)).rowcount != 1:
        raise Fenced(f"{place.title} is no longer filled up to {old}, or is another's")


def end_fill(db: Db, place: Place, holder: UUID) -> None:
    """Every stream is filled: the model stands where the fill was to lead. Raises: Fenced."""
    if db.execute(_END_FILL, (*place.key, holder)).rowcount != 1:
        raise Fenced(f"{place.title} is another's")


def stop(db: Db, place: Place, reason: str | None) -> None:
    """Note why the model does not go on; None when it does again."""
    db.execute(_STOP, (reason, *place.key, reason))


def adopt(db: Db, place: Place, lineage: UUID, position: int) -> None:
    """The model now stands where its rebuild stands, whatever it said before."""
    db.execute(_ADOPT, (*place.key[:2], lineage, position))


def forget(db: Db, place: Place) -> None:
    """The model never ran."""
    db.execute(_FORGET, place.key)


def forget_version(db: Db, name: str, version: int) -> None:
    """That version never ran, nor was rebuilt, nor set anything apart."""
    db.execute(_FORGET_VERSION, {"model": name, "version": version})


def signal(db: Db, place: Place, position: int) -> None:
    """Tell waiters, after the commit and never within: NOTIFY serialises the commits that hold it."""
    if not place.beside:
        db.execute("SELECT pg_notify(%s, %s)", (CHANNEL, f"{place.model.name}/{place.model.version}/{position}"))
