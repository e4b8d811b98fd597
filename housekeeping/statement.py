"""Up to where the office has taken the bank's credit notices, and which it could not read. Nothing here expires."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from housekeeping.pool import Pool

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.statement (
    the_one  boolean     PRIMARY KEY DEFAULT true CHECK (the_one),
    cursor   text        NOT NULL,           -- as the bank gave it
    moved_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS housekeeping.unread_notice (
    after       text        NOT NULL,        -- the cursor after which the bank shows it
    place       integer     NOT NULL,        -- among the notices shown there, from 0
    transaction text,                        -- as the bank names it, where that can be read
    found_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (after, place)
)
"""

FIRST = "0"
"""What the bank is asked for before it ever gave a cursor."""

_READ = "SELECT cursor FROM housekeeping.statement"

_MOVE = """
INSERT INTO housekeeping.statement AS known (cursor) VALUES (%(new)s)
ON CONFLICT (the_one) DO UPDATE SET cursor = %(new)s, moved_at = now() WHERE known.cursor = %(old)s
"""


_NOTE = """
INSERT INTO housekeeping.unread_notice (after, place, transaction) VALUES (%s, %s, %s)
ON CONFLICT (after, place) DO NOTHING RETURNING true
"""

_UNREAD = "SELECT after, place, transaction, found_at FROM housekeeping.unread_notice ORDER BY found_at, after, place"

_FORGET = "DELETE FROM housekeeping.unread_notice WHERE (after, place) = (%s, %s)"


@dataclass(frozen=True)
class Unread:
    """A notice that makes no sense to us, by where the bank shows it: money came in and nobody was told whose."""

    after: str
    place: int
    transaction: str | None
    found_at: datetime


class Statement:
    """The bank's statement, as far as it was read. A notice read twice is taken once, by its transaction."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def read(self) -> str:
        """The cursor that the bank gave last."""
        with self._pool.connection() as db:
            row = db.execute(_READ).fetchone()
        return row[0] if row is not None else FIRST

    def move(self, old: str, new: str) -> None:
        """Go on from ``new``, unless somebody else has moved on from ``old`` meanwhile."""
        with self._pool.connection() as db:
            db.execute(_MOVE, {"old": old, "new": new})

    def note(self, after: str, place: int, transaction: str | None) -> bool:
        """Keep where a notice stands that cannot be read; whether that is news."""
        with self._pool.connection() as db:
            return db.execute(_NOTE, (after, place, transaction)).fetchone() is not None

    def unread(self) -> tuple[Unread, ...]:
        """Every notice that could not be read so far, oldest first."""
        with self._pool.connection() as db, db.cursor(row_factory=class_row(Unread)) as rows:
            return tuple(rows.execute(_UNREAD))

    def forget(self, notice: Unread) -> None:
        """It was read after all, and taken."""
        with self._pool.connection() as db:
            db.execute(_FORGET, (notice.after, notice.place))
