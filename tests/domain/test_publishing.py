"""What may be listed as public: what is of a closed type, and what is sealed only where it is opened on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from domain.compatriot.form import Grounds, Tier
from domain.event import Personal
from domain.payments.money import Money
from domain.publishing import NotPublishable, Published, Term, public_facts, published
from ledger.topics import event_classes

NEVER = ("taxpayer.Username.", "staff.Reading.")


@dataclass(frozen=True)
class Inner:
    grounds: Grounds
    word: str


@dataclass(frozen=True)
class Filed:
    case: UUID
    owner: Personal[UUID]
    tier: Tier
    tiers: tuple[Tier, ...] | None
    count: int
    yes: bool
    fee: Money
    word: str
    words: tuple[str, ...]
    raw: bytes
    day: date
    at: datetime
    sum: Decimal
    inner: Inner
    form: Personal[Inner]
    sealed_tier: Personal[Tier | None]
    due: Personal[date | None]


def facts_of(listed: Published) -> list[str]:
    kind = type("Listed", (Filed,), {"PUBLIC": listed})
    return [fact.name for fact in public_facts(kind)]


def test_closed_types_may_be_listed():
    listed = Published(1, "tier", "tiers", "count", "yes", "fee", "inner.grounds", case="case")
    assert facts_of(listed) == ["count", "fee", "grounds", "tier", "tiers", "yes"]
    assert facts_of(Published(1, opens=("form.grounds", "sealed_tier"))) == ["grounds", "sealed_tier"]


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        (Published(1, "case"), "may hold anything"),
        (Published(1, "word"), "may hold anything"),
        (Published(1, "words"), "may hold anything"),
        (Published(1, "raw"), "may hold anything"),
        (Published(1, "day"), "may hold anything"),
        (Published(1, "at"), "may hold anything"),
        (Published(1, "sum"), "may hold anything"),
        (Published(1, "inner"), "may hold anything"),
        (Published(1, "fee.currency"), "may hold anything"),
        (Published(1, opens=("form",)), "may hold anything"),
        (Published(1, opens=("form.word",)), "may hold anything"),
        (Published(1, "form.grounds"), "is sealed"),
        (Published(1, "sealed_tier"), "is sealed"),
        (Published(1, opens=("tier",)), "nothing to open"),
        (Published(1, "colour"), "there is no colour"),
        (Published(1, "tier.colour"), "there is no colour"),
        (Published(1, "inner.grounds", opens=("form.grounds",)), "under one name"),
        (Published(1, "tier", case="tier"), "names no case"),
        (Published(1, "tier", case="owner"), "names no case"),
        (Published(1, term=Term("due", lambda due: due)), "says no term"),
        (Published(1, term=Term("colour", lambda due: due)), "says no term"),
    ],
)
def test_nothing_else_may(listed, why):
    with pytest.raises(NotPublishable, match=why):
        facts_of(listed)


def test_every_list_of_the_domain_stands_and_what_must_never_leave_has_none():
    ours = {topic: kind for topic, kind in event_classes().items() if kind.__module__.startswith("domain.")}
    listed = {topic: published(kind) for topic, kind in ours.items()}
    assert len([one for one in listed.values() if one is not None]) > 40
    for topic, kind in ours.items():
        public_facts(kind)
        if topic.startswith(NEVER) or topic.endswith((".ErasureRequested", ".PersonalDataErased", ".CashReceived")):
            assert published(kind) is None
    opened = {topic: one.opens for topic, one in listed.items() if one is not None and one.opens}
    assert opened == {"compatriot.Application.Registered": ("form.grounds",)}
