"""What the application form asks (seed: the agency's published conditions and the fields that they imply)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from domain.language import Language


class Tier(StrEnum):
    """How fast the conclusion is prepared; each has its fee and term in the schedule."""

    STANDARD = "STANDARD"
    EXPEDITED = "EXPEDITED"


class Channel(StrEnum):
    """How the applicant means to pay. A preference: either way stays open."""

    CARD = "CARD"
    CASH = "CASH"


class Sex(StrEnum):
    """As the document of identity says; X where the issuing state writes neither."""

    FEMALE = "FEMALE"
    MALE = "MALE"
    X = "X"


class IdentityKind(StrEnum):
    """Passport, or another document of citizenship and identity."""

    PASSPORT = "PASSPORT"
    OTHER = "OTHER"


@dataclass(frozen=True)
class Name:
    """First name and surname in one script."""

    first: str
    last: str


@dataclass(frozen=True)
class IdentityDocument:
    """The document that is uploaded as IDENTITY. ``issuer`` is the issuing state, ISO 3166-1 alpha-2."""

    kind: IdentityKind
    number: str
    issuer: str
    expires: date | None = None


@dataclass(frozen=True)
class Address:
    """Where the applicant lives. ``country`` is ISO 3166-1 alpha-2."""

    country: str
    city: str
    line: str
    postcode: str | None = None


@dataclass(frozen=True)
class Grounds:
    """On what ground the status is asked for.

    Source: the agency's published conditions: (1) a citizen of Georgia who has long lived in another state, or (2) a
    citizen of another state who is of Georgian origin and/or whose mother tongue is Kartvelian-Caucasian.
    """

    citizen_abroad: bool = False
    origin: bool = False
    mother_tongue: bool = False


@dataclass(frozen=True)
class Form:
    """The form as filed. Every value is personal; the event that holds it seals it whole."""

    name_ka: Name
    name_latin: Name
    birth_date: date
    sex: Sex
    citizenships: tuple[str, ...]
    document: IdentityDocument
    address_abroad: Address
    email: str
    telephone: str
    grounds: Grounds
    tier: Tier
    language: Language
    """Of every mail to the applicant."""
    channel: Channel
    personal_number: str | None = None
