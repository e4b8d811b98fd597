"""The numbers of what is published: each public fact's place in its case, given once and found again for ever.

Positions tell how much happens in the office, so facts are counted in their case: a sequence over all its streams, and
the seconds since its first. Who repeats a batch, or begins anew, finds the numbers of the first time. Nothing here
names a pseudonym, but a tombstone that waits to be said; of an erased case not even the numbers stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

from msgspec import Struct

from domain.calendar import tbilisi_date
from domain.people import SubjectId
from housekeeping.pool import Db, Pool

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.publication (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint  NOT NULL DEFAULT 0,  -- every public fact up to here has its number
    fenced   bigint  NOT NULL DEFAULT 0   -- no tombstone that waits may be said before this position
);
INSERT INTO housekeeping.publication DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS housekeeping.published_case (
    "case"   uuid        PRIMARY KEY,
    service  text        NOT NULL,
    subject  uuid,                        -- NULL once it is erased: nothing of it is published any more
    sequence bigint      NOT NULL DEFAULT 0,
    began    timestamptz,                 -- of its first public fact
    elapsed  bigint      NOT NULL DEFAULT 0,  -- whole seconds from the first to the last
    due      date                         -- the last day of its term
);
CREATE TABLE IF NOT EXISTS housekeeping.published_stream (
    stream uuid PRIMARY KEY,
    "case" uuid NOT NULL
);
CREATE INDEX IF NOT EXISTS published_stream_case ON housekeeping.published_stream ("case");
CREATE TABLE IF NOT EXISTS housekeeping.published_fact (
    position  bigint PRIMARY KEY,
    sequence  bigint NOT NULL,
    elapsed   bigint NOT NULL,            -- whole seconds since the fact before; 0 for the first
    days_left integer
);
CREATE TABLE IF NOT EXISTS housekeeping.forgotten (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service   text        NOT NULL,
    sealed    bytea       NOT NULL,       -- the pseudonym, which the key store's keys open
    day       date        NOT NULL
);
"""
"""No row of ``forgotten`` names a case, a place in the ledger or, in clear, a pseudonym: rows of one transaction can be
told by its number, which PostgreSQL keeps, so that in an old copy of the database they must lead nowhere by themselves.
Its ids are drawn under the lock of the one row of ``publication``, so they come in the order of their commits."""

_LOCK: Final = "SELECT position FROM housekeeping.publication FOR UPDATE"
_STANDS: Final = "SELECT position FROM housekeeping.publication"
_LEFT_OUT: Final = "SELECT 1 FROM ledger.event WHERE position > %s AND position < %s LIMIT 1"
_MOVE: Final = "UPDATE housekeeping.publication SET position = %s"

_CASES: Final = """
SELECT s.stream, c."case", c.service, c.subject, c.sequence, c.began, c.elapsed, c.due
FROM housekeeping.published_stream s JOIN housekeeping.published_case c USING ("case") WHERE s.stream = ANY(%s)
UNION ALL
SELECT c."case", c."case", c.service, c.subject, c.sequence, c.began, c.elapsed, c.due
FROM housekeeping.published_case c WHERE c."case" = ANY(%s)
"""
_STREAMS: Final = """
INSERT INTO housekeeping.published_stream (stream, "case")
SELECT * FROM unnest(%b::uuid[], %b::uuid[]) ON CONFLICT (stream) DO NOTHING
"""
_KEEP: Final = """
INSERT INTO housekeeping.published_case ("case", service, subject, sequence, began, elapsed, due)
SELECT * FROM unnest(%b::uuid[], %b::text[], %b::uuid[], %b::bigint[], %b::timestamptz[], %b::bigint[], %b::date[])
ON CONFLICT ("case") DO UPDATE SET sequence = excluded.sequence, began = excluded.began, elapsed = excluded.elapsed,
    due = excluded.due
"""
_NUMBERS: Final = """
INSERT INTO housekeeping.published_fact (position, sequence, elapsed, days_left)
SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::integer[])
"""
_FIND: Final = """
SELECT f.position, c.service, c.subject, f.sequence, f.elapsed, f.days_left
FROM unnest(%b::bigint[], %b::uuid[]) AS asked (position, stream)
JOIN housekeeping.published_fact f USING (position)
JOIN housekeeping.published_stream s USING (stream)
JOIN housekeeping.published_case c USING ("case") WHERE c.subject IS NOT NULL
"""

