"""The term for the conclusion: when it starts, what moves its end, and a due date that explains itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from domain.calendar import next_working_day
from domain.refusals import Refusal


class TermRule(StrEnum):
    """Why the end of the term stands where it stands."""

    TERM = "TERM"
    """From the day on which both fee and talk were there; that day does not count."""
    SUSPENSION = "SUSPENSION"
    """From the day on which information was requested until the day on which it came."""
    EXTENSION = "EXTENSION"
    """From the day on which the chief extended it."""
    HOLIDAY = "HOLIDAY"
    """From a last day on which the office does not work to the next working day (only where the setting says so)."""


@dataclass(frozen=True)
class DueStep:
    """One reason of a due date: from ``date`` on, ``rule`` gave or moved it by ``days`` calendar days."""

    rule: TermRule
    date: date
    days: int


DueDate = tuple[DueStep, ...]
"""A due date as the list of its reasons, in order; the first is the TERM."""


def due_on(due: DueDate) -> date:
    """The last day of the term: the day of its start plus every reason's days."""
    return due[0].date + timedelta(days=sum(step.days for step in due))


def term_from(start: date, days: int) -> DueDate:
    """The term as it starts. The starting day does not count.

    Source: the agency's published conditions, "80 კალენდარულ დღეში", "70 კალენდარულ დღეში".
    """
    return (DueStep(TermRule.TERM, start, days),)


def suspended(due: DueDate, requested: date, provided: date) -> DueDate:
    """The end moves by the suspension's length in Tbilisi dates; asked and answered on one day, it does not move."""
    return (*due, DueStep(TermRule.SUSPENSION, requested, (provided - requested).days))


def extended(due: DueDate, on: date, days: int) -> DueDate:
    """The chief's extension moves the end by ``days``."""
    return (*due, DueStep(TermRule.EXTENSION, on, days))


def ending_on_a_working_day(due: DueDate, weekdays: Collection[int], holidays: Collection[date]) -> DueDate:
    """The end moved to the next working day. By default the office does not do this: calendar days are calendar days.

    Asked when a due date is read and not stored in events: the holidays of a year are settled during the year before.
    """
    end = due_on(due)
    moved = (next_working_day(end, weekdays, holidays) - end).days
    return (*due, DueStep(TermRule.HOLIDAY, end, moved)) if moved else due


@dataclass(eq=False)
class TermAlreadyExtended(Refusal):
    """The term is extended once and no more."""

    code = "TERM_ALREADY_EXTENDED"


@dataclass(eq=False)
class ExtensionOutOfBounds(Refusal):
    """An extension is by one day at least and ``longest`` at most."""

    code = "EXTENSION_OUT_OF_BOUNDS"

    longest: int


@dataclass(eq=False)
class TermOver(Refusal):
    """The term ended on ``ended``: what is over is not extended."""

    code = "TERM_OVER"

    ended: date


def refuse_unless_extendable(due: DueDate, *, on: date, days: int, longest: int) -> None:
    """Once, within the bound, and before the term is over ``on`` this day: today, or the day that suspended the term.

    Raises: TermAlreadyExtended, ExtensionOutOfBounds, TermOver.
    """
    if any(step.rule is TermRule.EXTENSION for step in due):
        raise TermAlreadyExtended
    if not 1 <= days <= longest:
        raise ExtensionOutOfBounds(longest)
    if on > (end := due_on(due)):
        raise TermOver(end)
