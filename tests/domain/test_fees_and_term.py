"""Fee and term by effective date, and the due date that explains itself."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from story import SCHEDULE

from domain.compatriot.fees import BrokenSchedule, parse_schedule
from domain.compatriot.form import Tier
from domain.compatriot.rules import Rules
from domain.compatriot.term import DueStep, TermRule, due_on, ending_on_a_working_day, extended, suspended, term_from
from domain.payments.money import Money

LARI_50, LARI_60, LARI_100 = (Money(Decimal(amount)) for amount in ("50.00", "60.00", "100.00"))
MONDAY = date(2026, 11, 23)


def fee(tier: str = "STANDARD", since: str = "2030-01-01", amount: str = '"60.00"', days: str = "75") -> str:
    return f"""
    [[fee]]
    tier = "{tier}"
    effective_from = {since}
    amount = {amount}
    currency = "GEL"
    term_days = {days}
    source = "a decree"
    """


def test_the_published_fees_are_in_force() -> None:
    standard, expedited = (SCHEDULE.in_force(tier, MONDAY) for tier in (Tier.STANDARD, Tier.EXPEDITED))
    assert (standard.amount, standard.term_days) == (LARI_50, 80)
    assert (expedited.amount, expedited.term_days) == (LARI_100, 70)


def test_a_new_fee_is_in_force_from_its_day_on_and_the_old_one_until_then() -> None:
    schedule = parse_schedule(
        fee(since="2030-01-01") + fee(since="2012-01-01", amount='"50"', days="80") + fee("EXPEDITED")
    )
    assert schedule.in_force(Tier.STANDARD, date(2029, 12, 31)).amount == LARI_50
    assert schedule.in_force(Tier.STANDARD, date(2030, 1, 1)).amount == LARI_60
    assert schedule.in_force(Tier.STANDARD, date(2050, 1, 1)).term_days == 75
    with pytest.raises(LookupError):
        schedule.in_force(Tier.EXPEDITED, date(2029, 12, 31))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fee = 50",
        "[[fee",
        fee(),
        fee() + fee() + fee("EXPEDITED"),
        fee("URGENT") + fee() + fee("EXPEDITED"),
        fee(amount="50.0") + fee("EXPEDITED"),
        fee(amount='"50.005"') + fee("EXPEDITED"),
        fee(amount='"-50"') + fee("EXPEDITED"),
        fee(amount='"fifty"') + fee("EXPEDITED"),
        fee(days="0") + fee("EXPEDITED"),
        fee(days="true") + fee("EXPEDITED"),
        fee(since="2030-01-01T00:00:00Z") + fee("EXPEDITED"),
        fee().replace("source", "sauce") + fee("EXPEDITED"),
    ],
)
def test_the_office_does_not_open_with_a_broken_schedule(text: str) -> None:
    with pytest.raises(BrokenSchedule):
        parse_schedule(text)


def test_the_due_date_is_the_list_of_its_reasons() -> None:
    due = term_from(MONDAY, 80)
    assert due_on(due) == date(2027, 2, 11)
    due = suspended(due, date(2026, 12, 1), date(2026, 12, 11))
    due = extended(due, date(2027, 1, 4), 30)
    assert due == (
        DueStep(TermRule.TERM, MONDAY, 80),
        DueStep(TermRule.SUSPENSION, date(2026, 12, 1), 10),
        DueStep(TermRule.EXTENSION, date(2027, 1, 4), 30),
    )
    assert due_on(due) == date(2027, 3, 23)


def test_asked_and_answered_on_one_day_the_end_does_not_move() -> None:
    assert due_on(suspended(term_from(MONDAY, 80), MONDAY, MONDAY)) == date(2027, 2, 11)


def test_the_end_moves_for_holidays_only_where_the_setting_says_so() -> None:
    due = term_from(MONDAY, 5)  # ends on a Saturday
    monday_off = frozenset({date(2026, 11, 30)})
    rules = Rules(fees=SCHEDULE, holidays=monday_off)
    assert rules.explained(due, moves=False) == due
    assert rules.explained(due, moves=True) == (*due, DueStep(TermRule.HOLIDAY, date(2026, 11, 28), 3))
    assert rules.explained(term_from(MONDAY, 4), moves=True) == term_from(MONDAY, 4)


@given(st.dates(date(2012, 1, 1), date(2100, 1, 1)), st.integers(1, 200), st.lists(st.integers(0, 90), max_size=5))
def test_every_day_of_suspension_is_given_back(start: date, days: int, waits: list[int]) -> None:
    due = term_from(start, days)
    for wait in waits:
        due = suspended(due, start, date.fromordinal(start.toordinal() + wait))
    assert (due_on(due) - start).days == days + sum(waits)
    moved = ending_on_a_working_day(due, range(5), ())
    assert due_on(moved).weekday() < 5
    assert 0 <= (due_on(moved) - due_on(due)).days <= 2


def test_settings_that_could_lapse_a_case_unwarned_are_refused() -> None:
    for wrong in ({"warning_days": 0}, {"warning_days": 30}, {"information_days": 5}, {"longest_extension": -1}):
        with pytest.raises(ValueError):
            Rules(fees=SCHEDULE, **wrong)
