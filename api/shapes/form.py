"""The application form: as it is sent, and as it is shown."""

from __future__ import annotations

from datetime import date
from typing import Self

import strawberry

from domain import consents
from domain.compatriot import form as filed
from domain.compatriot.form import Channel, IdentityKind, Sex, Tier
from domain.consents import ConsentKind
from domain.language import Language

SHOWN_IN = "The language in which the text was shown; null: the one of Accept-Language, as `office` shows it."
"""Of a consent."""


@strawberry.input
class NameInput:
    first: str
    last: str

    def name(self) -> filed.Name:
        return filed.Name(self.first, self.last)


@strawberry.input
class IdentityDocumentInput:
    kind: IdentityKind
    number: str
    issuer: str = strawberry.field(description="The issuing state, ISO 3166-1 alpha-2.")
    expires: date | None = None

    def document(self) -> filed.IdentityDocument:
        return filed.IdentityDocument(self.kind, self.number, self.issuer, self.expires)


@strawberry.input
class AddressInput:
    country: str = strawberry.field(description="ISO 3166-1 alpha-2.")
    city: str
    line: str
    postcode: str | None = None

    def address(self) -> filed.Address:
        return filed.Address(self.country, self.city, self.line, self.postcode)


@strawberry.input(
    description="On what ground the status is asked for: a citizen of Georgia abroad, or a citizen of another state of "
    "Georgian origin and/or with a Kartvelian-Caucasian mother tongue."
)
class GroundsInput:
    citizen_abroad: bool = False
    origin: bool = False
    mother_tongue: bool = False

    def grounds(self) -> filed.Grounds:
        return filed.Grounds(self.citizen_abroad, self.origin, self.mother_tongue)


@strawberry.input
class ConsentInput:
    kind: ConsentKind
    version: str = strawberry.field(description="The version of the text that was shown.")
    language: Language | None = strawberry.field(default=None, description=SHOWN_IN)

    def consent(self, asked_in: Language) -> consents.Consent:
        """The consent; the text was shown in the language of the request where the program does not say."""
        return consents.Consent(self.kind, self.version, self.language or asked_in)


@strawberry.input
class FormInput:
    name_ka: NameInput
    name_latin: NameInput
    birth_date: date
    sex: Sex
    citizenships: list[str] = strawberry.field(description="ISO 3166-1 alpha-2.")
    personal_number: str | None = strawberry.field(default=None, description="Georgian, 11 digits, if there is one.")
    document: IdentityDocumentInput
    address_abroad: AddressInput
    email: str = strawberry.field(description="Confirmed before by the code that was mailed to it.")
    telephone: str = strawberry.field(description="E.164.")
    grounds: GroundsInput
    tier: Tier
    language: Language
    channel: Channel

    def form(self) -> filed.Form:
        """The form as the domain takes it; what is wrong with it is found there."""
        return filed.Form(
            name_ka=self.name_ka.name(),
            name_latin=self.name_latin.name(),
            birth_date=self.birth_date,
            sex=self.sex,
            citizenships=tuple(self.citizenships),
            document=self.document.document(),
            address_abroad=self.address_abroad.address(),
            email=self.email,
            telephone=self.telephone,
            grounds=self.grounds.grounds(),
            tier=self.tier,
            language=self.language,
            channel=self.channel,
            personal_number=self.personal_number,
        )


@strawberry.type(description="A first name and a surname in one script.")
class PersonName:
    first: str
    last: str

    @classmethod
    def of(cls, name: filed.Name) -> Self:
        return cls(first=name.first, last=name.last)


@strawberry.type
class IdentityDocument:
    kind: IdentityKind
    number: str
    issuer: str
    expires: date | None

    @classmethod
    def of(cls, document: filed.IdentityDocument) -> Self:
        return cls(kind=document.kind, number=document.number, issuer=document.issuer, expires=document.expires)


@strawberry.type
class AddressAbroad:
    country: str
    city: str
    line: str
    postcode: str | None

    @classmethod
    def of(cls, address: filed.Address) -> Self:
        return cls(country=address.country, city=address.city, line=address.line, postcode=address.postcode)


@strawberry.type
class Grounds:
    citizen_abroad: bool
    origin: bool
    mother_tongue: bool

    @classmethod
    def of(cls, grounds: filed.Grounds) -> Self:
        return cls(citizen_abroad=grounds.citizen_abroad, origin=grounds.origin, mother_tongue=grounds.mother_tongue)


@strawberry.type(description="The form as it was filed.")
class FiledForm:
    name_ka: PersonName
    name_latin: PersonName
    birth_date: date
    sex: Sex
    citizenships: list[str]
    personal_number: str | None
    document: IdentityDocument
    address_abroad: AddressAbroad
    email: str
    telephone: str
    grounds: Grounds
    tier: Tier
    language: Language
    channel: Channel

    @classmethod
    def of(cls, form: filed.Form) -> Self:
        return cls(
            name_ka=PersonName.of(form.name_ka),
            name_latin=PersonName.of(form.name_latin),
            birth_date=form.birth_date,
            sex=form.sex,
            citizenships=list(form.citizenships),
            personal_number=form.personal_number,
            document=IdentityDocument.of(form.document),
            address_abroad=AddressAbroad.of(form.address_abroad),
            email=form.email,
            telephone=form.telephone,
            grounds=Grounds.of(form.grounds),
            tier=form.tier,
            language=form.language,
            channel=form.channel,
        )
