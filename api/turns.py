"""How much is done at once: so much in all, and of one neighbourhood of addresses only a share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from housekeeping.tries import prefix


class AllTaken(Exception):
    """As much as may be is being done, in all or for this place."""


class Turns:
    """Counts who is being served in this process. For one event loop; nobody waits."""

    def __init__(self, in_all: int, per_place: int) -> None:
        self._in_all = in_all
        self._per_place = per_place
        self._taken: Counter[str] = Counter()

    @contextmanager
    def turn(self, address: str) -> Generator[None]:
        """A turn for whoever asks from ``address``, given back at the end. Raises: AllTaken."""
        place = prefix(address)
        if self._taken.total() >= self._in_all or self._taken[place] >= self._per_place:
            raise AllTaken
        self._taken[place] += 1
        try:
            yield
        finally:
            self._taken[place] -= 1
            if not self._taken[place]:
                del self._taken[place]
