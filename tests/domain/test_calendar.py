"""Days, terms and hours in Tbilisi."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from domain.calendar import (
    MONDAY_TO_FRIDAY,
    REVENUE_SERVICE,
    ROUND_THE_CLOCK,
    Hours,
    days_after,
    next_working_day,
    tbilisi_date,
)

MONDAY = date(2026, 11, 23)


def at(hour: int, minute: int = 0, day: int = 23) -> datetime:
    """Tbilisi is four hours ahead of UTC, all year."""
    return datetime(2026, 11, day, hour - 4, minute, tzinfo=UTC)


def test_the_day_turns_in_tbilisi_and_not_in_greenwich() -> None:
    assert tbilisi_date(datetime(2026, 11, 23, 19, 59, 59, tzinfo=UTC)) == MONDAY
    assert tbilisi_date(datetime(2026, 11, 23, 20, 0, tzinfo=UTC)) == date(2026, 11, 24)
    with pytest.raises(ValueError):
        tbilisi_date(datetime(2026, 11, 23, 12, 0))


def test_the_starting_day_does_not_count() -> None:
    assert days_after(date(2026, 11, 23), 1) == date(2026, 11, 24)
    assert days_after(date(2027, 12, 31), 60) == date(2028, 2, 29)


def test_the_bar_is_open_from_nine_to_six_on_working_days() -> None:
    assert [REVENUE_SERVICE.is_open(at(*hour)) for hour in ((8, 59), (9, 0), (17, 59), (18, 0))] == [
        False,
        True,
        True,
        False,
    ]
    assert not REVENUE_SERVICE.is_open(at(12, day=22))
    assert ROUND_THE_CLOCK.is_open(at(12, day=22))
    assert ROUND_THE_CLOCK.is_open(at(4, 30, day=22))


def test_it_says_when_it_opens_next() -> None:
    hours = Hours(time(9), time(18), holidays=frozenset({date(2026, 11, 24)}))
    assert hours.next_opening(at(8, 0)) == at(9)
    assert hours.next_opening(at(10)) == at(10)
    assert hours.next_opening(at(18)) == at(9, day=25)
    assert hours.next_opening(at(12, day=21)) == at(9)
    always_shut = Hours(time(9), time(18), holidays=frozenset(date.fromordinal(n) for n in range(739_000, 741_000)))
    assert always_shut.next_opening(at(12)) is None


@pytest.mark.parametrize(
    ("opens", "closes", "weekdays"),
    [(time(9), None, MONDAY_TO_FRIDAY), (time(18), time(9), MONDAY_TO_FRIDAY), (None, None, frozenset[int]())],
)
def test_hours_that_make_no_sense_are_not_settings(
    opens: time | None, closes: time | None, weekdays: frozenset[int]
) -> None:
    with pytest.raises(ValueError):
        Hours(opens, closes, weekdays)


def test_a_day_off_gives_way_to_the_next_working_day() -> None:
    assert next_working_day(date(2026, 11, 28)) == date(2026, 11, 30)
    assert next_working_day(date(2026, 11, 28), holidays={date(2026, 11, 30)}) == date(2026, 12, 1)
    with pytest.raises(ValueError):
        next_working_day(MONDAY, weekdays=())
