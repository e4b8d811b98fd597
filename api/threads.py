"""Where work that waits is done: in threads; what waits for a neighbour, or hashes, has threads of its own, a few each.

A bank that hangs keeps its callers for seconds, each in a thread. They must not be the threads that look-ups need.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar

from api.gate import watched

T = TypeVar("T")

AT_ONCE: Final = 8
"""Requests that may wait for one neighbour at once; those beyond wait for their turn without a thread."""


class Abroad(Enum):
    """The neighbours that the API itself speaks with while somebody waits."""

    BANK = "bank"
    MAIL = "mail"
    REGISTRY = "civil registry"
    PUBLIC_REGISTRY = "public registry"
    SMS = "SMS gateway"
    SIGN_IN = "sign-in"
    HASHING = "hashing"
    """No neighbour, but as slow: a password's hash takes the memory and the time that it is meant to take."""


_turns: Final[RunVar[dict[Abroad, CapacityLimiter]]] = RunVar("turns abroad")


async def run(work: Callable[..., T], *arguments: Any) -> T:
    """Do ``work``, which waits for a database, in a thread. Raises: DatabaseAway, and what ``work`` raises."""
    return await _run(None, work, *arguments)


async def run_abroad(neighbour: Abroad, work: Callable[..., T], *arguments: Any) -> T:
    """Do ``work``, which may wait for this neighbour, in one of the threads that are kept for that.

    Raises: DatabaseAway, and what ``work`` raises.
    """
    return await _run(_turn(neighbour), work, *arguments)


async def _run(limiter: CapacityLimiter | None, work: Callable[..., T], *arguments: Any) -> T:
    gate = watched()
    gate.refuse_if_away()

    def begun() -> T:
        gate.refuse_if_away()  # it may have gone while we waited for the thread
        return work(*arguments)

    return await anyio.to_thread.run_sync(begun, limiter=limiter)


def _turn(neighbour: Abroad) -> CapacityLimiter:
    try:
        turns = _turns.get()
    except LookupError:
        turns = {each: CapacityLimiter(AT_ONCE) for each in Abroad}
        _turns.set(turns)
    return turns[neighbour]
