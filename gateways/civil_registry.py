"""The civil registry over HTTP: the record and the picture that an operator compares a face with."""

from __future__ import annotations

import re
import ssl
from datetime import date
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from domain.videobar.registry import RegistryRecord, RegistryUnavailable
from gateways.neighbour import Answer, Neighbour, NeighbourDown, Patience

PICTURES = ("image/jpeg", "image/png")
LONGEST_PICTURE = 2 * 1024 * 1024

PATIENCE = Patience(connect=1.0, answer=2.5, in_all=6.0)
"""An applicant and an operator look at each other while the registry is asked."""


class _Name(BaseModel):
    ka: str = Field(min_length=1, max_length=200)


class _Document(BaseModel):
    number: str = Field(max_length=40)
    expires: date | None
    state: Literal["VALID", "EXPIRED", "CANCELLED"]


class _Person(BaseModel):
    """The part of the registry's answer that is looked at."""

    personal_number: str
    surname: _Name
    first_name: _Name
    former_surnames: list[_Name] = Field(max_length=20)
    birth_date: date
    citizenships: list[str] = Field(max_length=20)
    document: _Document
    died: date | None
    has_picture: bool


class CivilRegistryOverHttp:
    """Implements `domain.videobar.registry.CivilRegistry`."""

    def __init__(
        self, base_url: str, api_key: str, patience: Patience = PATIENCE, tls: ssl.SSLContext | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        self._neighbour = Neighbour("civil registry", base_url, patience, headers, tls)

    def find(self, personal_number: str) -> RegistryRecord | None:
        """The person with this number, names in Georgian script; no picture on record is an empty one.

        An answer about another number counts as none at all. Raises: RegistryUnavailable; ValueError if
        ``personal_number`` is not 11 digits.
        """
        if not re.fullmatch(r"[0-9]{11}", personal_number):
            raise ValueError("a personal number is 11 digits")
        try:
            answer = self._ask("/person", personal_number)
            if answer.status == 404:
                return None
            person = _read(answer)
            picture = self._picture(personal_number) if person.has_picture else Answer(200, b"", "")
        except (NeighbourDown, ValidationError) as error:
            raise RegistryUnavailable from error
        if person.personal_number != personal_number:
            raise RegistryUnavailable
        return RegistryRecord(
            personal_number=personal_number,
            surname=person.surname.ka,
            first_name=person.first_name.ka,
            birth_date=person.birth_date,
            citizenships=tuple(person.citizenships),
            document_number=person.document.number,
            document_expires=person.document.expires,
            picture=picture.content,
            picture_media_type=picture.media_type,
            document_cancelled=person.document.state == "CANCELLED",
            died=person.died,
            former_surnames=tuple(name.ka for name in person.former_surnames),
        )

    def _picture(self, personal_number: str) -> Answer:
        picture = self._ask("/picture", personal_number)
        if picture.status != 200 or picture.media_type not in PICTURES or len(picture.content) > LONGEST_PICTURE:
            raise RegistryUnavailable
        return picture

    def _ask(self, path: str, personal_number: str) -> Answer:
        """By POST, so that no access log on the way holds the number."""
        return self._neighbour.ask("POST", path, json={"personal_number": personal_number})

    def close(self) -> None:
        self._neighbour.close()


def _read(answer: Answer) -> _Person:
    if answer.status != 200:
        raise RegistryUnavailable
    return _Person.model_validate_json(answer.content)
