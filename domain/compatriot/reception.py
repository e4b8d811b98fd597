"""Whether an application may still be received, paid for or worked on, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.compatriot.state import DECIDED, ENDED, RECEPTION, Missing, Standing, State, missing, state_of
from domain.event import Act
from domain.office import UnknownCase
from domain.payments.money import Money
from domain.people import Role
from domain.refusals import Refusal


@dataclass(eq=False)
class AlreadyRegistered(Refusal):
    """An application was filed from this draft; another needs another draft."""

    code = "ALREADY_REGISTERED"


@dataclass(eq=False)
class ApplicationEnded(Refusal):
    """The application ended without a decision: refused reception, lapsed or withdrawn."""

    code = "APPLICATION_ENDED"

    state: State


@dataclass(eq=False)
class AlreadyDecided(Refusal):
    """The decision stands; what comes now comes too late."""

    code = "ALREADY_DECIDED"


@dataclass(eq=False)
class AlreadyVerified(Refusal):
    """An operator has seen the applicant; the electronic application is received as far as that goes."""

    code = "ALREADY_VERIFIED"


@dataclass(eq=False)
class NotYetReceived(Refusal):
    """The application is not received before fee and talk are both there; the term does not run."""

    code = "NOT_YET_RECEIVED"

    missing: tuple[Missing, ...]


@dataclass(eq=False)
class FeeMismatch(Refusal):
    """The fee is paid whole or not at all."""

    code = "FEE_MISMATCH"

    expected: Money
    got: Money


@dataclass(eq=False)
class NotForThisRole(Refusal):
    """The step belongs to another office: who prepares does not decide, who decides does not prepare."""

    code = "NOT_FOR_THIS_ROLE"

    needed: Role


def refuse_unless_open(standing: Standing) -> None:
    """The application may still come to a decision. Raises: ApplicationEnded, AlreadyDecided."""
    state = state_of(standing)
    if state in ENDED:
        raise ApplicationEnded(state)
    if state in DECIDED:
        raise AlreadyDecided


def refuse_unless_received(standing: Standing) -> None:
    """Fee and talk are there and no decision yet. Raises: ApplicationEnded, AlreadyDecided, NotYetReceived."""
    refuse_unless_open(standing)
    if state_of(standing) in RECEPTION:
        raise NotYetReceived(missing(standing))


def refuse_unless_awaits_call(standing: Standing) -> None:
    """The operator has yet to see the applicant, with the fee paid or not: they may come in either order.

    An electronic application is received only through direct visual contact. Source: the agency's published
    conditions, the last answer. Raises: ApplicationEnded, AlreadyDecided, AlreadyVerified.
    """
    refuse_unless_open(standing)
    if standing.verified_at is not None:
        raise AlreadyVerified


def refuse_unless_fee(expected: Money, got: Money) -> None:
    """Money pays the fee if it is the fee, to the tetri. Raises: FeeMismatch."""
    if got != expected:
        raise FeeMismatch(expected, got)


def refuse_unless_role(act: Act, needed: Role) -> None:
    """Raises: NotForThisRole."""
    if act.by.role is not needed:
        raise NotForThisRole(needed)


def refuse_unless_holder(act: Act, case: UUID) -> None:
    """The actor showed this case's number and code. Raises: UnknownCase, as for a case that never was."""
    if act.by.role is not Role.HOLDER or act.by.id != str(case):
        raise UnknownCase
