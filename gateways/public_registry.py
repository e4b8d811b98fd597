"""The public registry over HTTP: who may act for a legal person, and where a taxpayer's registered mail goes."""

from __future__ import annotations

import re
import ssl
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.contacts import tidy_email
from domain.taxpayer.registry import Entry, PublicRegistryUnavailable
from gateways.neighbour import Neighbour, NeighbourDown, Patience

PATIENCE: Final = Patience(connect=1.0, answer=2.5, in_all=6.0, longest=512 * 1024)
"""A consultant and a taxpayer look at each other while the registry is asked."""

IDENTIFICATION: Final = re.compile(r"[0-9]{9}|[0-9]{11}", re.ASCII)


class _Representative(BaseModel):
    """``personal_number`` is missing for somebody of another state who has none."""

    personal_number: str | None = Field(default=None, pattern=r"^[0-9]{11}$")


class _Record(BaseModel):
    """The part of the registry's answer that is looked at."""

    model_config = ConfigDict(hide_input_in_errors=True)

    identification: str
    name: str = Field(min_length=1, max_length=400)
    status: Literal["ACTIVE", "STRUCK_OFF", "DECEASED"]
    representatives: list[_Representative] = Field(max_length=200)
    email: str | None = Field(max_length=320)


class PublicRegistryOverHttp:
    """Implements `domain.taxpayer.registry.PublicRegistry`."""

    def __init__(
        self, base_url: str, api_key: str, patience: Patience = PATIENCE, tls: ssl.SSLContext | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        self._neighbour = Neighbour("public registry", base_url, patience, headers, tls)

    def find(self, identification: str) -> Entry | None:
        """Who has this personal number or legal code; an answer about another counts as none at all.

        Raises: PublicRegistryUnavailable; ValueError if ``identification`` is neither 11 nor 9 digits.
        """
        if not IDENTIFICATION.fullmatch(identification):
            raise ValueError("a personal number is 11 digits, a legal person's code 9")
        try:
            # By POST, so that no access log on the way holds the number.
            answer = self._neighbour.ask("POST", "/entry", json={"identification": identification})
            if answer.status == 404:
                return None
            if answer.status != 200:
                raise PublicRegistryUnavailable
            record = _Record.model_validate_json(answer.content)
        except (NeighbourDown, ValidationError) as error:
            raise PublicRegistryUnavailable from error
        if record.identification != identification:
            raise PublicRegistryUnavailable
        numbers = (each.personal_number for each in record.representatives)
        return Entry(
            identification=identification,
            name=record.name,
            representatives=tuple(number for number in numbers if number is not None),
            email=tidy_email(record.email) if record.email else None,
            struck_off=record.status != "ACTIVE",
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._neighbour.close()
