"""Ledgers to follow that a test holds in its hand: the same events cut, ended or spoilt at will."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from ledger.reader import AheadOfLedger, OtherLineage, Recorded

LINEAGE = uuid4()


def spoilt(one: Recorded) -> Recorded:
    """The same with bytes that say nothing."""
    return Recorded(one.position, one.stream, one.version, one.topic, b"{", None, None, one.recorded_at)


@dataclass
class Told:
    """What was recorded, read in batches no larger than ``cuts`` says, the last cut again and again."""

    events: Sequence[Recorded]
    cuts: Sequence[int] = (10_000,)
    line: UUID = LINEAGE
    undecodable: frozenset[int] = frozenset()
    reads: int = field(default=0, init=False)

    def settled(self) -> int:
        return self.events[-1].position if self.events else 0

    def _told(self) -> Sequence[Recorded]:
        return [spoilt(one) if one.position in self.undecodable else one for one in self.events]

    def follow(self, after: int, limit: int) -> Sequence[Recorded]:
        cut = self.cuts[min(self.reads, len(self.cuts) - 1)]
        self.reads += 1
        return [one for one in self._told() if one.position > after][: min(cut, limit)]

    def by_stream(self, after: UUID, last: int, limit: int, without: Sequence[str] = ()) -> Iterator[Recorded]:
        wanted = [
            one for one in self._told() if one.stream > after and one.position <= last and one.topic not in without
        ]
        yield from sorted(wanted, key=lambda one: (one.stream, one.version))[:limit]

    def count(self, through: UUID, last: int, without: Sequence[str] = ()) -> tuple[int, int]:
        found = list(self.by_stream(UUID(int=0), last, len(self.events), without))
        return sum(one.stream <= through for one in found), len(found)

    def stream(self, stream: UUID) -> Sequence[Recorded]:
        return [one.decoded() for one in self._told() if one.stream == stream]

    def wait(self, after: int, timeout: float) -> int:
        return self.settled()

    def lineage(self) -> UUID:
        return self.line

    def check(self, position: int, lineage: UUID) -> None:
        if lineage != self.line:
            raise OtherLineage("another ledger")
        if position > self.settled():
            raise AheadOfLedger("past the end")


def until(events: Sequence[Recorded], position: int) -> list[Any]:
    return [one for one in events if one.position <= position]
