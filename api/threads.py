"""Where work that waits is done: in threads; what waits for a neighbour has threads of its own, a few for each.

A bank that hangs keeps its callers for seconds, each in a thread. They must not be the threads that look-ups need.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar

T = TypeVar("T")

AT_ONCE: Final = 8
"""Requests that may wait for one neighbour at once; those beyond wait for their turn without a thread."""


class Abroad(Enum):
    """The neighbours that the API itself speaks with while somebody waits."""

    BANK = "bank"
    MAIL = "mail"
    REGISTRY = "civil registry"
    SIGN_IN = "sign-in"


_turns: Final[RunVar[dict[Abroad, CapacityLimiter]]] = RunVar("turns abroad")


async def run(work: Callable[..., T], *arguments: Any) -> T:
    """Do ``work``, which waits for a database, in a thread."""
    return await anyio.to_thread.run_sync(work, *arguments)


async def run_abroad(neighbour: Abroad, work: Callable[..., T], *arguments: Any) -> T:
    """Do ``work``, which may wait for this neighbour, in one of the threads that are kept for that."""
    return await anyio.to_thread.run_sync(work, *arguments, limiter=_turn(neighbour))


def _turn(neighbour: Abroad) -> CapacityLimiter:
    try:
        turns = _turns.get()
    except LookupError:
        turns = {each: CapacityLimiter(AT_ONCE) for each in Abroad}
        _turns.set(turns)
    return turns[neighbour]
