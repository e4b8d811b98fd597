"""Where an application stands: a pure function of a few plain facts, used by the aggregate and by every read model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """The public state of an application. Names are the contract of ``schema.graphql``."""

    AWAITING_PAYMENT_AND_VIDEO = "AWAITING_PAYMENT_AND_VIDEO"
    AWAITING_PAYMENT = "AWAITING_PAYMENT"
    """The operator has verified the applicant; the fee is missing."""
    AWAITING_VIDEO = "AWAITING_VIDEO"
    """The fee is there; the talk with the operator is missing."""
    IN_TERM = "IN_TERM"
    """Both are there: the application is received and its term runs; nobody has begun the review."""
    UNDER_REVIEW = "UNDER_REVIEW"
    INFORMATION_REQUESTED = "INFORMATION_REQUESTED"
    """The term is suspended until the applicant answers."""
    CONCLUSION_PREPARED = "CONCLUSION_PREPARED"
    DECIDED = "DECIDED"
    DELIVERED = "DELIVERED"
    """The holder has received the decision."""
    RECEPTION_REFUSED = "RECEPTION_REFUSED"
    LAPSED = "LAPSED"
    WITHDRAWN = "WITHDRAWN"


RECEPTION = frozenset({State.AWAITING_PAYMENT_AND_VIDEO, State.AWAITING_PAYMENT, State.AWAITING_VIDEO})
"""Not yet received: the fee, the talk or both are missing."""
WORKED_ON = frozenset({State.IN_TERM, State.UNDER_REVIEW})
"""An officer may work on it."""
UNDECIDED = WORKED_ON | {State.INFORMATION_REQUESTED, State.CONCLUSION_PREPARED}
"""Received and not decided: the term runs or is suspended."""
OPEN = RECEPTION | UNDECIDED
"""May still come to a decision."""
DECIDED = frozenset({State.DECIDED, State.DELIVERED})
ENDED = frozenset({State.RECEPTION_REFUSED, State.LAPSED, State.WITHDRAWN})
"""Ended without a decision."""


class Missing(StrEnum):
    """What the office waits for from the applicant; it lapses if it does not come (after a warning)."""

    FEE = "FEE"
    CALL = "CALL"
    INFORMATION = "INFORMATION"


@dataclass(frozen=True)
class Standing:
    """The facts that decide the state: which event said each, and when. A read model keeps them as columns.

    ``requested_at`` is set by InformationRequested and cleared by InformationProvided; ``ended`` is the state that
    ReceptionRefused, Lapsed or Withdrawn left.
    """

    paid_at: datetime | None = None
    verified_at: datetime | None = None
    review_started_at: datetime | None = None
    requested_at: datetime | None = None
    concluded_at: datetime | None = None
    decided_at: datetime | None = None
    delivered_at: datetime | None = None
    ended: State | None = None


def state_of(standing: Standing) -> State:
    """The state that ``standing`` amounts to: the latest fact that counts decides."""
    if standing.ended is not None:
        return standing.ended
    if standing.decided_at is not None:
        return State.DELIVERED if standing.delivered_at is not None else State.DECIDED
    if standing.concluded_at is not None:
        return State.CONCLUSION_PREPARED
    if standing.requested_at is not None:
        return State.INFORMATION_REQUESTED
    if standing.review_started_at is not None:
        return State.UNDER_REVIEW
    return _reception(paid=standing.paid_at is not None, verified=standing.verified_at is not None)


def missing(standing: Standing) -> tuple[Missing, ...]:
    """What the office waits for from the applicant now, in the order in which it is told."""
    state = state_of(standing)
    if state is State.INFORMATION_REQUESTED:
        return (Missing.INFORMATION,)
    if state not in RECEPTION:
        return ()
    fee = () if standing.paid_at is not None else (Missing.FEE,)
    call = () if standing.verified_at is not None else (Missing.CALL,)
    return fee + call


def _reception(*, paid: bool, verified: bool) -> State:
    if paid and verified:
        return State.IN_TERM
    if paid:
        return State.AWAITING_VIDEO
    return State.AWAITING_PAYMENT if verified else State.AWAITING_PAYMENT_AND_VIDEO
