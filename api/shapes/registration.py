"""The registration form of a taxpayer as it is sent and as it is shown, and a registration as its holder sees it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Self

import strawberry

from api.shapes.bar import BarView
from api.shapes.case import CallPlaceView, ConsentView, NoticeView
from domain.language import Language
from domain.number import group_number
from domain.taxpayer import form as filed
from domain.taxpayer.form import TaxpayerKind
from domain.taxpayer.password import NewPassword
from domain.taxpayer.state import RefusalGround, RegistrationState, Route
from domain.videobar import terms

PASSWORD = "More than 6 characters, of them a digit, a capital and a small letter; none of the common ones."  # noqa: S105 - no secret


@strawberry.input(description="The registration form. Everything that is wrong with it is answered at once, by field.")
class RegistrationFormInput:
    username: str = strawberry.field(description="7 to 64 characters: Georgian or Latin letters, digits, a few marks.")
    identification: str = strawberry.field(description="A person's number, 11 digits, or a legal person's code, 9.")
    password: str = strawberry.field(description=PASSWORD)
    repeated_password: str
    mobile: str = strawberry.field(description="5XXXXXXXX, confirmed before by the code that was sent to it.")
    email: str = strawberry.field(description="Confirmed before by the code that was mailed to it.")
    language: Language = strawberry.field(description="Of every message to the taxpayer.")

    def form(self) -> filed.Form:
        """The form as the domain takes it; what is wrong with it is found there."""
        return filed.Form(
            username=self.username,
            identification=self.identification,
            mobile=self.mobile,
            email=self.email,
            language=self.language,
        )

    def new_password(self) -> NewPassword:
        """The password as it was typed, twice."""
        return NewPassword(self.password, self.repeated_password)


@strawberry.type(description="The registration form as it was filed.")
class RegistrationForm:
    username: str
    identification: str
    kind: TaxpayerKind
    mobile: str = strawberry.field(description="E.164.")
    email: str
    language: Language

    @classmethod
    def of(cls, form: filed.Form) -> Self:
        return cls(
            username=form.username,
            identification=form.identification,
            kind=form.kind,
            mobile=form.mobile,
            email=form.email,
            language=form.language,
        )


@strawberry.input(description="Who calls, told before the call for the consultant to compare.")
class DeclaredInput:
    first_name: str
    surname: str
    personal_number: str
    mobile: str
    legal_code: str | None = strawberry.field(
        default=None, description="Of the legal person on whose behalf one calls; null on one's own."
    )

    def declared(self) -> terms.Declared:
        return terms.Declared(self.first_name, self.surname, self.personal_number, self.mobile, self.legal_code)


@strawberry.type(description="Who the caller says that they are.")
class Caller:
    first_name: str
    surname: str
    personal_number: str
    mobile: str
    legal_code: str | None

    @classmethod
    def of(cls, declared: terms.Declared) -> Self:
        return cls(
            first_name=declared.first_name,
            surname=declared.surname,
            personal_number=declared.personal_number,
            mobile=declared.mobile,
            legal_code=declared.legal_code,
        )


@strawberry.type(description="A way to activate the registration that is open to it now.")
class ActivationWay:
    route: Route
    bar: BarView | None = strawberry.field(description="Of the video bar: whether one may enter, and when next.")


@strawberry.type(description="An activation link that was sent, and to which address.")
class LinkSent:
    to: str | None = strawberry.field(description="Masked; the one that the public registry holds, never one typed in.")
    opens_until: datetime


@strawberry.type(description="Why activation was refused. For NO_VISUAL_CONTACT only the video bar is closed to it.")
class ActivationRefused:
    ground: RefusalGround
    reasons: str | None


@strawberry.type(description="One registration: what was filed, where it stands, by which ways it is activated.")
class RegistrationStatus:
    token: str = strawberry.field(description="How far the ledger was followed when this was read.")
    number: str | None
    registration_state: RegistrationState
    registered_at: datetime
    activation_until: date | None = strawberry.field(
        description="The last Tbilisi day on which it may be activated; null once the personal data are erased."
    )
    ways: list[ActivationWay] = strawberry.field(description="Empty once it is active or has ended.")
    activated_by: Route | None
    form: RegistrationForm | None = strawberry.field(description="Null once the personal data are erased.")
    consents: list[ConsentView]
    link: LinkSent | None = strawberry.field(description="The newest activation link, while it opens.")
    call: CallPlaceView | None
    activation_refused: ActivationRefused | None
    notices: list[NoticeView]


def grouped(number: str | None) -> str | None:
    """A case's number as people read it."""
    return group_number(number) if number else None
