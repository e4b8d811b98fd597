"""Up to where the office has taken the bank's credit notices: one row, which never expires."""

from __future__ import annotations

from housekeeping.pool import Pool

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.statement (
    the_one  boolean     PRIMARY KEY DEFAULT true CHECK (the_one),
    cursor   text        NOT NULL,           -- as the bank gave it
    moved_at timestamptz NOT NULL DEFAULT now()
)
"""

FIRST = "0"
"""What the bank is asked for before it ever gave a cursor."""

_READ = "SELECT cursor FROM housekeeping.statement"

_MOVE = """
INSERT INTO housekeeping.statement AS known (cursor) VALUES (%(new)s)
ON CONFLICT (the_one) DO UPDATE SET cursor = %(new)s, moved_at = now() WHERE known.cursor = %(old)s
"""


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
