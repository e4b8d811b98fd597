"""Ledgers to follow that a test holds in its hand: the same events cut, ended or spoilt at will."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from ledger import events
from ledger.reader import AheadOfLedger, OtherLineage, Recorded, Undecodable

LINEAGE = uuid4()


def undecodable(one: Recorded) -> Undecodable:
    return Undecodable(
        events.Row(one.position, one.stream, one.version, "of.no.Class", b"", None, None, None, one.recorded_at)
    )


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

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        cut = self.cuts[min(self.reads, len(self.cuts) - 1)]
        self.reads += 1
        found: list[Recorded] = []
        for one in [one for one in self.events if one.position > after][: min(cut, limit)]:
            if one.position in self.undecodable:
                if not found:
                    raise undecodable(one)
                break
            found.append(one)
        return found

    def stream(self, stream: UUID) -> Sequence[Recorded]:
        found = [one for one in self.events if one.stream == stream]
        for one in found:
            if one.position in self.undecodable:
                raise undecodable(one)
        return found

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
