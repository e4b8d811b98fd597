"""When an application lapses for what the applicant did not bring, and that nothing lapses unwarned."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from domain.calendar import days_after
from domain.compatriot.state import Missing
from domain.refusals import Refusal


@dataclass(eq=False)
class NothingMissing(Refusal):
    """The office waits for nothing from the applicant."""

    code = "NOTHING_MISSING"


@dataclass(eq=False)
class TooEarlyToWarn(Refusal):
    """The warning is for the last days; it is due on ``not_before``."""

    code = "TOO_EARLY_TO_WARN"

    not_before: date


@dataclass(eq=False)
class AlreadyWarned(Refusal):
    """The applicant was warned of everything that is missing, and has until ``lapses_after``."""

    code = "ALREADY_WARNED"

    lapses_after: date


@dataclass(eq=False)
class NotWarned(Refusal):
    """Nothing lapses unwarned."""

    code = "NOT_WARNED"


@dataclass(eq=False)
class NotYetLapsed(Refusal):
    """The applicant still has time, up to and including ``lapses_after``."""

    code = "NOT_YET_LAPSED"

    lapses_after: date


@dataclass(eq=False)
class CallInProgress(Refusal):
    """The applicant is with an operator at this moment, or entered the bar in time and has not been called in yet."""

    code = "CALL_IN_PROGRESS"


@dataclass(eq=False)
class PaymentUnderWay(Refusal):
    """An order by card was opened in time, and the bank has not said its last word on it."""

    code = "PAYMENT_UNDER_WAY"


def waits_in_time(entered: date, missing: Collection[Missing], answer_until: date) -> bool:
    """Whether only the talk is missing and the applicant, in the queue since ``entered``, came for it in time.

    How long the queue is, is the office's affair: who entered before closing is served.
    """
    return set(missing) == {Missing.CALL} and entered <= answer_until


def warning_day(answer_until: date, warning_days: int) -> date:
    """The first day on which a warning is sent: ``warning_days`` before the last day."""
    return answer_until - timedelta(days=warning_days)


def last_day_after_warning(answer_until: date, warned: date, warning_days: int) -> date:
    """The last day once warned: it stays, unless the warning came late, which moves it.

    Whoever is warned has ``warning_days`` whole days, however long the office's own programs stood still.
    """
    return max(answer_until, days_after(warned, warning_days))


def refuse_unless_to_be_warned(
    missing: Collection[Missing], warned_of: Collection[Missing], answer_until: date, today: date, warning_days: int
) -> None:
    """Something is missing, the applicant was not warned of it yet, and its last days have come.

    Raises: NothingMissing, AlreadyWarned, TooEarlyToWarn.
    """
    if not missing:
        raise NothingMissing
    if set(missing) <= set(warned_of):
        raise AlreadyWarned(answer_until)
    if today < (day := warning_day(answer_until, warning_days)):
        raise TooEarlyToWarn(day)


def refuse_unless_lapsed(
    missing: Collection[Missing], warned_of: Collection[Missing], answer_until: date, today: date
) -> None:
    """Something is missing, the applicant was warned of it, and the last day is past.

    Raises: NothingMissing, NotWarned, NotYetLapsed.
    """
    if not missing:
        raise NothingMissing
    if not set(missing) <= set(warned_of):
        raise NotWarned
    if today <= answer_until:
        raise NotYetLapsed(answer_until)
