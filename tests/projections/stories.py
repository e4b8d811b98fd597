"""A dozen applicants: between them every event of the three services that a read model shows."""

from __future__ import annotations

from datetime import timedelta

from histories import RealStory
from story import (
    ANA,
    KETEVAN,
    NINO,
    OTAR,
    answered,
    asked,
    assigned_to,
    attached_by,
    begun,
    code_reissued,
    concluded,
    consent_taken_back,
    consented,
    days_pass,
    decided,
    extended_by,
    filed,
    filed_with,
    lapsed,
    paid,
    paid_in_cash,
    received,
    refused_by_operator,
    seen,
    warned,
    withdrawn,
)
from taxpayer_stage import Stage
from taxpayer_stories import activated, not_activated

from domain.compatriot.form import Tier
from domain.consents import ConsentKind
from domain.payments.bank import BankOrder, OrderStatus
from domain.people import Actor, Role, system
from domain.videobar.checks import Check, Checks, Verdict
from domain.videobar.terms import BreakOff

CASHIER = Actor("person-lali", Role.CASHIER)


def granted(story: RealStory) -> None:
    story.given(filed, paid, seen, assigned_to(OTAR), begun, attached_by(OTAR), asked, days_pass(6), answered)
    story.given(extended_by(10), concluded, decided, received)


def decided_not_received(story: RealStory) -> None:
    story.given(filed_with(tier=Tier.EXPEDITED), seen, paid_in_cash("100.00"), begun, concluded, decided)


def information_awaited(story: RealStory) -> None:
    story.given(filed, paid, seen, begun, asked)


def in_term(story: RealStory) -> None:
    story.given(filed, consented(ConsentKind.NEWS), code_reissued, consent_taken_back(ConsentKind.NEWS), paid, seen)


def unseen(story: RealStory) -> None:
    story.given(filed, paid)


def waiting(story: RealStory) -> None:
    story.given(filed)
    story.enter()


def broken_off_once(story: RealStory) -> None:
    story.given(filed)
    call = story.talk()
    made = Check(story.application.identity_source, Verdict.MATCHES)
    story.bar.record_checks(story.act(NINO), call=call, checks=Checks(surname=made), will="მსურს")
    story.bar.break_off(story.act(NINO), call=call, reason=BreakOff.NO_PICTURE)


def reception_refused(story: RealStory) -> None:
    story.given(filed, paid, refused_by_operator)


def lapsed_unpaid(story: RealStory) -> None:
    story.given(filed, days_pass(24), warned, days_pass(8), lapsed)


def withdrawn_early(story: RealStory) -> None:
    story.given(filed, withdrawn)


def in_suspense(story: RealStory) -> None:
    story.given(filed, paid_in_cash("49.00"))


def paid_twice(story: RealStory) -> None:
    story.given(filed, paid, paid_in_cash())
    due = next(event.payment for event in reversed(story.events()) if type(event).__name__ == "RefundDue")
    story.payments.order_refund(story.act(CASHIER), payment=due)


def paid_twice_and_sent_back(story: RealStory) -> None:
    paid_twice(story)
    due = next(event.payment for event in reversed(story.events()) if type(event).__name__ == "RefundDue")
    story.payments.refunded(story.act(system("bank")), payment=due, bank_transaction=f"R{story.transactions}")


def order_expired(story: RealStory) -> None:
    story.given(filed)
    order = story.order()
    story.office.later(timedelta(days=2))
    story.payments.expire(story.act(system("deadlines")), payment=order)


def chief_reassigns(story: RealStory) -> None:
    story.given(filed, paid, seen, assigned_to(OTAR, KETEVAN), begun, assigned_to(ANA, KETEVAN), attached_by(ANA))


def left_the_queue(story: RealStory) -> None:
    story.given(filed)
    story.bar.abandon(story.act(story.holder), call=story.enter())


def order_declined(story: RealStory) -> None:
    story.given(filed)
    order = story.order()
    answer = BankOrder(order, OrderStatus.DECLINED)
    story.payments.settle(story.act(system("bank")), payment=order, bank_answer=answer)


def at_the_taxpayers_bar(stage: Stage) -> None:
    """One is being seen, and one waits."""
    stage.files("seen now", username="seen-just-now", identification="01001000008")
    stage.queue.entered.clear()
    call = stage.calls("seen now")
    stage.clarifies(call, "seen now", caller=stage.standing("01001000008"))
    stage.files("waits", username="waits-for-it", identification="01001000009", mobile="577000009")
    stage.enters("waits")


TAXPAYERS = (activated, not_activated, at_the_taxpayers_bar)
"""Told after each other: what the first leaves, the next finds."""

ALL = (
    granted,
    decided_not_received,
    information_awaited,
    in_term,
    unseen,
    waiting,
    broken_off_once,
    reception_refused,
    lapsed_unpaid,
    withdrawn_early,
    in_suspense,
    paid_twice,
    paid_twice_and_sent_back,
    order_expired,
    chief_reassigns,
    left_the_queue,
    order_declined,
)
