"""A registration as its holder and the consultants see it: where it stands, by which ways it may come to life."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, LiteralString
from uuid import UUID

from domain.taxpayer.rules import SERVICE
from domain.videobar.call import Call
from ledger.reader import Recorded
from projections.answers import Answer, Pool, ask, fetch, fetch_one, paged, revive, sealed_part, unhex
from projections.call_rows import CALL_COLUMNS, CALL_KINDS, CALLS_OF_CASE, CallRows
from projections.model import Change, Patch, Table, on
from projections.poison import Stale
from projections.registration_rows import (
    REGISTRATION_COLUMNS,
    REGISTRATION_KINDS,
    RegistrationRow,
    RegistrationRows,
    registration_row,
)

VERSION = 1

REGISTRATION_TABLE = Table(
    "registration",
    VERSION,
    ("stream",),
    f"""
    CREATE TABLE IF NOT EXISTS {{table}} ({REGISTRATION_COLUMNS});
    CREATE INDEX IF NOT EXISTS {{index}}_awaiting ON {{table}} (activation_until, position)
        WHERE state = 'AWAITING_ACTIVATION' AND erasing_at IS NULL;
    CREATE INDEX IF NOT EXISTS {{index}}_erasing ON {{table}} (erasing_at)
        WHERE erasing_at IS NOT NULL AND erased_at IS NULL;
    """,
)
CALL = Table(
    "registration_call",
    VERSION,
    ("stream",),
    f"""
    CREATE TABLE IF NOT EXISTS {{table}} ({CALL_COLUMNS},
        declared         bytea                     -- sealed: what the person told of themselves
    );
    CREATE INDEX IF NOT EXISTS {{index}}_case ON {{table}} (case_id);
    """,
)


class RegistrationModel(RegistrationRows, CallRows):
    """One row a registration, with its calls."""

    name = "registration"
    version = VERSION
    tables = (REGISTRATION_TABLE, CALL)
    registrations = REGISTRATION_TABLE
    calls = CALL

    @on(Call.Requested)
    def call_requested(self, recorded: Recorded, event: Call.Requested) -> Iterable[Change]:
        yield from super().call_requested(recorded, event)
        if event.service == SERVICE:
            yield Patch(self.calls, (recorded.stream,), {"declared": sealed_part(recorded)})

    @on(Call.ErasureRequested)
    def call_erasure_requested(self, recorded: Recorded, event: Call.ErasureRequested) -> Iterable[Change]:
        yield from super().call_erasure_requested(recorded, event)
        yield Patch(self.calls, (recorded.stream,), {"declared": None})


REGISTRATION = RegistrationModel()


@dataclass(frozen=True)
class AwaitedRegistration:
    """A registration that nobody has activated, and until when one may; whether that was told."""

    case: UUID
    position: int
    activation_until: date
    warned: bool


REGISTRATION_ANSWER: LiteralString = f"""
SELECT t.position AS model_position, r.*, ({CALLS_OF_CASE}) AS calls, (
    SELECT min(q.at) FROM reading.quarantine q
    WHERE (q.model, q.version, q.beside) = (t.model, t.version, t.beside) AND q.stream IN (
        SELECT wanted.stream UNION ALL SELECT c.stream FROM {{call}} c WHERE c.case_id = wanted.stream
    )
) AS stale_since
FROM (SELECT %s::uuid AS stream) AS wanted
JOIN reading.tracking t ON (t.model, t.version, t.beside) = (%s, %s, false)
LEFT JOIN {{registration}} r ON r.stream = wanted.stream
"""  # noqa: S608 - our own pieces
"""Row, calls, quarantine and position in one statement, and so in one snapshot."""

_FIND = ask(REGISTRATION_ANSWER, registration=REGISTRATION_TABLE, call=CALL)

_AWAITING = ask(
    """
    SELECT stream, position, activation_until, warned_at FROM {registration}
    WHERE state = 'AWAITING_ACTIVATION' AND erasing_at IS NULL
        AND activation_until <= %s AND (activation_until, position) > (%s, %s)
    ORDER BY activation_until, position LIMIT %s
    """,
    registration=REGISTRATION_TABLE,
)

_ERASING = ask(
    """
    SELECT stream FROM {registration} WHERE erasing_at IS NOT NULL AND erased_at IS NULL
    ORDER BY erasing_at, stream LIMIT %s
    """,
    registration=REGISTRATION_TABLE,
)


def find(pool: Pool, case: UUID) -> Answer[RegistrationRow]:
    """A registration by its stream id."""
    return answered(fetch_one(pool, _FIND, (case, REGISTRATION.name, REGISTRATION.version)))


def answered(row: Mapping[str, Any] | None) -> Answer[RegistrationRow]:
    """The answer that a row of `REGISTRATION_ANSWER` gives."""
    if row is None:
        return Answer(None, 0)
    if row["stale_since"] is not None:
        return Answer(Stale(row["stale_since"]), row["model_position"])
    if row["stream"] is None or row["erasing_at"] is not None:
        return Answer(None, row["model_position"])
    calls = [revive(call, _CALL_KINDS) for call in row["calls"]]
    return Answer(registration_row(row, calls), row["model_position"])


def answered_as_json(row: Mapping[str, Any] | None) -> Answer[RegistrationRow]:
    """As `answered`, of a row that came as JSON."""
    return answered(None if row is None else revive(row, REGISTRATION_KINDS))


_CALL_KINDS = {**CALL_KINDS, "declared": unhex}


def awaiting(
    pool: Pool, until: date, after: AwaitedRegistration | None = None, first: int = 100
) -> list[AwaitedRegistration]:
    """Registrations whose last day is ``until`` or earlier, soonest first; go on ``after`` the last seen.

    It may be stale: whoever acts on it asks the aggregate.
    """
    cursor_at: tuple[Any, ...] = (after.activation_until, after.position) if after is not None else (date.min, 0)
    rows = fetch(pool, _AWAITING, (until, *cursor_at, paged(first) - 1))
    return [
        AwaitedRegistration(row["stream"], row["position"], row["activation_until"], row["warned_at"] is not None)
        for row in rows
    ]


def erasing(pool: Pool, first: int = 100) -> list[UUID]:
    """Registrations whose personal data are to be erased and are not yet, as far as is known, longest waiting first."""
    return [row["stream"] for row in fetch(pool, _ERASING, (first,))]
