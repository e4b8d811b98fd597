"""Notices to applicants: one row for each (event, kind), pending until the mail server has taken the mail.

A row says what is to be told and never to whom or in what words: the mail is rendered when it is sent. Functions take a
connection, because a notice is noted in the transaction that moves the consumer's position, and held while it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row

from housekeeping.pool import Db, Pool

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.notice (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream    uuid        NOT NULL,      -- the event that it tells of
    version   bigint      NOT NULL,
    kind      text        NOT NULL,      -- a mail's name in texts/<language>/mails
    case_id   uuid        NOT NULL,
    position  bigint      NOT NULL,
    noted_at  timestamptz NOT NULL DEFAULT now(),
    tries     integer     NOT NULL DEFAULT 0,
    next_at   timestamptz DEFAULT now(), -- null once it is sent or given up
    sent_at   timestamptz,
    gave_up   text,                      -- why, by name
    UNIQUE (stream, version, kind)
);
ALTER TABLE housekeeping.notice ADD COLUMN IF NOT EXISTS correlation uuid; -- the event's; null: an earlier release's
CREATE INDEX IF NOT EXISTS notice_next_at ON housekeeping.notice (next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS notice_case ON housekeeping.notice (case_id, position);
"""

BACK_OFF_SECONDS = (5, 3600)
"""The first and the longest pause after the mail server did not take a mail; each pause doubles."""

_PUT = """
INSERT INTO housekeeping.notice (stream, version, kind, case_id, position, correlation) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (stream, version, kind) DO NOTHING
"""
_COLUMNS: LiteralString = (
    "id, stream, version, kind, case_id, position, correlation, noted_at, tries, next_at, sent_at, gave_up"
)
_DUE = f"""
SELECT {_COLUMNS} FROM housekeeping.notice WHERE next_at <= now() ORDER BY next_at, id LIMIT %s
"""  # noqa: S608 - our own list of columns
_TAKE = f"""
SELECT {_COLUMNS} FROM housekeeping.notice WHERE id = %s AND next_at <= now() FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - as above
_SENT = """
UPDATE housekeeping.notice SET sent_at = now(), next_at = NULL, tries = tries + 1 WHERE id = %s AND next_at IS NOT NULL
"""
_PUT_OFF = """
UPDATE housekeeping.notice SET next_at = now() + %s, tries = tries + 1 WHERE id = %s AND next_at IS NOT NULL
"""
_GIVE_UP = """
UPDATE housekeeping.notice SET gave_up = %s, next_at = NULL, tries = tries + 1 WHERE id = %s AND next_at IS NOT NULL
"""
_NOTING = 0x6E6F74696E67
"""Advisory lock of who notes, held by many at once, and of who forgets, alone: what was noted of a case before its
erasure was known is committed when it is forgotten, and who notes afterwards knows."""
_BEGIN_NOTING = "SELECT pg_advisory_xact_lock_shared(%s)"
_ALONE = "SELECT pg_advisory_xact_lock(%s)"
_FORGET = "DELETE FROM housekeeping.notice WHERE case_id = %s"
_OF_CASE = f"""
SELECT {_COLUMNS} FROM housekeeping.notice WHERE case_id = %s ORDER BY position, id
"""  # noqa: S608 - as above
_NEXT = "SELECT extract(epoch FROM min(next_at) - now())::float8 FROM housekeeping.notice WHERE next_at IS NOT NULL"
_DROP_AFTER = "DELETE FROM housekeeping.notice WHERE position > %s"
_PENDING = """
SELECT count(*), coalesce(extract(epoch FROM now() - min(noted_at)), 0)::float8
FROM housekeeping.notice WHERE next_at IS NOT NULL
"""


@dataclass(frozen=True)
class NewNotice:
    """What is to be told: ``kind`` about the event at ``version`` of ``stream``, to the applicant of ``case``.

    ``correlation`` is the event's: what is logged of the mail can be told to belong to it.
    """

    stream: UUID
    version: int
    kind: str
    case: UUID
    position: int
    correlation: UUID | None = None


@dataclass(frozen=True)
class Notice:
    """A notice: pending while ``next_at`` is set, else sent or given up."""

    id: int
    stream: UUID
    version: int
    kind: str
    case_id: UUID
    position: int
    correlation: UUID | None
    noted_at: datetime
    tries: int
    next_at: datetime | None
    sent_at: datetime | None
    gave_up: str | None

    @property
    def back_off(self) -> timedelta:
        """How long to wait before the next try, if this one fails."""
        first, longest = BACK_OFF_SECONDS
        return timedelta(seconds=min(first * 2 ** min(self.tries, 20), longest))


def begin_noting(db: Db) -> None:
    """Before one asks which cases are being erased, of which nothing is to be noted; in the transaction of `put`."""
    db.execute(_BEGIN_NOTING, (_NOTING,))


def put(db: Db, notices: Sequence[NewNotice]) -> None:
    """Note what is to be told, each once however often it is noted. Within the caller's transaction."""
    with db.cursor() as cursor:
        cursor.executemany(
            _PUT, [(new.stream, new.version, new.kind, new.case, new.position, new.correlation) for new in notices]
        )


def due(db: Db, limit: int = 100) -> list[Notice]:
    """Pending notices whose time has come, the longest due first."""
    return _read(db, _DUE, (limit,))


def take(db: Db, id: int) -> Notice | None:
    """Hold a pending notice until the transaction ends; None if another holds it or it is no longer due."""
    return next(iter(_read(db, _TAKE, (id,))), None)


def sent(db: Db, id: int) -> None:
    """The mail server has taken it."""
    db.execute(_SENT, (id,))


def put_off(db: Db, notice: Notice) -> None:
    """The mail server did not take it: try again after a pause that doubles."""
    db.execute(_PUT_OFF, (notice.back_off, notice.id))


def give_up(db: Db, id: int, why: str) -> None:
    """It cannot be sent at all: ``why`` by name, never a message that might quote an address."""
    db.execute(_GIVE_UP, (why, id))


def forget(db: Db, case: UUID) -> None:
    """Remove every notice of a case, sent or pending, also what is being noted right now."""
    with db.transaction():
        db.execute(_ALONE, (_NOTING,))
        db.execute(_FORGET, (case,))


def seconds_to_next(db: Db) -> float | None:
    """How long until a pending notice is due (negative: overdue), None if none is pending."""
    row = db.execute(_NEXT).fetchone()
    return row[0] if row is not None else None


def pending(db: Db) -> tuple[int, float]:
    """How many notices are pending and for how many seconds the oldest has been; for /metrics."""
    row = db.execute(_PENDING).fetchone()
    return (row[0], row[1]) if row is not None else (0, 0.0)


def of_case(pool: Pool, case: UUID) -> list[Notice]:
    """Every notice of a case, in the order of the events that they tell of."""
    with pool.connection() as db:
        return _read(db, _OF_CASE, (case,))


def _read(db: Db, query: LiteralString, arguments: tuple[Any, ...]) -> list[Notice]:
    with db.cursor(row_factory=dict_row) as cursor:
        return [Notice(**row) for row in cursor.execute(query, arguments)]


def drop_after(db: Db, position: int) -> int:
    """Forget notices of events behind ``position``, which a restore took away; how many there were.

    What will stand at their streams' versions are other events, and whoever is concerned must hear of those.
    """
    return db.execute(_DROP_AFTER, (position,)).rowcount
