"""What lapses, when, and that nothing lapses unwarned."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from story import (
    DEADLINES,
    NINO,
    RULES,
    Story,
    answered,
    asked,
    begun,
    broken_off,
    concluded,
    days_pass,
    decided,
    filed,
    lapsed,
    on,
    paid,
    paid_in_cash,
    seen,
    warned,
    withdrawn,
)

from domain.compatriot.lapse import (
    AlreadyWarned,
    CallInProgress,
    NothingMissing,
    NotWarned,
    NotYetLapsed,
    PaymentUnderWay,
    TooEarlyToWarn,
    refuse_unless_lapsed,
)
from domain.compatriot.reception import ApplicationEnded
from domain.compatriot.state import Missing, State
from domain.payments.bank import BankOrder, OrderStatus
from domain.payments.case import RefundReason
from domain.people import system
from domain.videobar.call import Call
from domain.videobar.terms import Leaving, Phase

WARNING_DAY, LAST_DAY = date(2026, 12, 16), date(2026, 12, 23)
"""Filed on 23 November 2026: thirty days, warned seven before."""
AFTER = date(2026, 12, 24)


def test_an_unpaid_unseen_application_is_warned_and_lapses() -> None:
    story = (
        Story().given(filed, on(date(2026, 12, 15), 23)).when(warned).refused(TooEarlyToWarn, not_before=WARNING_DAY)
    )
    story.given(on(WARNING_DAY, 0)).when(warned).then("ExpiryWarned")
    told = story.last("ExpiryWarned")
    assert (told.missing, told.lapses_after) == ((Missing.FEE, Missing.CALL), LAST_DAY)
    story.when(warned).refused(AlreadyWarned, lapses_after=LAST_DAY)
    story.given(on(LAST_DAY, 23)).when(lapsed).refused(NotYetLapsed, lapses_after=LAST_DAY)
    story.given(on(AFTER, 0)).when(lapsed).then("Lapsed").and_state(State.LAPSED)


def test_nothing_lapses_unwarned_and_a_late_warning_moves_the_day() -> None:
    """The office's programs stood still for three months."""
    story = Story().given(filed, on(date(2027, 3, 1))).when(lapsed).refused(NotWarned)
    story.when(warned).then("ExpiryWarned")
    assert story.last("ExpiryWarned").lapses_after == date(2027, 3, 8)
    story.given(on(date(2027, 3, 8), 23)).when(lapsed).refused(NotYetLapsed, lapses_after=date(2027, 3, 8))
    story.given(on(date(2027, 3, 9), 0)).when(lapsed).then("Lapsed")


def test_a_warning_a_day_late_moves_the_day_by_one() -> None:
    story = Story().given(filed, on(date(2026, 12, 17)), warned)
    assert story.last("ExpiryWarned").lapses_after == AFTER


@pytest.mark.parametrize(("before", "missing"), [((paid,), Missing.CALL), ((seen,), Missing.FEE)])
def test_one_half_is_not_enough(before: tuple[object, ...], missing: Missing) -> None:
    story = Story().given(filed, *before, on(WARNING_DAY), warned, on(AFTER)).when(lapsed).then("Lapsed")
    assert story.last("Lapsed").missing == (missing,)


def test_one_half_brought_after_the_warning_needs_no_other_warning() -> None:
    story = Story().given(filed, on(WARNING_DAY), warned, paid).when(warned).refused(AlreadyWarned)
    story.given(on(AFTER)).when(lapsed).then("Lapsed")
    assert story.last("Lapsed").missing == (Missing.CALL,)


def test_what_came_in_the_last_hour_saves_the_case() -> None:
    story = Story().given(filed, on(WARNING_DAY), warned, paid, on(AFTER), seen).when(lapsed).refused(NothingMissing)
    story.and_state(State.IN_TERM).when(warned).refused(NothingMissing)


@pytest.mark.parametrize(
    "before", [(seen, paid, begun), (seen, paid, begun, concluded), (seen, paid, begun, concluded, decided)]
)
def test_what_the_office_owes_never_lapses(before: tuple[object, ...]) -> None:
    story = Story().given(filed, *before, days_pass(1000))
    story.when(warned).refused(NothingMissing).when(lapsed).refused(NothingMissing)


def test_requested_information_lapses_on_its_own_days() -> None:
    story = Story().given(filed, paid, seen, begun, on(date(2027, 1, 10)), asked)
    story.given(on(date(2027, 2, 1))).when(warned).refused(TooEarlyToWarn, not_before=date(2027, 2, 2))
    story.given(on(date(2027, 2, 2))).when(warned).then("ExpiryWarned")
    assert story.last("ExpiryWarned").missing == (Missing.INFORMATION,)
    story.given(on(date(2027, 2, 10))).when(lapsed).then("Lapsed")
    assert story.events()[-1].missing == (Missing.INFORMATION,)


def test_each_request_is_warned_of_anew() -> None:
    story = Story().given(filed, on(WARNING_DAY), warned, paid, seen, begun, asked, days_pass(31))
    story.when(lapsed).refused(NotWarned)
    story.given(warned, answered, asked, days_pass(40)).when(lapsed).refused(NotWarned)


def test_a_lapse_gives_the_fee_back_only_by_setting_and_before_the_term() -> None:
    gives = replace(RULES, refunded_endings=frozenset({State.LAPSED}))
    ending = (on(AFTER), warned, days_pass(8))
    story = Story(gives).given(filed, paid, *ending).when(lapsed).then("Lapsed", "RefundDue")
    assert story.last("RefundDue").reason is RefundReason.LAPSED
    Story().given(filed, paid, *ending).when(lapsed).then("Lapsed")
    Story(gives).given(filed, paid, seen, begun, asked, *ending, days_pass(30)).when(lapsed).then("Lapsed")


