"""Numbered addresses: the first, second, … thing of an owner, each an address, so that two cannot both be the newest.

A case may have one live call and an operator one call at a time, over any number of calls in a row. Each takes the next
free number as an address; who comes second with the same number conflicts, loads the first one's call and decides anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from domain.office import Address, Office


@dataclass(frozen=True)
class Series:
    """The addresses ``owner:1``, ``owner:2``, … of one kind, without gaps."""

    office: Office
    kind: str
    owner: str

    def at(self, number: int) -> UUID | None:
        """The stream that holds this number."""
        return self.office.find(self.kind, f"{self.owner}:{number}")

    def newest(self) -> tuple[int, UUID | None]:
        """The highest number taken and its stream; (0, None) if there is none. Asks log2(n) times and not n."""
        low, found, high = 0, None, 1
        while (stream := self.at(high)) is not None:
            low, found, high = high, stream, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            if (stream := self.at(middle)) is None:
                high = middle
            else:
                low, found = middle, stream
        return low, found

    def every(self) -> Iterator[UUID]:
        """Every stream of the series, in order: a question for each."""
        number = 1
        while (stream := self.at(number)) is not None:
            yield stream
            number += 1

    def address(self, number: int, stream: UUID) -> Address:
        """The address to commit with the event that takes ``number``."""
        return Address(self.kind, f"{self.owner}:{number}", stream)
