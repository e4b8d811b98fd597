"""Erasure of a case's personal data: who may, when, and that nothing happens in the case afterwards but money kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from memory_office import CASHIER, names
from story import (
    ANA,
    DEADLINES,
    GURAM,
    IRMA,
    KETEVAN,
    NINO,
    OTAR,
    RULES,
    Story,
    answered,
    asked,
    assigned_to,
    attached_by,
    begun,
    broken_off,
    code_reissued,
    concluded,
    consent_taken_back,
    consented,
    days_pass,
    decided,
    erased,
    erasure_requested,
    erasure_requested_by,
    extended_by,
    filed,
    lapsed,
    paid,
    paid_in_cash,
    received,
    refused_by_operator,
    seen,
    warned,
    withdrawn,
)

from domain.compatriot.retention import MoneyDueBack, StillConsidered
from domain.compatriot.state import ENDED, State
from domain.consents import ConsentKind
from domain.erasure import ARTICLE, ErasureNeedsAnother, ErasureUnderWay, LegalGround, PersonalDataGone
from domain.event import ERASED
from domain.office import SubjectGone, UnknownCase
from domain.payments.payment import Payment
from domain.payments.terms import Doubt, Phase
from domain.people import Actor, Role
from domain.roles import NotForThisRole
from domain.videobar.call import Call

ALL_REFUNDED = replace(RULES, refunded_endings=frozenset(ENDED))


def granted(story: Story) -> Story:
    return story.given(filed, paid, seen, begun, concluded, decided, received)


def test_two_persons_erase_a_decided_case() -> None:
    story = granted(Story())
    story.when(erasure_requested).then("ErasureRequested")
    event = story.last("ErasureRequested")
    assert (event.asked_by, event.by, event.ground) == (IRMA.id, GURAM, LegalGround.DATA_SUBJECT_REQUEST)
    story.when(erased).then("PersonalDataErased").and_state(State.DELIVERED)
    assert story.last("PersonalDataErased").subjects == (story.application.subject,)


def test_it_is_said_in_the_streams_of_calls_and_payments_too() -> None:
    story = Story().given(filed, broken_off, seen, paid_in_cash(), withdrawn, erasure_requested)
    found = story.erasures.belongings(story.case)
    assert len(found.calls) == 1
    assert len(found.payments) == 2  # the card order that came with the form, and the cash
    for stream in (*found.calls, *found.payments):
        assert story.office.story(stream.id)[-1] == "ErasureRequested"
    assert all(call.will is ERASED and call.is_forgotten for call in found.calls)
    cash = next(payment.subject for payment in found.payments if payment.received is not None)
    assert set(found.subjects) == {found.case.subject, cash}
    assert len(found.files) == 4


@pytest.mark.parametrize(
    "course",
    [
        (filed,),
        (filed, paid),
        (filed, paid, seen),
        (filed, paid, seen, begun, asked),
        (filed, paid, seen, begun, concluded),
    ],
)
def test_what_is_still_considered_is_not_erased(course: Any) -> None:
    story = Story().given(*course)
    story.when(erasure_requested).refused(StillConsidered, state=story.application.state)
    story.given(withdrawn).when(erasure_requested).then("ErasureRequested")


def test_whoever_is_owed_money_gets_it_first() -> None:
    story = Story(ALL_REFUNDED).given(filed, paid, withdrawn)
    story.when(erasure_requested).refused(MoneyDueBack)
    payment = story.last("RefundDue").payment
    story.payments.order_refund(story.act(CASHIER), payment=payment)
    story.when(erasure_requested).refused(MoneyDueBack)
    story.payments.refunded(story.act(DEADLINES), payment=payment, bank_transaction="R1")
    story.when(erasure_requested).then("ErasureRequested")


@pytest.mark.parametrize("by", [OTAR, KETEVAN, NINO, CASHIER, DEADLINES, Actor("person-irma", Role.AUDITOR)])
def test_only_data_protection_officers_confirm(by: Actor) -> None:
    story = granted(Story())
    story.when(erasure_requested_by(by)).refused(NotForThisRole, needed=Role.DATA_PROTECTION)
    story.when(
        lambda story: story.erasures.check(story.act(by), case=story.case, ground=LegalGround.DATA_SUBJECT_REQUEST)
    ).refused(NotForThisRole)


def test_one_person_is_not_two_by_whatever_account() -> None:
    granted(Story()).when(erasure_requested_by(IRMA, IRMA.id)).refused(ErasureNeedsAnother)


def test_only_the_office_says_that_it_is_done() -> None:
    story = granted(Story()).given(erasure_requested)

    def by_a_person(story: Story) -> None:
        story.erasures.finish(story.act(GURAM), case=story.case, subjects=())

    story.when(by_a_person).refused(NotForThisRole, needed=Role.SYSTEM)


def test_twice_is_the_same() -> None:
    story = granted(Story()).given(erasure_requested)
    story.when(erasure_requested).refused(ErasureUnderWay)
    story.given(erased).when(erased).then()
    story.when(erasure_requested).refused(PersonalDataGone)


def test_nothing_unasked_for_is_said_to_be_done() -> None:
    granted(Story()).when(erased).then()


def test_an_unknown_case_is_unknown() -> None:
    story = Story()
    story.case = story.subjects.mint()
    for step in (erasure_requested, erased):
        with pytest.raises(UnknownCase):
            step(story)


STEPS: dict[str, Callable[[Story], Any]] = {
    "consent": consented(ConsentKind.NEWS),
    "consent again": consented(ConsentKind.PERSONAL_DATA),
    "consent withdrawn": consent_taken_back(ConsentKind.NEWS),
    "code": code_reissued,
    "answer": answered,
    "withdraw": withdrawn,
    "receive": received,
    "review": begun,
    "ask": asked,
    "attach": attached_by(OTAR),
    "conclude": concluded,
    "assign": assigned_to(ANA),
    "extend": extended_by(3),
    "decide": decided,
    "warn": warned,
    "lapse": lapsed,
    "enter": lambda story: story.enter(),
}


@pytest.mark.parametrize("name", STEPS)
def test_nothing_else_happens_in_the_case(name: str) -> None:
    story = granted(Story()).given(erasure_requested)
    story.when(STEPS[name]).refused(ErasureUnderWay)
    story.given(erased).when(STEPS[name]).refused(PersonalDataGone)
    with pytest.raises(UnknownCase):
        story.commands.code_of(story.application.id)


def test_the_fence_holds_what_a_method_forgot_to_ask() -> None:
    story = granted(Story()).given(erasure_requested)
    application = story.application
    with pytest.raises(ErasureUnderWay):
        application.record(application.CodeReissued, story.act(story.holder), code_version=1, code_issue=9)
    assert not application.pending_events


def test_who_waits_at_the_bar_is_called_no_more() -> None:
    story = Story().given(filed)
    call = story.enter()
    story.given(withdrawn, erasure_requested)
    found = story.office.load(Call, call)
    assert found.is_over
    with pytest.raises(PersonalDataGone):
        found.store_recording(
            story.act(DEADLINES), file=call, side=None, began=story.act(NINO).now, ended=story.act(NINO).now
        )


def test_a_call_that_was_left_open_is_ended_with_it() -> None:
    """Nothing leaves one open today; should something, nobody sits in front of a person who is erased."""
    story = Story().given(filed)
    call = story.office.load(Call, story.enter())
    call.request_erasure(story.act(GURAM))
    assert names(call.collect_events())[-2:] == ["Abandoned", "ErasureRequested"]


@pytest.mark.parametrize("done", [(), (erased,)], ids=["under way", "done"])
def test_money_that_comes_late_by_card_waits_for_a_cashier(done: Any) -> None:
    story = Story().given(filed)
    order = story.order()
    whose = story.office.load(Payment, order).subject
    story.given(withdrawn, erasure_requested, *done).when(lambda story: story.settle(order)).then()
    payment = story.office.load(Payment, order)
    assert (payment.phase, payment.case) == (Phase.SUSPENSE, None)
    assert payment.subject not in {whose, None}
    assert story.office.history(order)[-1].doubt is Doubt.CASE_ERASED
    assert payment.subject not in story.erasures.belongings(story.case).subjects
    story.payments.order_refund(story.act(CASHIER), payment=order)
    story.payments.refunded(story.act(DEADLINES), payment=order, bank_transaction="R1")
    assert story.office.load(Payment, order).phase is Phase.REFUNDED


def test_the_bank_says_it_twice_and_it_counts_once() -> None:
    story = Story().given(filed)
    order = story.order()
    story.given(withdrawn, erasure_requested, erased)
    story.settle(order)
    before = story.office.story(order)
    story.transactions -= 1
    story.settle(order)
    assert story.office.story(order) == before


def test_cash_that_comes_late_waits_for_a_cashier_and_is_matched_no_more() -> None:
    story = Story().given(filed)
    reference = str(story.application.cash_reference)
    story.given(withdrawn, erasure_requested).when(paid_in_cash("50.00", reference)).then()
    cash = story.office.find("bank-transaction", f"C{story.transactions}")
    assert cash is not None
    assert story.office.load(Payment, cash).phase is Phase.SUSPENSE

    def matched(story: Story) -> None:
        story.payments.match(story.act(CASHIER), payment=cash, case=story.case, reasons="დეიდა")

    story.when(matched).refused(ErasureUnderWay)
    story.given(erased).when(matched).refused(PersonalDataGone)


def test_an_order_left_open_still_runs_out() -> None:
    story = Story().given(filed)
    order = story.order()
    story.given(withdrawn, erasure_requested, erased, days_pass(2))
    story.payments.expire(story.act(DEADLINES), payment=order)
    assert story.office.load(Payment, order).phase is Phase.EXPIRED


def test_what_is_said_of_somebody_whose_key_is_gone_is_refused() -> None:
    story = granted(Story())

    def gone(*_: Any, **__: Any) -> None:
        raise SubjectGone

    story.office.save = gone
    story.when(code_reissued).refused(PersonalDataGone)


def test_every_ground_names_its_article() -> None:
    assert set(ARTICLE) == set(LegalGround)
    story = Story().given(filed, refused_by_operator)
    story.when(erasure_requested_by(GURAM, ground=LegalGround.COMPLAINT_UPHELD)).then("ErasureRequested")
