"""The look-up by number and code: one statement, whichever service the number belongs to, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, LiteralString
from uuid import UUID

from domain.compatriot.rules import SERVICE as COMPATRIOT
from domain.people import SubjectId
from domain.taxpayer.rules import SERVICE as TAXPAYER
from projections import registration, status
from projections.answers import Answer, Pool, ask, fetch_one
from projections.registration import REGISTRATION, REGISTRATION_ANSWER, RegistrationRow
from projections.status import CASE_ANSWER, STATUS, Status

NO_CASE = UUID(int=0)
"""What is asked for where a number leads nowhere, so that a wrong number runs the same statement as a wrong code."""

_ANSWER: LiteralString = f"""
SELECT found.*, (
    SELECT to_jsonb(one) FROM ({REGISTRATION_ANSWER.replace("{call}", "{registration_call}")}) AS one
    WHERE one.stream IS NOT NULL OR one.stale_since IS NOT NULL
) AS registration_found
FROM ({CASE_ANSWER}) AS found
"""  # noqa: S608 - our own pieces

_FIND = ask(
    _ANSWER,
    application=status.APPLICATION,
    payment=status.PAYMENT,
    call=status.CALL,
    registration=registration.REGISTRATION_TABLE,
    registration_call=registration.CALL,
)


@dataclass(frozen=True)
class Lock:
    """What a case's code is computed from."""

    service: str
    subject: SubjectId
    version: int
    issue: int


@dataclass(frozen=True)
class Found:
    """What the read models say of a case: the one or the other service's answer holds a row, or neither does.

    ``lock`` costs nothing to read; the rest of a row is made when it is asked for, so that a wrong code takes no longer
    than a wrong number.
    """

    status: Answer[Status]
    filed: Mapping[str, Any] | None
    """The registration's row as JSON."""

    @cached_property
    def registration(self) -> Answer[RegistrationRow]:
        """The answer where the case is a registration."""
        return registration.answered_as_json(self.filed)

    @property
    def lock(self) -> Lock | None:
        """What the code is computed from, if the row is there and not stale."""
        if (known := self.status.known()) is not None:
            return Lock(COMPATRIOT, known.subject, known.code_version, known.code_issue)
        filed = self.filed
        if filed is None or filed["stale_since"] is not None or filed["erasing_at"] is not None:
            return None
        return Lock(TAXPAYER, SubjectId(UUID(filed["subject"])), filed["code_version"], filed["code_issue"])


def find(pool: Pool, case: UUID | None) -> Found:
    """What is known of a case, of whatever service."""
    asked = case or NO_CASE
    arguments = (asked, REGISTRATION.name, REGISTRATION.version, asked, STATUS.name, STATUS.version)
    row = fetch_one(pool, _FIND, arguments)
    return Found(status.answered(row), None if row is None else row["registration_found"])
