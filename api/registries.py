"""Looking somebody up in a registry of the state: recorded with its purpose first; one that is down says so.

Nothing is asked before the reading is committed, and nothing that a registry answers is stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from api import correlation
from api.ports import Ports
from api.shapes.call import RegistryAnswer
from domain.people import Actor
from domain.staff.reading import Purpose
from domain.taxpayer.registry import Entry, PublicRegistryUnavailable
from domain.videobar.registry import RegistryRecord, RegistryUnavailable


@dataclass(frozen=True)
class OnRecord:
    """Who looks, about whose case, and why: what is noted of every look-up."""

    by: Actor
    subjects: frozenset[UUID]
    purpose: Purpose


def noted(ports: Ports, on_record: OnRecord, what: str) -> None:
    """Commit that ``what`` is about to be shown. Raises: NotStaff, ReadingTooLarge."""
    act = ports.office.act(on_record.by, f"read {what}", correlation=correlation.current())
    ports.staff.read(act, subjects=on_record.subjects, purpose=on_record.purpose, what=what)


def civil(
    ports: Ports, on_record: OnRecord, personal_number: str | None
) -> tuple[RegistryAnswer, RegistryRecord | None]:
    """What the civil registry says of this person; without a number nobody is asked."""
    if personal_number is None:
        return RegistryAnswer.NOT_ASKED, None
    noted(ports, on_record, "civilRegistry")
    try:
        record = ports.registry.find(personal_number)
    except RegistryUnavailable:
        return RegistryAnswer.UNAVAILABLE, None
    return (RegistryAnswer.FOUND, record) if record is not None else (RegistryAnswer.NOT_FOUND, None)


def public(ports: Ports, on_record: OnRecord, legal_code: str | None) -> tuple[RegistryAnswer, Entry | None]:
    """What the public registry says of this legal person; for a person nobody is asked."""
    if legal_code is None:
        return RegistryAnswer.NOT_ASKED, None
    noted(ports, on_record, "publicRegistry")
    try:
        entry = ports.public_registry.find(legal_code)
    except PublicRegistryUnavailable:
        return RegistryAnswer.UNAVAILABLE, None
    return (RegistryAnswer.FOUND, entry) if entry is not None else (RegistryAnswer.NOT_FOUND, None)


def subjects_of(subjects: Iterable[UUID | None]) -> frozenset[UUID]:
    """Those that are somebody."""
    return frozenset(subject for subject in subjects if subject is not None)
