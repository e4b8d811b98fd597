"""Whom the sandbox's registries know: a few dozen invented persons, told in ``people.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from sandbox.behaviour import Mode


@dataclass(frozen=True)
class Name:
    ka: str
    latin: str


@dataclass(frozen=True)
class IdentityDocument:
    kind: Literal["ID_CARD", "PASSPORT"]
    number: str
    issued: date
    expires: date
    cancelled: bool = False

    def state(self, today: date) -> Literal["VALID", "EXPIRED", "CANCELLED"]:
        if self.cancelled:
            return "CANCELLED"
        return "EXPIRED" if self.expires < today else "VALID"


@dataclass(frozen=True)
class Person:
    """One record of the civil registry, and the e-mail that the public registry holds of the same person.

    ``meets``: what an operator or a consultant meets here, for the sandbox's home page.
    """

    personal_number: str
    surname: Name
    first_name: Name
    birth_date: date
    sex: Literal["F", "M"]
    document: IdentityDocument
    meets: str
    citizenships: tuple[str, ...]
    former_surname: Name | None
    died: date | None
    has_picture: bool
    email: str | None
    answers: Mode


def _person(told: dict[str, Any]) -> Person:
    expires: date = told.get("expires", date(2034, 5, 20))
    document = IdentityDocument(
        kind="PASSPORT" if "passport" in told else "ID_CARD",
        number=told["passport"] if "passport" in told else told["card"],
        issued=date(expires.year - 10, expires.month, expires.day),
        expires=expires,
        cancelled=told.get("cancelled", False),
    )
    return Person(
        personal_number=told["number"],
        surname=Name(*told["surname"]),
        first_name=Name(*told["name"]),
        birth_date=told["born"],
        sex=told["sex"],
        document=document,
        meets=told["meets"],
        citizenships=tuple(told.get("citizenships", ("GE",))),
        former_surname=Name(*told["former"]) if "former" in told else None,
        died=told.get("died"),
        has_picture=told.get("picture", True),
        email=told.get("email"),
        answers=Mode(told.get("answers", "ok")),
    )


def _read() -> dict[str, Person]:
    told = tomllib.loads((Path(__file__).parent / "people.toml").read_text(encoding="utf-8"))
    return {person.personal_number: person for person in map(_person, told["person"])}


PEOPLE: dict[str, Person] = _read()
