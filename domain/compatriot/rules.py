"""The settings of the compatriot rules: what the office may choose, with the values that it starts from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from domain.calendar import MONDAY_TO_FRIDAY
from domain.compatriot.fees import FeeSchedule
from domain.compatriot.state import State
from domain.compatriot.term import DueDate, ending_on_a_working_day
from domain.consents import ConsentKind, ConsentText

SERVICE = "compatriot"
"""The service's name: in codes, in the bar's queue, in read models."""


@dataclass(frozen=True)
class Rules:
    """Every setting of this service. Days are calendar days in Tbilisi.

    What a setting decided for a case stands in the case's events: a changed setting changes no case that runs.
    """

    fees: FeeSchedule
    reception_days: int = 30
    """Fee and talk must both be there within so many days of registration."""
    information_days: int = 30
    """Requested information must come within so many days."""
    warning_days: int = 7
    """So many days lie between the warning and the last day, at least."""
    longest_extension: int = 30
    """The chief may extend the term once, by no more than so many days."""
    end_moves_for_holidays: bool = False
    """Whether the term of a case registered now ends on the next working day, if it would end on a day off."""
    weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    holidays: frozenset[date] = frozenset()
    refunded_endings: frozenset[State] = frozenset({State.RECEPTION_REFUSED})
    """Endings before the term began (RECEPTION_REFUSED, LAPSED, WITHDRAWN) that make a paid fee due back."""
    consents: tuple[ConsentText, ...] = (
        ConsentText(ConsentKind.PERSONAL_DATA, "v1"),
        ConsentText(ConsentKind.NEWS, "v1"),
    )
    """The version of each consent's text that is in force; ``texts/`` holds the words."""
    decision_paper: str = "decision-v1"
    """The version of the template that decisions are issued with from now on; ``texts/`` holds it."""
    required_consents: frozenset[ConsentKind] = frozenset({ConsentKind.PERSONAL_DATA})

    def __post_init__(self) -> None:
        if not 0 < self.warning_days < min(self.reception_days, self.information_days):
            raise ValueError("the warning comes before the last day and not before the first")
        if self.longest_extension < 0 or not self.weekdays:
            raise ValueError("an extension adds days, and the office works on some weekday")

    def explained(self, due: DueDate, *, moves: bool) -> DueDate:
        """A due date from an event as it is told: with the step over days off, if the case's end ``moves`` for them."""
        return ending_on_a_working_day(due, self.weekdays, self.holidays) if moves else due
