"""How the office itself acts when a time has come: command ids derived from what it acts upon."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid5

from domain.event import Act
from domain.office import Office
from domain.people import system

DEADLINES: Final = system("deadlines")

_CONSUMERS: Final = UUID("5c1d3b3e-9f0e-5d57-8a51-6d0c6b6f7f10")
"""The namespace of every consumer's command ids."""


def command_id(operation: str, *about: object) -> UUID:
    """The same for the same operation upon the same thing: whoever stopped in between repeats, and does not double."""
    return uuid5(_CONSUMERS, "\x1f".join((operation, *(str(part) for part in about))))


def act_upon(office: Office, operation: str, *about: object) -> Act:
    """The circumstances of doing ``operation`` upon ``about`` because its time has come, by PostgreSQL's clock."""
    return office.act(DEADLINES, operation, command_id(operation, *about))
