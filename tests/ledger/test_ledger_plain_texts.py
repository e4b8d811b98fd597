"""Every text that an event keeps unsealed is listed here with its reason: all others are personal."""

from dataclasses import is_dataclass
from typing import Any, NewType, get_args, get_type_hints

import pytest
from ledger_samples import Letter

from ledger.shape import shape_of
from ledger.topics import event_classes

LISTED = {
    "originator_topic": "the aggregate's declared topic",
    "by": "who acted: a draft's or case's id, a claim of the staff's, a part of the office",
    "compatriot.Application.ConsentGiven.version": "a version that the office published",
    "videobar.Call.Requested.consent": "as above",
    "compatriot.Application.VideoVerified.operator": "a claim of the staff's",
    "compatriot.Application.ReviewStarted.officer": "as above",
    "compatriot.Application.Assigned.officer": "as above, held to the form of a claim",
    "compatriot.Application.ConclusionPrepared.officer": "as above",
    "compatriot.Application.Decided.chief": "as above",
    "compatriot.Application.ErasureRequested.asked_by": "as above",
    "taxpayer.Registration.ConsentGiven.version": "a version that the office published",
    "taxpayer.Registration.VideoVerified.consultant": "a claim of the staff's",
    "taxpayer.Registration.VerifiedAtServiceCentre.consultant": "as above",
    "taxpayer.Registration.VerifiedAtServiceCentre.centre": "the office's own name for one of its places",
    "taxpayer.Registration.ErasureRequested.asked_by": "as above",
    "videobar.Call.Requested.service": "a service's own name",
    "compatriot.Application.Decided.paper": "a version of the paper that the office issues",
    "payments.Payment.Succeeded.transaction": "the bank's id, which the books keep beyond an erasure",
    "payments.Payment.CashReceived.transaction": "as above",
    "payments.Payment.RefundOrdered.transaction": "as above",
    "payments.Payment.Refunded.transaction": "as above",
    "staff.Reading.PersonalDataRead.what": "one of the office's own words for what was read",
}
MONEY = "domain.payments.money.Money"
"""Its currency is one of three letters."""


def holds_text(hint: Any) -> bool:
    if isinstance(hint, NewType):
        return holds_text(hint.__supertype__)
    if hint in (str, bytes):
        return True
    if isinstance(hint, type) and is_dataclass(hint):
        inner = get_type_hints(hint).values() if f"{hint.__module__}.{hint.__qualname__}" != MONEY else ()
        return any(map(holds_text, inner))
    return any(map(holds_text, get_args(hint)))


def unsealed_texts() -> set[str]:
    found = set()
    for topic, kind in event_classes().items():
        if not kind.__module__.startswith("domain."):
            continue  # a test's own
        shape = shape_of(kind)
        found |= {
            name if name in LISTED else f"{topic}.{name}"
            for name, hint in shape.hints.items()
            if name not in shape.personal and holds_text(hint)
        }
    return found


def test_every_unsealed_text_is_listed_with_its_reason() -> None:
    assert unsealed_texts() - LISTED.keys() == set()


@pytest.mark.parametrize("kind", [Letter.Written, Letter.Annotated])
def test_the_list_sees_texts_wherever_they_stand(kind: type[Any]) -> None:
    shape = shape_of(kind)
    assert any(holds_text(hint) for name, hint in shape.hints.items() if name != "by")
