"""Activations whose taxpayer may have more forms than one transaction ends: whose others are still to be looked for.

A row is written before the activation that it is about, and removed once nothing is left over. If no activation
followed, it counts for nothing and is removed as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from housekeeping.pool import Pool

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.left_over (
    registration uuid        PRIMARY KEY,           -- that is to live
    noted_at     timestamptz NOT NULL DEFAULT now(),
    tries        integer     NOT NULL DEFAULT 0,
    next_at      timestamptz NOT NULL DEFAULT now() -- when to look, again
);
CREATE INDEX IF NOT EXISTS left_over_next_at ON housekeeping.left_over (next_at);
"""

HOURS: Final = 1
"""What no activation followed for so long is followed by none: no command is under way any more."""

_NOTE = """
INSERT INTO housekeeping.left_over (registration) VALUES (%s)
ON CONFLICT (registration) DO UPDATE SET noted_at = excluded.noted_at, tries = 0, next_at = excluded.next_at
"""
# The next look is set as it is taken: whatever happens to whoever took it, it comes back.
_TAKE = """
UPDATE housekeeping.left_over
SET tries = tries + 1, next_at = now() + least(interval '30 seconds' * 2 ^ least(tries, 10), interval '10 minutes')
WHERE registration = (
    SELECT registration FROM housekeeping.left_over
    WHERE next_at <= now() ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING registration, noted_at <= now() - make_interval(hours => %s)
"""
_HOLD = "UPDATE housekeeping.left_over SET next_at = now() + interval '30 seconds' WHERE registration = %s"
_DONE = "DELETE FROM housekeeping.left_over WHERE registration = %s"


@dataclass(frozen=True)
class Look:
    """One to look at. ``is_old``: if it is not active by now, it was never activated."""

    registration: UUID
    is_old: bool


class LeftOver:
    """Implements ``domain.taxpayer.siblings.LeftOver``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def note(self, registration: UUID) -> None:
        """The other forms of its taxpayer are to be ended once it is active. Committed before this returns."""
        with self._pool.connection() as db:
            db.execute(_NOTE, (registration,))

    def take(self) -> Look | None:
        """The one that waits longest, held for half a minute, for longer each time that it comes back."""
        with self._pool.connection() as db:
            row = db.execute(_TAKE, (HOURS,)).fetchone()
        return Look(*row) if row is not None else None

    def hold(self, registration: UUID) -> None:
        """There is more to do about it: nobody else takes it for another half minute."""
        with self._pool.connection() as db:
            db.execute(_HOLD, (registration,))

    def done(self, registration: UUID) -> None:
        """Nothing is left over."""
        with self._pool.connection() as db:
            db.execute(_DONE, (registration,))

    def forget(self, registration: UUID) -> None:
        """As `done`: what is to be erased is looked for no more."""
        self.done(registration)
