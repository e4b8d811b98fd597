"""Erasures that one person asked for and another confirms; each is kept until it is carried out, to be found again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from domain.erasure import LegalGround
from domain.refusals import Refusal
from housekeeping.pool import Pool

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.erasure_request (
    "case"   uuid        PRIMARY KEY,
    ground   text        NOT NULL,      -- domain.erasure.LegalGround
    asked_by text        NOT NULL,      -- the person claim
    asked_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE housekeeping.erasure_request ADD COLUMN IF NOT EXISTS confirmed_at timestamptz; -- and is carried out
"""

DAYS: Final = 14
"""How long a request waits for its second person. The office answers within ten working days.
Source: Law of Georgia on Personal Data Protection, article 16."""

_ASK = """
INSERT INTO housekeeping.erasure_request AS known ("case", ground, asked_by) VALUES (%(case)s, %(ground)s, %(by)s)
ON CONFLICT ("case") DO UPDATE SET ground = excluded.ground, asked_by = excluded.asked_by, asked_at = now()
WHERE known.confirmed_at IS NULL
    AND (known.asked_by = excluded.asked_by OR known.asked_at <= now() - make_interval(days => %(days)s))
"""
_FIND = """
SELECT ground, asked_by, asked_at FROM housekeeping.erasure_request
WHERE "case" = %s AND confirmed_at IS NULL AND asked_at > now() - make_interval(days => %s)
"""
_CASES = 'SELECT "case" FROM housekeeping.erasure_request ORDER BY asked_at, "case"'
_CONFIRMED = """
UPDATE housekeeping.erasure_request SET confirmed_at = now() WHERE "case" = %s AND confirmed_at IS NULL
"""
_REMOVE = 'DELETE FROM housekeeping.erasure_request WHERE "case" = %s'
_SWEEP = """
DELETE FROM housekeeping.erasure_request WHERE confirmed_at IS NULL AND asked_at <= now() - make_interval(days => %s)
"""


@dataclass(eq=False)
class ErasureNotAsked(Refusal):
    """Nobody has asked that this case be erased, or so long ago that it has to be asked for anew."""

    code = "ERASURE_NOT_ASKED"


@dataclass(eq=False)
class ErasureGroundDiffers(Refusal):
    """It was asked for on another ground, ``asked``: who confirms, confirms that one."""

    code = "ERASURE_GROUND_DIFFERS"

    asked: LegalGround


@dataclass(frozen=True)
class Asked:
    """Who asked for an erasure, when and why. ``by`` is a person claim."""

    ground: LegalGround
    by: str
    at: datetime

    @property
    def until(self) -> datetime:
        """How long it waits for its second person."""
        return self.at + timedelta(days=DAYS)


class ErasureRequests:
    """The requests."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def ask(self, case: UUID, ground: LegalGround, by: str) -> Asked:
        """Note the request; asked again by the same person it begins anew, of another person the first one stands."""
        with self._pool.connection() as db:
            db.execute(_ASK, {"case": case, "ground": ground.value, "by": by, "days": DAYS})
        asked = self.find(case)
        if asked is None:
            raise ErasureNotAsked
        return asked

    def find(self, case: UUID) -> Asked | None:
        """The request that waits for its second person."""
        with self._pool.connection() as db:
            row = db.execute(_FIND, (case, DAYS)).fetchone()
        return Asked(LegalGround(row[0]), row[1], row[2]) if row is not None else None

    def cases(self) -> list[UUID]:
        """Every case that has one, whether it waits for its second person or is being carried out."""
        with self._pool.connection() as db:
            return [case for (case,) in db.execute(_CASES).fetchall()]

    def confirmed(self, case: UUID) -> None:
        """It waits for nobody any more and is being carried out: nothing sweeps it away before it is done."""
        with self._pool.connection() as db:
            db.execute(_CONFIRMED, (case,))

    def remove(self, case: UUID) -> None:
        """It is carried out."""
        with self._pool.connection() as db:
            db.execute(_REMOVE, (case,))

    def sweep(self) -> int:
        """Remove those that nobody confirmed in time; how many."""
        with self._pool.connection() as db:
            return db.execute(_SWEEP, (DAYS,)).rowcount
