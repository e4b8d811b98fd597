"""The order of the review: begun, information asked and answered, a conclusion, a decision, its delivery."""

from __future__ import annotations

from dataclasses import dataclass

from domain.compatriot.reception import ApplicationEnded, refuse_unless_received
from domain.compatriot.state import DECIDED, ENDED, Standing, state_of
from domain.refusals import Refusal


@dataclass(eq=False)
class ReviewAlreadyStarted(Refusal):
    """The review has begun."""

    code = "REVIEW_ALREADY_STARTED"


@dataclass(eq=False)
class ReviewNotStarted(Refusal):
    """No officer has begun the review."""

    code = "REVIEW_NOT_STARTED"


@dataclass(eq=False)
class InformationAwaited(Refusal):
    """The applicant was asked and has time to answer; until then the term is suspended and nothing is concluded."""

    code = "INFORMATION_AWAITED"


@dataclass(eq=False)
class NoInformationRequested(Refusal):
    """The office has asked for nothing, or has its answer."""

    code = "NO_INFORMATION_REQUESTED"


@dataclass(eq=False)
class ConclusionAlreadyPrepared(Refusal):
    """The conclusion is with the chief."""

    code = "CONCLUSION_ALREADY_PREPARED"


@dataclass(eq=False)
class ConclusionMissing(Refusal):
    """The chief decides on an officer's conclusion, and there is none yet."""

    code = "CONCLUSION_MISSING"


@dataclass(eq=False)
class NotYetDecided(Refusal):
    """There is no decision to receive yet."""

    code = "NOT_YET_DECIDED"


def refuse_unless_assignable(standing: Standing) -> None:
    """Received, and no conclusion yet. Raises: as `refuse_unless_received`, ConclusionAlreadyPrepared."""
    refuse_unless_received(standing)
    if standing.concluded_at is not None:
        raise ConclusionAlreadyPrepared


def refuse_unless_startable(standing: Standing) -> None:
    """Received, and nobody has begun. Raises: as `refuse_unless_received`, ReviewAlreadyStarted."""
    refuse_unless_received(standing)
    if standing.review_started_at is not None:
        raise ReviewAlreadyStarted


def refuse_unless_in_review(standing: Standing) -> None:
    """Begun and without a conclusion, suspended or not. Raises: as `refuse_unless_assignable`, ReviewNotStarted."""
    refuse_unless_assignable(standing)
    if standing.review_started_at is None:
        raise ReviewNotStarted


def refuse_unless_under_review(standing: Standing) -> None:
    """Begun, not suspended, without a conclusion. Raises: as `refuse_unless_in_review`, InformationAwaited."""
    refuse_unless_in_review(standing)
    if standing.requested_at is not None:
        raise InformationAwaited


def refuse_unless_information_awaited(standing: Standing) -> None:
    """Raises: ApplicationEnded, AlreadyDecided, NotYetReceived, NoInformationRequested."""
    refuse_unless_received(standing)
    if standing.requested_at is None:
        raise NoInformationRequested


def refuse_unless_concluded(standing: Standing) -> None:
    """An officer's conclusion is there and no decision. Raises: as `refuse_unless_received`, ConclusionMissing."""
    refuse_unless_received(standing)
    if standing.concluded_at is None:
        raise ConclusionMissing


def refuse_unless_decided(standing: Standing) -> None:
    """Raises: ApplicationEnded, NotYetDecided."""
    state = state_of(standing)
    if state in ENDED:
        raise ApplicationEnded(state)
    if state not in DECIDED:
        raise NotYetDecided
