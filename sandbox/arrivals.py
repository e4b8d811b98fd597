"""Waiting for what arrives: a mail, a text message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Arrivals:
    """Wakes whoever waits, each time something has come. Of one event loop."""

    def __init__(self) -> None:
        self._arrived = asyncio.Event()

    def tell(self) -> None:
        """Something has come."""
        self._arrived.set()
        self._arrived = asyncio.Event()

    async def until(self, find: Callable[[], list[T]], seconds: float) -> list[T]:
        """What ``find`` finds; asked again at each arrival, up to ``seconds``, while it finds nothing."""
        until = time.monotonic() + seconds
        while not (found := find()) and (left := until - time.monotonic()) > 0:
            try:
                await asyncio.wait_for(self._arrived.wait(), left)
            except TimeoutError:
                break
        return found
