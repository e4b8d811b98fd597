"""What every command's input shares: its id, and the canonical body by which the same command is known again."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, cast
from uuid import UUID

import strawberry
from uuid6 import uuid7

CREDENTIALS: Final = frozenset({"command_id", "number", "code", "one_time_code"})
"""Members that say who asks or which command it is, and not what is asked: they are no part of the body."""

SECRETS: Final = frozenset({"password", "repeated_password", "current_password"})
"""Members that are no part of the body at whatever depth: its keyed hash stands in PostgreSQL, and a keyed hash is a
fast one. Whoever had the key would try passwords against it, and argon2id would have slowed nobody down."""

COMMAND_ID: Final = (
    "The same id sent again is the same command and is done once; with another body it is refused. Minted if not given."
)


@strawberry.input
class CommandInput:
    command_id: UUID | None = strawberry.field(default=None, description=COMMAND_ID)


@strawberry.input
class HolderInput(CommandInput):
    number: str = strawberry.field(description="The case's number; spaces, hyphens and O for 0 do not matter.")
    code: str = strawberry.field(description="The case's code; case, spaces and hyphens do not matter.")


@strawberry.input
class StepInput:
    """Of a step that leaves nothing in the ledger."""

    command_id: UUID | None = strawberry.field(
        default=None, description="Taken for likeness; this step is done anew each time, which harms nothing."
    )


@strawberry.input
class HolderStepInput(StepInput):
    number: str
    code: str


def minted() -> UUID:
    """A new command id."""
    return UUID(int=uuid7().int)


def canonical(asked: CommandInput) -> bytes:
    """The input without its own credentials and without passwords, always the same bytes for the same values.

    Only the input's own members are credentials: the number of a passport within it is what is asked.
    """
    body = {name: value for name, value in _plain(asked).items() if name not in CREDENTIALS}
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value) if each.name not in SECRETS}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in cast(list[Any], value)]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID | date | datetime | Decimal):
        return str(value)
    return value
