"""The stories whose events are kept in `stored/`: together they hold every event class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from memory_office import CASHIER
from story import (
    ANA,
    CONSENTS,
    KETEVAN,
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

from domain.compatriot.decision import Outcome
from domain.compatriot.documents import DocumentKind
from domain.compatriot.form import Channel, Consent, ConsentKind, Grounds, Language, Tier
from domain.compatriot.state import ENDED

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
        consents=(*CONSENTS, Consent(ConsentKind.NEWS, "v1")),
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


STORIES: dict[str, Callable[[], Story]] = {
    "granted-2026-11": granted,
    "refused-2026-11": refused,
    "not-received-2026-11": not_received,
    "not-seen-2026-11": not_seen,
    "forgotten-2026-11": forgotten,
    "taken-back-2026-11": taken_back,
}
"""A story is told once and stored; a later one, of changed events, is added under another name."""
