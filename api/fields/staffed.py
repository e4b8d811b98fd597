"""How every staff command is done: in the role that its field asks for, in a thread, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from api.context import Context, Info
from api.inputs import CommandInput
from api.threads import run
from domain.compatriot.reception import AlreadyDecided, ApplicationEnded, NotYetReceived
from domain.event import Act
from domain.faults import FormRefused
from domain.office import Receipt, UnknownCase
from domain.roles import NotForThisRole

T = TypeVar("T")

RECEIVED = (ApplicationEnded, AlreadyDecided, NotYetReceived, NotForThisRole, FormRefused, UnknownCase)
"""What every step of the review may be refused for."""


async def as_staff(
    info: Info, asked: CommandInput, shown: Callable[[Context, Receipt], T], do: Callable[[Act], Receipt]
) -> T:
    """Do this field's command as the staff member who asks and show what it answers. Raises: what ``do`` refuses."""
    by = await info.context.acting(f"Mutation.{info.field_name}")

    def work() -> T:
        return shown(info.context, do(info.context.act(by, info.field_name, asked)))

    return await run(work)
