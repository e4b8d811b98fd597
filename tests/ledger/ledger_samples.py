"""A small aggregate of the tests' own, with every kind of field that an event may hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import NewType
from uuid import UUID, uuid4

from eventsourcing.domain import event

from domain.event import Act, Created, Erased, Personal, Root
from domain.office import Address, Office, Receipt
from domain.people import Actor, Role, SubjectId

Page = NewType("Page", int)


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Size(Enum):
    SMALL = 1
    LARGE = 2


@dataclass(frozen=True)
class Name:
    first: str
    last: str
    colour: Colour | None = None


@dataclass(frozen=True)
class Note:
    page: Page
    said: Personal[str]


class Letter(Root):
    TOPIC = "sample.Letter"

    class Written(Created):
        TOPIC = "sample.Letter.Written"
        sender: Personal[Name]
        text: Personal[str | None]
        second: Personal[str] | None
        pages: Page

    @event(Written)
    def __init__(self, subject: SubjectId | None, sender: Name | Erased, pages: Page) -> None:
        self.subject = subject
        self.sender = sender
        self.pages = pages
        self.stamps = 0

    class Stamped(Root.Event):
        TOPIC = "sample.Letter.Stamped"
        price: Decimal
        on: date
        due: datetime | None
        colours: tuple[Colour, ...]
        size: Size
        picture: bytes
        pair: tuple[UUID, bool]

    def stamp(self, act: Act, price: Decimal = Decimal("2.50")) -> None:
        self.record(
            self.Stamped,
            act,
            price=price,
            on=date(2026, 3, 1),
            due=act.now,
            colours=(Colour.RED, Colour.GREEN),
            size=Size.LARGE,
            picture=b"\x00\xff",
            pair=(uuid4(), True),
        )

    @event(Stamped)
    def _stamped(self) -> None:
        self.stamps += 1

    class Annotated(Root.Event):
        """Declared and never decorated: the library redefines it once only."""

        TOPIC = "sample.Letter.Annotated"
        notes: tuple[Note, ...]


SENDER = Name("ნინო", "CANARY-ბერიძე", Colour.GREEN)
TEXT = "CANARY-text\u0000with a nul"


def write(
    office: Office, act: Act, subject: SubjectId | None, *addresses: tuple[str, str], id: UUID | None = None
) -> Receipt:
    """Write a letter and commit it, with its addresses."""
    letter = Letter.begin(Letter.Written, act, subject=subject, id=id, sender=SENDER, text=TEXT, second=None, pages=3)
    taken = [Address(kind, value, letter.id) for kind, value in addresses]
    return office.commit(letter, act=act, addresses=taken)


def somebody(name: str = "anna", role: Role = Role.OFFICER) -> Actor:
    return Actor(id=name, role=role)
