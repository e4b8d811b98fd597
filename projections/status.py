"""What a holder sees by number and code: where the case stands, what is missing, until when and why, what was paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, LiteralString
from uuid import UUID

from domain.people import SubjectId
from projections.answers import Answer, Pool, ask, fetch_one, revive
from projections.call_rows import CALL_COLUMNS, CALL_KINDS, CALLS_OF_CASE, CallRow, CallRows, call_row
from projections.dossier import DOSSIER_COLUMNS, Dossier, Dossiers, dossier
from projections.model import Table
from projections.payment_rows import (
    PAYMENT_COLUMNS,
    PAYMENT_KINDS,
    PAYMENTS_OF_CASE,
    PaymentRow,
    PaymentRows,
    payment_row,
)
from projections.poison import Stale

VERSION = 2

APPLICATION = Table("status", VERSION, ("stream",), f"CREATE TABLE IF NOT EXISTS {{table}} ({DOSSIER_COLUMNS})")
PAYMENT = Table(
    "status_payment",
    VERSION,
    ("stream",),
    f"""
    CREATE TABLE IF NOT EXISTS {{table}} ({PAYMENT_COLUMNS});
    CREATE INDEX IF NOT EXISTS {{index}}_case ON {{table}} (case_id);
    """,
)
CALL = Table(
    "status_call",
    VERSION,
    ("stream",),
    f"""
    CREATE TABLE IF NOT EXISTS {{table}} ({CALL_COLUMNS});
    CREATE INDEX IF NOT EXISTS {{index}}_case ON {{table}} (case_id);
    """,
)


class StatusModel(Dossiers, PaymentRows, CallRows):
    """One row an application, with its payments and its calls."""

    name = "status"
    version = VERSION
    tables = (APPLICATION, PAYMENT, CALL)
    applications = APPLICATION
    payments = PAYMENT
    calls = CALL


STATUS = StatusModel()


@dataclass(frozen=True)
class Status:
    """One case as its holder may see it, once number and code have been verified.

    The code is verified with ``subject``, ``code_version`` and ``code_issue``, which cost nothing to read; the rest is
    made of the row when it is asked for, so that a wrong code takes no longer than a wrong number. The outcome and the
    reasons of the decision are the holder's only through ``receiveDecision``. Notices stand in `housekeeping.notices`.
    """

    row: Mapping[str, Any] = field(repr=False)

    @property
    def subject(self) -> SubjectId:
        """Under whose key the case is sealed."""
        return SubjectId(self.row["subject"])

    @property
    def code_version(self) -> int:
        """The code key version that the code in force is computed under."""
        return self.row["code_version"]

    @property
    def code_issue(self) -> int:
        """How often the code was issued."""
        return self.row["code_issue"]

    @cached_property
    def dossier(self) -> Dossier:
        """Where the application stands and what was said of it."""
        return dossier(self.row)

    @cached_property
    def payments(self) -> tuple[PaymentRow, ...]:
        """The case's payments, oldest first."""
        return tuple(payment_row(revive(payment, PAYMENT_KINDS)) for payment in self.row["payments"])

    @cached_property
    def calls(self) -> tuple[CallRow, ...]:
        """The case's calls, oldest first."""
        return tuple(call_row(revive(call, CALL_KINDS)) for call in self.row["calls"])

    @property
    def live_call(self) -> CallRow | None:
        """The call that is not over, if there is one."""
        return next((call for call in self.calls if call.over_at is None), None)


CASE_ANSWER: LiteralString = f"""
SELECT t.position AS model_position, a.*, ({PAYMENTS_OF_CASE}) AS payments, ({CALLS_OF_CASE}) AS calls, (
    SELECT min(q.at) FROM reading.quarantine q
    WHERE (q.model, q.version, q.beside) = (t.model, t.version, t.beside) AND q.stream IN (
        SELECT wanted.stream
        UNION ALL SELECT p.stream FROM {{payment}} p WHERE p.case_id = wanted.stream
        UNION ALL SELECT c.stream FROM {{call}} c WHERE c.case_id = wanted.stream
    )
) AS stale_since
FROM (SELECT %s::uuid AS stream) AS wanted
JOIN reading.tracking t ON (t.model, t.version, t.beside) = (%s, %s, false)
LEFT JOIN {{application}} a ON a.stream = wanted.stream
"""  # noqa: S608 - our own pieces
"""Row, children, quarantine and position in one statement, and so in one snapshot."""

_FIND = ask(CASE_ANSWER, application=APPLICATION, payment=PAYMENT, call=CALL)

NO_CASE = UUID(int=0)
"""What is asked for where a number leads nowhere, so that a wrong number runs the same statement as a wrong code."""


def find(pool: Pool, case: UUID | None) -> Answer[Status]:
    """The status of a case."""
    row = fetch_one(pool, _FIND, (case or NO_CASE, STATUS.name, STATUS.version))
    return answered(row)


def answered(row: dict[str, Any] | None) -> Answer[Status]:
    """The answer that a row of `CASE_ANSWER` gives."""
    if row is None:
        return Answer(None, 0)
    if row["stale_since"] is not None:
        return Answer(Stale(row["stale_since"]), row["model_position"])
    if row["stream"] is None or row["erasing_at"] is not None:
        return Answer(None, row["model_position"])
    return Answer(Status(row), row["model_position"])
