"""Who prepares, who decides, and that they are not the same person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from domain.people import Role
from domain.refusals import Refusal


class Outcome(StrEnum):
    """What the officer recommends and the chief decides."""

    GRANTED = "GRANTED"
    REFUSED = "REFUSED"


@dataclass(eq=False)
class SamePerson(Refusal):
    """Operator, officer and chief of one case are three different persons; this one was ``was`` before."""

    code = "SAME_PERSON"

    was: Role


@dataclass(eq=False)
class NotYourCase(Refusal):
    """The case is assigned to another officer."""

    code = "NOT_YOUR_CASE"


@dataclass(frozen=True)
class Hands:
    """Through whose hands a case went: person claims, not accounts.

    ``officers`` are all who worked on it as officers, ``assigned`` is the one who has it now, ``chiefs`` are all who
    assigned it or extended its term.
    """

    operator: str | None = None
    officers: tuple[str, ...] = ()
    assigned: str | None = None
    chiefs: tuple[str, ...] = ()

    def with_operator(self, person: str) -> Hands:
        return replace(self, operator=person)

    def with_officer(self, person: str) -> Hands:
        """``person`` works on the case and therefore has it."""
        officers = self.officers if person in self.officers else (*self.officers, person)
        return replace(self, officers=officers, assigned=person)

    def with_chief(self, person: str) -> Hands:
        """``person`` acted on the case as chief."""
        return self if person in self.chiefs else replace(self, chiefs=(*self.chiefs, person))


def refuse_unless_may_be_officer(hands: Hands, person: str) -> None:
    """The officer is neither the operator who verified nor anyone who acted as chief. Raises: SamePerson."""
    if person == hands.operator:
        raise SamePerson(was=Role.OPERATOR)
    if person in hands.chiefs:
        raise SamePerson(was=Role.CHIEF)


def refuse_unless_officer_of_case(hands: Hands, person: str) -> None:
    """Only the officer who has the case works on it; an unassigned case is taken by beginning its review.

    Raises: SamePerson, NotYourCase.
    """
    refuse_unless_may_be_officer(hands, person)
    if hands.assigned is not None and hands.assigned != person:
        raise NotYourCase


def refuse_unless_may_be_chief(hands: Hands, person: str) -> None:
    """Who assigns, extends or decides is neither the operator nor anyone who worked on the case as an officer.

    Raises: SamePerson.
    """
    if person == hands.operator:
        raise SamePerson(was=Role.OPERATOR)
    if person in hands.officers:
        raise SamePerson(was=Role.OFFICER)
