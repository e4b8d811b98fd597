"""Who acts in the office, and in what role."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType
from uuid import UUID

SubjectId = NewType("SubjectId", UUID)
"""The person whose data an event holds; names the key that seals them. Minted with the draft, before the case."""


class Role(StrEnum):
    """In what capacity an actor acts. One account may hold several; a command is done in one."""

    APPLICANT = "applicant"
    """A person with a draft: not yet registered."""
    HOLDER = "holder"
    """Whoever knows a case's number and code."""
    ADDRESSEE = "addressee"
    """Whoever opened the activation link, sent to the address that the public registry holds."""
    TAXPAYER = "taxpayer"
    """Signed in with a username and its password."""
    OPERATOR = "operator"
    CONSULTANT = "consultant"
    OFFICER = "officer"
    CHIEF = "chief"
    CASHIER = "cashier"
    AUDITOR = "auditor"
    ANALYST = "analyst"
    DATA_PROTECTION = "data_protection"
    """The personal data protection officer, and who stands in for them: asks for or confirms an erasure."""
    SYSTEM = "system"
    """The office itself: deadlines, the bank's poller, notices."""


STAFF = frozenset(
    {
        Role.OPERATOR,
        Role.CONSULTANT,
        Role.OFFICER,
        Role.CHIEF,
        Role.CASHIER,
        Role.AUDITOR,
        Role.ANALYST,
        Role.DATA_PROTECTION,
    }
)


@dataclass(frozen=True)
class Actor:
    """Who did it.

    ``id`` is opaque and stable: a draft's or a case's stream id in text for the public, the provider's *person* claim
    for staff (a person and not an account, so that three accounts of one person stay one person), the consumer's name
    for the office itself.
    """

    id: str
    role: Role

    @property
    def is_staff(self) -> bool:
        return self.role in STAFF


def system(name: str) -> Actor:
    """The office itself, acting through the consumer or job called ``name``."""
    return Actor(id=name, role=Role.SYSTEM)