def test_nothing_comes_after_a_lapse_but_money_that_goes_back() -> None:
    story = Story().given(filed, on(AFTER), warned, days_pass(8))
    order = story.order()
    story.given(lapsed)
    story.when(seen).refused(ApplicationEnded, state=State.LAPSED)
    story.when(withdrawn).refused(ApplicationEnded, state=State.LAPSED)
    story.when(lapsed).refused(NothingMissing).when(warned).refused(NothingMissing)
    story.when(lambda s: s.settle(order)).then("RefundDue").when(paid_in_cash()).then("RefundDue")
    story.and_state(State.LAPSED)


def test_nothing_lapses_while_the_applicant_talks_with_an_operator() -> None:
    story = Story().given(filed, paid, on(AFTER), warned, days_pass(8))
    call = story.talk()
    story.when(lapsed).refused(CallInProgress)
    story.bar.abandon(story.act(story.holder), call=call)
    story.when(lapsed).then("Lapsed")


def test_a_lapse_ends_the_call_that_waits() -> None:
    story = Story().given(filed, paid, on(AFTER), warned, days_pass(8), broken_off)
    call = story.queue.entered[-1]
    assert story.office.load(Call, call).phase is Phase.WAITING
    story.when(lapsed).then("Lapsed")
    assert story.office.load(Call, call).phase is Phase.OVER


def test_who_entered_the_bar_in_time_does_not_lapse_for_the_length_of_the_queue() -> None:
    story = Story().given(filed, paid, on(WARNING_DAY), warned, on(LAST_DAY, 23))
    call = story.enter()
    story.given(on(AFTER, 0)).when(lapsed).refused(CallInProgress)
    story.given(broken_off).when(lapsed).refused(CallInProgress)
    story.bar.claim_next(story.act(NINO))
    story.bar.abandon(story.act(NINO), call=call)
    story.when(lapsed).then("Lapsed")


def test_a_place_in_the_queue_saves_nobody_who_did_not_pay() -> None:
    story = Story().given(filed, on(WARNING_DAY), warned, on(LAST_DAY))
    call = story.enter()
    story.given(on(AFTER)).when(lapsed).then("Lapsed")
    assert story.office.history(call)[-1].reason is Leaving.CASE_CLOSED


def test_a_card_payment_begun_in_time_is_waited_for_until_the_bank_has_said_its_last_word() -> None:
    story = Story().given(filed, seen, on(WARNING_DAY), warned, on(LAST_DAY, 23))
    order = story.order()
    story.given(on(AFTER, 0)).when(lapsed).refused(PaymentUnderWay)
    story.when(lambda s: s.settle(order)).then("Paid").when(lapsed).refused(NothingMissing)


def test_no_order_holds_up_a_lapse_for_longer_than_its_life_or_if_it_came_too_late() -> None:
    story = Story().given(filed, seen, on(WARNING_DAY), warned, on(LAST_DAY, 23))
    story.order()
    story.given(on(date(2026, 12, 24), 23)).when(lapsed).refused(PaymentUnderWay)
    story.order()
    story.given(on(date(2026, 12, 25), 1)).when(lapsed).then("Lapsed")


def test_a_declined_order_holds_up_nothing() -> None:
    story = Story().given(filed, seen, on(WARNING_DAY), warned, on(LAST_DAY, 23))
    order = story.order()
    declined = BankOrder(order, OrderStatus.DECLINED)
    story.payments.settle(story.act(system("bank")), payment=order, bank_answer=declined)
    story.given(on(AFTER, 0)).when(lapsed).then("Lapsed")


def test_a_warning_that_was_not_heard_is_given_again_and_moves_the_day() -> None:
    story = Story().given(filed, on(WARNING_DAY), warned, on(AFTER))
    story.when(lambda s: s.commands.warn(s.act(DEADLINES), case=s.case, unheard=True)).then("ExpiryWarned")
    assert story.last("ExpiryWarned").lapses_after == date(2026, 12, 31)
    story.when(lapsed).refused(NotYetLapsed, lapses_after=date(2026, 12, 31))
    early = Story().given(filed)
    early.when(lambda s: s.commands.warn(s.act(DEADLINES), case=s.case, unheard=True)).refused(TooEarlyToWarn)


def test_a_call_taken_in_the_same_moment_wins_against_the_lapse() -> None:
    story = Story().given(filed, paid, on(AFTER), warned, days_pass(8))
    story.enter()
    story.office.ledger.before_next_append = lambda: story.bar.claim_next(story.act(NINO))
    story.when(lapsed).refused(CallInProgress)


def test_a_payment_in_the_same_moment_wins_against_the_lapse() -> None:
    story = Story().given(filed, seen, on(AFTER), warned, days_pass(8))
    story.office.ledger.before_next_append = lambda: paid(story)
    try:
        lapsed(story)
    except NothingMissing:
        story.and_state(State.IN_TERM)
    else:
        pytest.fail("the case lapsed although it was paid")


def test_to_be_warned_of_something_else_is_not_to_be_warned() -> None:
    with pytest.raises(NotWarned):
        refuse_unless_lapsed({Missing.CALL, Missing.FEE}, {Missing.FEE}, LAST_DAY, AFTER)
