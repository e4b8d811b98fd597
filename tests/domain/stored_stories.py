"""The stories whose events are kept in `stored/`: together they hold every event class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import taxpayer_stories
from memory_office import CASHIER
from story import (
    ANA,
    CONSENTS,
    DEADLINES,
    KETEVAN,
    NINO,
    OTAR,
    RULES,
    Story,
    answered_with,
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
    decided_by,
    enclosed,
    erased,
    erasure_requested,
    extended_by,
    filed,
    filed_with,
    lapsed,
    on,
    paid,
    paid_in_cash,
    received,
    refused_by_operator,
    seen,
    warned,
    withdrawn,
)
from taxpayer_stage import Stage

from domain.compatriot.decision import Outcome
from domain.compatriot.documents import DocumentKind
from domain.compatriot.form import Channel, Grounds, Tier
from domain.compatriot.state import ENDED
from domain.consents import Consent, ConsentKind
from domain.language import Language
from domain.payments.bank import BankOrder, OrderStatus
from domain.staff.commands import Commands as Staff
from domain.staff.reading import Purpose
from domain.videobar.terms import Channel as Line
from domain.videobar.terms import Side

ALL_REFUNDED = replace(RULES, refunded_endings=frozenset(ENDED))


def granted() -> Story:
    """Everything that may happen on the way to a decision."""
    return Story().given(
        filed,
        consented(ConsentKind.NEWS),
        consent_taken_back(ConsentKind.NEWS),
        code_reissued,
        on(date(2026, 12, 20)),
        warned,
        paid,
        seen,
        paid_in_cash(),
        assigned_to(ANA),
        assigned_to(OTAR),
        begun,
        asked,
        days_pass(12),
        answered_with("ახლავს.\nმადლობა.", enclosed(DocumentKind.INFORMATION)),
        attached_by(OTAR),
        extended_by(15),
        concluded,
        decided,
        days_pass(1),
        received,
    )


def refused() -> Story:
    """A citizen of Georgia, expedited, in English; paid in cash, seen first, refused."""
    form = filed_with(
        citizenships=("GE", "TR"),
        personal_number="01001012345",
        grounds=Grounds(citizen_abroad=True),
        tier=Tier.EXPEDITED,
        language=Language.EN,
        channel=Channel.CASH,
        consents=(*CONSENTS, Consent(ConsentKind.NEWS, "v1", Language.EN)),
    )
    return Story().given(form, broken_off, seen, paid_in_cash(), begun, concluded, decided_by(KETEVAN, Outcome.REFUSED))


def not_received() -> Story:
    """Reception refused on reasoned doubt; the fee is due back and sent back."""
    story = Story().given(filed, paid, refused_by_operator)
    payment = story.last("RefundDue").payment
    story.payments.order_refund(story.act(CASHIER), payment=payment)
    story.payments.refunded(story.act(CASHIER), payment=payment, bank_transaction="R1")
    return story


def not_seen() -> Story:
    """Refused for want of visual contact."""
    return Story().given(filed, broken_off, broken_off, broken_off)


def forgotten() -> Story:
    """Paid, warned, lapsed; the fee is due back by the setting of that day."""
    return Story(ALL_REFUNDED).given(filed, paid, on(date(2027, 1, 15)), warned, days_pass(8), lapsed)


def taken_back() -> Story:
    """Withdrawn; money that comes later is due back."""
    return Story().given(filed, withdrawn, paid_in_cash())


def at_bar_and_till() -> Story:
    """What else may happen to calls, orders and cash, and a reading of what was said."""
    story = Story().given(filed)
    bar, till, desk = story.bar, story.payments, story.act(DEADLINES).by
    bar.abandon(story.act(story.holder), call=story.enter())
    call = story.talk()
    bar.connected(story.act(NINO), call=call, side=Side.OPERATOR, channel=Line.VIDEO)
    began = story.office.ledger.clock
    story.given(days_pass(1))
    bar.store_recording(
        story.act(desk),
        call=call,
        file=story.subjects.mint(),
        side=Side.OPERATOR,
        began=began,
        ended=story.act(desk).now,
    )
    bar.take_back(story.act(desk), call=call)

    order = story.order()
    story.given(days_pass(1))
    till.expire(story.act(desk), payment=order)
    story.given(days_pass(1))
    till.settle(story.act(desk), payment=order, bank_answer=BankOrder(order, OrderStatus.UNKNOWN))

    story.given(paid_in_cash("50.00", "თამარის საფასური"), paid_in_cash("49.50"))
    told = story.office.recorder.select_notifications(1, 10_000)
    unknown, wrong = (row.originator_id for row in told if row.topic == "payments.Payment.PutInSuspense")
    till.match(story.act(CASHIER), payment=unknown, case=story.case, reasons="დეიდამ დარეკა")
    till.order_refund(story.act(CASHIER), payment=wrong)
    till.refunded(story.act(desk), payment=wrong, bank_transaction="R-2")

    subjects = [story.application.subject]
    Staff(story.office).read(story.act(OTAR), subjects=subjects, purpose=Purpose.REVIEW, what="case")
    return story


def forgotten_by_right() -> Story:
    """Seen and paid, withdrawn, erased; money that comes by card all the same waits, and a cashier sends it back."""
    story = Story().given(filed)
    order = story.order()
    story.given(seen, paid_in_cash(), withdrawn, days_pass(30), erasure_requested, erased)
    story.settle(order)
    story.payments.order_refund(story.act(CASHIER), payment=order)
    story.payments.refunded(story.act(DEADLINES), payment=order, bank_transaction="R3")
    return story


STORIES: dict[str, Callable[[], Any]] = {
    "granted-2026-11": granted,
    "refused-2026-11": refused,
    "not-received-2026-11": not_received,
    "not-seen-2026-11": not_seen,
    "forgotten-2026-11": forgotten,
    "taken-back-2026-11": taken_back,
    "bar-and-till-2026-11": at_bar_and_till,
    "erased-2026-11": forgotten_by_right,
    "taxpayers-activated-2026-11": lambda: taxpayer_stories.activated(Stage()),
    "taxpayers-seen-again-2026-11": lambda: taxpayer_stories.seen_again(Stage()),
    "taxpayers-not-activated-2026-11": lambda: taxpayer_stories.not_activated(Stage()),
    "taxpayers-erased-2026-11": lambda: taxpayer_stories.forgotten(Stage()),
}
"""A story is told once and stored; a later one, of changed events, is added under another name."""
