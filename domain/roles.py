"""Whose step it is: what every service asks of the actor before its own rules."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.event import Act
from domain.office import UnknownCase
from domain.people import Role
from domain.refusals import Refusal


@dataclass(eq=False)
class NotForThisRole(Refusal):
    """The step belongs to another office: who prepares does not decide, who decides does not prepare."""

    code = "NOT_FOR_THIS_ROLE"

    needed: Role


def refuse_unless_role(act: Act, needed: Role) -> None:
    """Raises: NotForThisRole."""
    if act.by.role is not needed:
        raise NotForThisRole(needed)


def refuse_unless_holder(act: Act, case: UUID) -> None:
    """The actor showed this case's number and code. Raises: UnknownCase, as for a case that never was."""
    if act.by.role is not Role.HOLDER or act.by.id != str(case):
        raise UnknownCase