_SUBJECT: Final = 'SELECT service, subject FROM housekeeping.published_case WHERE "case" = %s'
_NOTE: Final = """
INSERT INTO housekeeping.forgotten (service, sealed, day)
VALUES (%s, %s, (clock_timestamp() AT TIME ZONE 'UTC')::date)
"""
_FENCE: Final = "UPDATE housekeeping.publication SET fenced = greatest(fenced, %s)"
_DROP_NUMBERS: Final = """
DELETE FROM housekeeping.published_fact WHERE position IN (
    SELECT e.position FROM housekeeping.published_stream s JOIN ledger.event e USING (stream) WHERE s."case" = %s)
"""
_DROP_STREAMS: Final = 'DELETE FROM housekeeping.published_stream WHERE "case" = %s'
_CUT: Final = """
INSERT INTO housekeeping.published_case ("case", service) VALUES (%s, '')
ON CONFLICT ("case") DO UPDATE
SET service = '', subject = NULL, sequence = 0, began = NULL, elapsed = 0, due = NULL
"""
_WAITING: Final = """
WITH today AS MATERIALIZED (SELECT coalesce(%(today)s, (clock_timestamp() AT TIME ZONE 'UTC')::date) AS day)
SELECT f.id, f.service, f.sealed, f.day FROM housekeeping.forgotten f, today
WHERE (SELECT fenced FROM housekeeping.publication) <= %(position)s AND f.day < today.day
    AND NOT EXISTS (SELECT FROM housekeeping.forgotten b WHERE b.id < f.id AND b.day >= today.day)
ORDER BY f.id
"""
"""Where a clock was set back between two days, the later day's tombstone holds up the one behind it: what was said is
told by its id."""
_SAID: Final = "DELETE FROM housekeeping.forgotten WHERE id <= %s"


class LeftOut(Exception):
    """Between what has its numbers, up to ``position``, and what is to have them stand events that were not given."""

    def __init__(self, position: int) -> None:
        super().__init__(f"public facts have their numbers up to position {position}")
        self.position = position


class Fact(Struct, frozen=True, gc=False):
    """What an event that is published means for the numbers.

    ``begins``: of which service a case begins with it; ``case``: whose its stream is from now on. ``due`` is the last
    day of the term that it sets or moves; ``tells_days`` whether it says how many are left. One of a list that is
    ``ended`` gets no number any more; what it says of cases and terms counts.
    """

    position: int
    stream: UUID
    at: datetime
    begins: str | None = None
    subject: SubjectId | None = None
    case: UUID | None = None
    due: date | None = None
    tells_days: bool = False
    ended: bool = False


class Number(Struct, frozen=True, gc=False):
    """A public fact's place: in which case, of whom, at which place in it, how many seconds after the one before."""

    service: str
    subject: SubjectId
    sequence: int
    elapsed: int
    days_left: int | None


