"""A call as its operator sees it: what was declared beside what the civil registry or the document says."""

from __future__ import annotations

import base64
from datetime import date, datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

import strawberry

from api.shapes.case import Document
from api.shapes.form import FiledForm
from domain.compatriot.form import Form
from domain.videobar.case import Ground
from domain.videobar.checks import Check, CheckKind, Checks, Source, Verdict
from domain.videobar.registry import RegistryRecord
from domain.videobar.terms import Phase, Side


@strawberry.enum(description="What the civil registry answered.")
class RegistryAnswer(StrEnum):
    FOUND = "FOUND"
    NOT_FOUND = "NOT_FOUND"
    UNAVAILABLE = "UNAVAILABLE"
    """Such checks are NOT_AVAILABLE, which is never a pass."""
    NOT_ASKED = "NOT_ASKED"
    """The applicant has no Georgian personal number."""


@strawberry.type(description="A check that was recorded in this sitting.")
class CheckView:
    kind: CheckKind
    source: Source
    verdict: Verdict

    @classmethod
    def of(cls, kind: CheckKind, check: Check) -> Self:
        return cls(kind=kind, source=check.source, verdict=check.verdict)


@strawberry.type(description="What was declared and what the civil registry says; the operator decides.")
class Comparison:
    kind: CheckKind
    declared: str
    registered: str
    suggested: Verdict


@strawberry.type(description="The person in the civil registry. Shown during the call, stored nowhere.")
class RegistryView:
    surname: str
    first_name: str
    birth_date: date
    citizenships: list[str]
    document_number: str
    document_expires: date | None
    document_cancelled: bool
    former_surnames: list[str]
    died: date | None
    picture: str | None = strawberry.field(description="Base64; null if there is none on record.")
    picture_media_type: str | None

    @classmethod
    def of(cls, record: RegistryRecord) -> Self:
        return cls(
            surname=record.surname,
            first_name=record.first_name,
            birth_date=record.birth_date,
            citizenships=list(record.citizenships),
            document_number=record.document_number,
            document_expires=record.document_expires,
            document_cancelled=record.document_cancelled,
            former_surnames=list(record.former_surnames),
            died=record.died,
            picture=base64.b64encode(record.picture).decode() if record.picture else None,
            picture_media_type=record.picture_media_type or None,
        )


@strawberry.interface(description="The call that one holds, of whatever service.")
class HeldCall:
    id: strawberry.ID
    case: UUID
    phase: Phase
    requested_at: datetime
    claimed_at: datetime | None
    broken_off: int = strawberry.field(description="How often this call was broken off before.")
    connected: list[Side]
    checks: list[CheckView]
    visual_contact: bool
    identity_source: Source = strawberry.field(description="What the declared facts are to be compared with.")
    registry: RegistryView | None
    registry_answer: RegistryAnswer
    comparisons: list[Comparison]
    grounds: list[Ground] = strawberry.field(description="On which its reception may be refused.")


@strawberry.type(description="An applicant's call, as its operator sees it.")
class CallView(HeldCall):
    declared: FiledForm | None
    documents: list[Document]


def recorded_checks(checks: Checks | None) -> list[CheckView]:
    """The checks made so far."""
    if checks is None:
        return []
    return [CheckView.of(kind, check) for kind, check in checks.each() if check is not None]


def comparisons(form: Form, record: RegistryRecord, today: date) -> list[Comparison]:
    """Each declared fact beside the registry's. The picture is compared by eye, and has no line here."""
    document, valid = validity(record, today)
    known = set(record.citizenships)
    return [
        line(CheckKind.SURNAME, form.name_ka.last, record.surname, same(form.name_ka.last, record.surname)),
        line(CheckKind.FIRST_NAME, form.name_ka.first, record.first_name, same(form.name_ka.first, record.first_name)),
        line(
            CheckKind.DOCUMENT_VALIDITY,
            form.document.number,
            document,
            valid and same(form.document.number, record.document_number),
        ),
        line(
            CheckKind.CITIZENSHIP,
            ", ".join(form.citizenships),
            ", ".join(record.citizenships),
            known <= set(form.citizenships),
        ),
    ]


def validity(record: RegistryRecord, today: date) -> tuple[str, bool]:
    """The registry's document in words, and whether it is good on this Tbilisi day, its holder being alive."""
    expires = record.document_expires
    good = not record.document_cancelled and record.died is None and (expires is None or expires >= today)
    return f"{record.document_number} {expires or ''}".strip(), good


def line(kind: CheckKind, declared: str, registered: str, agrees: bool) -> Comparison:
    """One comparison, with what it suggests."""
    return Comparison(
        kind=kind,
        declared=declared,
        registered=registered,
        suggested=Verdict.MATCHES if agrees else Verdict.DIFFERS,
    )


def same(one: str, other: str) -> bool:
    """Whether two names read alike but for capitals and blanks."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
