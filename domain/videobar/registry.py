"""What the office asks of the civil registry: the port that ``gateways`` implements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from domain.refusals import Refusal


@dataclass(eq=False)
class RegistryUnavailable(Refusal):
    """The civil registry did not answer in time, or not sensibly. Such a check is NOT_AVAILABLE, never a pass."""

    code = "REGISTRY_UNAVAILABLE"


@dataclass(frozen=True)
class RegistryRecord:
    """What the civil registry holds of one person. Shown to the operator during the call and never stored."""

    personal_number: str
    surname: str
    first_name: str
    birth_date: date
    citizenships: tuple[str, ...]
    """ISO 3166-1 alpha-2."""
    document_number: str
    document_expires: date | None
    picture: bytes
    """Empty if the registry has none."""
    picture_media_type: str
    document_cancelled: bool = False
    """Withdrawn before its time: lost, stolen, replaced."""
    died: date | None = None
    former_surnames: tuple[str, ...] = ()


class CivilRegistry(Protocol):
    """The civil registry of the agency."""

    def find(self, personal_number: str) -> RegistryRecord | None:
        """The person with this number (11 digits, text), None if there is none. Raises: RegistryUnavailable."""
        ...
