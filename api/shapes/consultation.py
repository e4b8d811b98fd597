"""A taxpayer's registration as the consultant sees it, in a call or at a service centre."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Self
from uuid import UUID

import strawberry

from api.shapes.call import Comparison, HeldCall, RegistryAnswer, RegistryView, line, same, validity
from api.shapes.registration import Caller, RegistrationForm
from domain.taxpayer.registry import Entry
from domain.taxpayer.state import RegistrationState
from domain.videobar.checks import CheckKind
from domain.videobar.registry import RegistryRecord
from domain.videobar.terms import Declared


@strawberry.type(description="A registration of the same taxpayer: one of them is to live, the others end with it.")
class Sibling:
    id: UUID
    username: str
    mobile: str = strawberry.field(description="That its form confirmed, masked: who filed it holds it.")
    email: str = strawberry.field(description="That its form confirmed, masked.")
    filed_at: datetime
    state: RegistrationState


MORE: Final = "How many more there are, all filed before those that are listed; they end with them."


@strawberry.type(description="The legal person in the public registry. Shown while it is needed, stored nowhere.")
class Representation:
    answer: RegistryAnswer
    name: str | None
    representatives: list[str] = strawberry.field(description="Personal numbers of those who are registered to act.")
    struck_off: bool
    may_represent: bool = strawberry.field(description="Whether this person is registered to act for it.")

    @classmethod
    def of(cls, answer: RegistryAnswer, entry: Entry | None, personal_number: str) -> Self:
        return cls(
            answer=answer,
            name=entry.name if entry is not None else None,
            representatives=list(entry.representatives) if entry is not None else [],
            struck_off=entry is not None and entry.struck_off,
            may_represent=entry is not None and personal_number in entry.may_act,
        )


@strawberry.type(description="A taxpayer's call, as its consultant sees it.")
class RegistrationCallView(HeldCall):
    caller: Caller | None = strawberry.field(description="Null once the personal data are erased.")
    form: RegistrationForm | None
    caller_fits: bool = strawberry.field(description="Whether the declared number, or the legal code, is the form's.")
    mobile_fits: bool = strawberry.field(description="Whether the declared mobile is the confirmed one.")
    siblings: list[Sibling] = strawberry.field(
        description="Those that await activation, this one too; of very many the newest."
    )
    siblings_more: int = strawberry.field(description=MORE)
    representation: Representation | None = strawberry.field(description="Null unless the taxpayer is a legal person.")
    clarified: UUID | None = strawberry.field(description="The one that was clarified in this sitting to live.")


@strawberry.type(description="A registration whose taxpayer, or who represents it, stands before the consultant.")
class RegistrationAtCentre:
    id: strawberry.ID
    number: str
    state: RegistrationState
    filed_at: datetime
    activation_until: date
    form: RegistrationForm
    siblings: list[Sibling]
    siblings_more: int = strawberry.field(description=MORE)
    registry: RegistryView | None
    registry_answer: RegistryAnswer
    representation: Representation | None


def caller_comparisons(declared: Declared, record: RegistryRecord, today: date) -> list[Comparison]:
    """Each declared fact beside the registry's. The picture is compared by eye, and has no line here.

    Source: the procedure, "გვარი, სახელი, მოწმობის მოქმედების ვადა, მოქალაქეობა, სურათი".
    """
    document, valid = validity(record, today)
    return [
        line(CheckKind.SURNAME, declared.surname, record.surname, same(declared.surname, record.surname)),
        line(
            CheckKind.FIRST_NAME, declared.first_name, record.first_name, same(declared.first_name, record.first_name)
        ),
        line(CheckKind.DOCUMENT_VALIDITY, "", document, valid),
        line(CheckKind.CITIZENSHIP, "", ", ".join(record.citizenships), "GE" in record.citizenships),
    ]