@dataclass(slots=True)
class _Case:
    """A case as it is counted."""

    id: UUID
    service: str
    subject: SubjectId | None
    sequence: int = 0
    began: datetime | None = None
    elapsed: int = 0
    due: date | None = None

    def count(self, fact: Fact) -> Number | None:
        """The fact's number, the case's next; None if the case is erased, or the fact's list has ended.

        Seconds are counted from the first fact and cut there, so that sums of them never drift; where two commands
        were committed in another order than they were begun in, no time goes by.
        """
        if self.subject is None:
            return None
        self.due = fact.due or self.due
        if fact.ended:
            return None
        self.sequence += 1
        began = self.began = self.began or fact.at
        elapsed = max(self.elapsed, (fact.at - began) // timedelta(seconds=1))
        since, self.elapsed = elapsed - self.elapsed, elapsed
        days = (self.due - tbilisi_date(fact.at)).days if fact.tells_days and self.due is not None else None
        return Number(self.service, self.subject, self.sequence, since, days)


class Numbering:
    """The tables, for whoever numbers what is published and for whoever erases a case."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def position(self) -> int:
        """Up to where every public fact has its number."""
        with self._pool.connection() as db:
            return _one(db, _STANDS)

    def number(self, facts: Sequence[Fact], first: int, last: int) -> Mapping[int, Number]:
        """The numbers by position of the facts of all events from position ``first`` to ``last``, in order.

        Those that have none get theirs, for ever, in one transaction that excludes whoever else numbers. A fact of no
        case, or of an erased one, has none. Raises: LeftOut.
        """
        with self._pool.connection() as db, db.transaction():
            stands = _one(db, _LOCK)
            if stands < first and db.execute(_LEFT_OUT, (stands, first)).fetchone() is not None:
                raise LeftOut(stands)
            found = _found(db, [fact for fact in facts if fact.position <= stands])
            if stands < last:
                kept = _numbered(db, [fact for fact in facts if fact.position > stands])
                with db.pipeline():  # one wait for all of it: the row's lock keeps erasures waiting
                    _keep(db, kept)
                    db.execute(_MOVE, (last,))
                found.update(kept.found)
        return found

    def forget(self, case: UUID, fence: int, sealed: Callable[[SubjectId], bytes | None]) -> None:
        """Publish nothing of this case any more and keep nothing of it but its tombstone, until that is said.

        ``fence``: the position by which the case's events have said that it is erased. May be repeated.
        ``sealed`` gives its pseudonym, sealed, while the case's numbers are excluded from change; a case without one,
        or that never had a number, has no tombstone. However late it were numbered: from now on it is as if erased.
        """
        with self._pool.connection() as db, db.transaction():
            db.execute(_LOCK)
            row = db.execute(_SUBJECT, (case,)).fetchone()
            its = sealed(row[1]) if row is not None and row[1] is not None else None
            if row is not None and its is not None:
                db.execute(_NOTE, (row[0], its))
                db.execute(_FENCE, (fence,))
            db.execute(_DROP_NUMBERS, (case,))
            db.execute(_DROP_STREAMS, (case,))
            db.execute(_CUT, (case,))

    def waiting(self, position: int, today: date | None = None) -> list[tuple[int, str, bytes, date]]:
        """Tombstones that may be said by who stands at ``position``: id, service, sealed pseudonym, day; by id.

        All of the days before ``today`` (UTC; without one PostgreSQL's), or none: the fence of each is behind the one
        that is kept for all.
        """
        told = {"position": position, "today": today}
        with self._pool.connection() as db:
            return [(row[0], row[1], row[2], row[3]) for row in db.execute(_WAITING, told).fetchall()]

    def said(self, through: int) -> None:
        """They were said, up to this id."""
        with self._pool.connection() as db:
            db.execute(_SAID, (through,))


def _one(db: Db, query: LiteralString) -> int:
    row: Any = db.execute(query).fetchone()
    return row[0]


def _found(db: Db, facts: Sequence[Fact]) -> dict[int, Number]:
    if not facts:
        return {}
    asked = ([fact.position for fact in facts], [fact.stream for fact in facts])
    return {row[0]: Number(*row[1:]) for row in db.execute(_FIND, asked).fetchall()}


@dataclass(frozen=True, slots=True)
class _Counted:
    """What is to be kept: streams with their cases, the cases as they are counted now, and numbers by position."""

    tied: dict[UUID, UUID]
    cases: list[_Case]
    found: dict[int, Number]


def _numbered(db: Db, facts: Sequence[Fact]) -> _Counted:
    """The facts, counted in their cases."""
    if not facts:
        return _Counted({}, [], {})
    streams = list({fact.stream for fact in facts})
    cases = list(
        {fact.case for fact in facts if fact.case is not None} | {fact.stream for fact in facts if fact.begins}
    )
    by_case: dict[UUID, _Case] = {}
    of: dict[UUID, _Case] = {}
    for stream, case, *counted in db.execute(_CASES, (streams, cases)).fetchall():
        of[stream] = by_case.setdefault(case, _Case(case, *counted))
    tied: dict[UUID, UUID] = {}
    found: dict[int, Number] = {}
    for fact in facts:
        case = _case_of(fact, of, tied)
        if case is None:
            continue
        by_case[case.id] = case
        if (number := case.count(fact)) is not None:
            found[fact.position] = number
    return _Counted(tied, [case for case in by_case.values() if case.subject is not None], found)


def _case_of(fact: Fact, of: dict[UUID, _Case], tied: dict[UUID, UUID]) -> _Case | None:
    """The case of the fact's stream, which may begin or be named by the fact."""
    if fact.begins is not None and fact.stream not in of:
        of[fact.stream] = _Case(fact.stream, fact.begins, fact.subject)
        tied[fact.stream] = fact.stream
    # A stream stays with its case: whoever looks a number up again finds it by the stream.
    if fact.stream not in of and fact.case is not None and (case := of.get(fact.case)) and case.subject is not None:
        of[fact.stream] = case
        tied[fact.stream] = case.id
    return of.get(fact.stream)


def _keep(db: Db, kept: _Counted) -> None:
    if kept.tied:
        db.execute(_STREAMS, (list(kept.tied), list(kept.tied.values())))
    if kept.cases:
        columns = zip(
            *((c.id, c.service, c.subject, c.sequence, c.began, c.elapsed, c.due) for c in kept.cases), strict=True
        )
        db.execute(_KEEP, [list(column) for column in columns])
    if kept.found:
        numbers = zip(*((at, n.sequence, n.elapsed, n.days_left) for at, n in kept.found.items()), strict=True)
        db.execute(_NUMBERS, [list(column) for column in numbers])
