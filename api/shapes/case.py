"""A case as its holder sees it by number and code."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Self
from uuid import UUID

import strawberry

from api.shapes.form import FiledForm
from api.shapes.money import Money, Payment, RefundView
from api.shapes.papers import Said
from domain.compatriot import documents
from domain.compatriot.documents import DocumentKind
from domain.compatriot.state import Missing, State
from domain.compatriot.term import DueStep as Step
from domain.compatriot.term import TermRule
from domain.consents import ConsentKind
from domain.language import Language
from domain.videobar.case import Ground
from domain.videobar.terms import Phase as CallPhase
from projections.queue import CallPlace


@strawberry.type(description="A file of the case.")
class Document:
    id: UUID
    kind: DocumentKind
    media_type: str
    size: int = strawberry.field(description="Bytes.")
    ticket: str | None = strawberry.field(description="POST it to /documents as JSON to download; for 15 minutes.")

    @classmethod
    def of(cls, document: documents.Document, ticket: str | None) -> Self:
        return cls(
            id=document.id, kind=document.kind, media_type=document.media_type, size=document.size, ticket=ticket
        )


@strawberry.type(description="A consent that is in force, and to which text.")
class ConsentView:
    kind: ConsentKind
    version: str
    language: Language = strawberry.field(description="In which the text was shown.")


@strawberry.type(description="One reason of the due date: from this day on, the rule gave or moved it by so many days.")
class DueStep:
    rule: TermRule
    date: date
    days: int

    @classmethod
    def of(cls, step: Step) -> Self:
        return cls(rule=step.rule, date=step.date, days=step.days)


@strawberry.type(description="What was asked, answered or told after registration; `event` names what it came with.")
class SaidView:
    event: str
    at: datetime
    text: str | None
    documents: list[Document]

    @classmethod
    def of(cls, said: Said, shown: list[Document]) -> Self:
        return cls(event=said.event, at=said.at, text=said.text, documents=shown)


@strawberry.type(description="A mail that the office sent or is about to send.")
class NoticeView:
    kind: str
    sent_at: datetime | None


@strawberry.type(description="A call and its place in the queue.")
class CallPlaceView:
    call: UUID
    phase: CallPhase
    ahead: int | None = strawberry.field(description="Calls served before this one; null once it does not wait.")
    expected_wait_seconds: int | None = strawberry.field(
        description="Reckoned from the last 20 talks; null while it is unknown."
    )

    @classmethod
    def of(cls, place: CallPlace) -> Self:
        return cls(
            call=place.call.call,
            phase=place.call.phase,
            ahead=place.ahead,
            expected_wait_seconds=_seconds(place.expected_wait),
        )


@strawberry.type(description="One application: what was filed, where it stands, what is missing, until when and why.")
class CaseStatus:
    token: str = strawberry.field(description="How far the ledger was followed when this was read.")
    number: str | None
    state: State
    missing: list[Missing]
    answer_until: date | None = strawberry.field(description="The last Tbilisi day for what is missing.")
    registered_at: datetime
    form: FiledForm | None = strawberry.field(description="Null once the personal data are erased.")
    documents: list[Document]
    consents: list[ConsentView]
    fee: Money
    cash_reference: str | None
    payments: list[Payment]
    refunds: list[RefundView]
    call: CallPlaceView | None
    said: list[SaidView]
    notices: list[NoticeView]
    term_days: int
    due: list[DueStep] | None = strawberry.field(description="The due date as the list of its reasons.")
    due_on: date | None
    refusal_ground: Ground | None
    refusal: str | None
    decided_at: datetime | None = strawberry.field(description="The decision is handed over by receiveDecision.")
    delivered_at: datetime | None


def _seconds(wait: timedelta | None) -> int | None:
    return None if wait is None else round(wait.total_seconds())
