"""Days, terms and hours as the office counts them: in Tbilisi, whatever the ledger's clock says in UTC."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

TBILISI: Final = ZoneInfo("Asia/Tbilisi")

MONDAY_TO_FRIDAY: Final = frozenset(range(5))
"""Weekdays are numbered as `date.weekday` does: Monday is 0."""


def tbilisi_date(moment: datetime) -> date:
    """The calendar day in Tbilisi at ``moment``. Raises: ValueError if ``moment`` names no time zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone has no date in Tbilisi")
    return moment.astimezone(TBILISI).date()


def days_after(start: date, days: int) -> date:
    """The last day of a term of ``days`` calendar days: the starting day does not count, the last one does."""
    return start + timedelta(days=days)


def is_working_day(day: date, weekdays: Collection[int] = MONDAY_TO_FRIDAY, holidays: Collection[date] = ()) -> bool:
    """Whether the office works on ``day``."""
    return day.weekday() in weekdays and day not in holidays


def next_working_day(day: date, weekdays: Collection[int] = MONDAY_TO_FRIDAY, holidays: Collection[date] = ()) -> date:
    """``day`` itself if the office works on it, else the first day after it on which it does.

    Raises: ValueError if there is none within a year.
    """
    for ahead in range(366):
        if is_working_day(candidate := day + timedelta(days=ahead), weekdays, holidays):
            return candidate
    raise ValueError("the office works on no day of the year")


@dataclass(frozen=True)
class Hours:
    """When a service's bar lets people in: a setting. Who entered before closing is served.

    ``opens`` and ``closes`` are Tbilisi wall-clock times, ``closes`` excluded; both None: round the clock, every day.
    """

    opens: time | None
    closes: time | None
    weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if (self.opens is None) != (self.closes is None):
            raise ValueError("hours have both an opening and a closing, or neither")
        if self.opens is not None and self.closes is not None and self.opens >= self.closes:
            raise ValueError("the bar closes after it opens, on the same day")
        if not self.weekdays:
            raise ValueError("the bar opens on no weekday")

    @property
    def round_the_clock(self) -> bool:
        return self.opens is None

    def is_open(self, moment: datetime) -> bool:
        """Whether somebody may enter at ``moment``."""
        if self.opens is None or self.closes is None:
            return True
        local = moment.astimezone(TBILISI)
        return is_working_day(local.date(), self.weekdays, self.holidays) and (self.opens <= local.time() < self.closes)

    def next_opening(self, moment: datetime) -> datetime | None:
        """``moment`` if it is open then, else when it opens next; None if that is more than a year away."""
        if self.opens is None or self.is_open(moment):
            return moment
        local = moment.astimezone(TBILISI)
        first = local.date() if local.time() < self.opens else local.date() + timedelta(days=1)
        try:
            day = next_working_day(first, self.weekdays, self.holidays)
        except ValueError:
            return None
        return datetime.combine(day, self.opens, tzinfo=TBILISI).astimezone(moment.tzinfo)


ROUND_THE_CLOCK: Final = Hours(opens=None, closes=None, weekdays=frozenset(range(7)))
"""The sandbox's hours; it says so."""
REVENUE_SERVICE: Final = Hours(opens=time(9), closes=time(18))
"""Source: the Revenue Service's published conditions, "09:00სთ-დან 18:00სთ-მდე"."""
