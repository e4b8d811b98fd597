"""Whether an application may still be received, paid for or worked on, and by whom."""

from __future__ import annotations

from dataclasses import dataclass

from domain.compatriot.state import DECIDED, ENDED, RECEPTION, Missing, Standing, State, missing, state_of
from domain.payments.money import Money
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
