"""How far a mirrored model is as a whole: the position up to which every event is in its rows, whoever folded them.

No partition alone says so: one that is quiet stands at an old position though nothing is missing. But the relay
writes in the order of positions and ends one transaction before the next. So once an event has been seen, everything
before it has been written: where each partition ends *then* is asked of the brokers, and when all are past that, all
is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.lineage import OtherLineage
from projections import partitions, tracking
from projections.model import ReadModel
from projections.partitions import Partition, PartitionedSource
from projections.tracking import Db, Place

Written = Callable[[PartitionedSource], Mapping[int, int]]
"""Behind the last record of each partition, of whatever transaction, ended or not."""


@dataclass(frozen=True)
class _Awaited:
    """All up to ``position`` is there once every partition is at its offset in ``ends``."""

    lineage: UUID
    position: int
    recorded_at: datetime | None
    ends: Mapping[int, int]


class Reached:
    """Looks at one model now and then, and notes how far it is. Any number may do so, for any member's work."""

    def __init__(self, model: ReadModel, written: Written) -> None:
        self.place = Place(model)
        self._written = written
        self._awaited: _Awaited | None = None

    def look(self, db: Db) -> int:
        """Note how far the model is; the position, 0 if nothing was ever seen.

        Raises: OtherLineage if its partitions are of more than one history, KafkaError, database errors.
        """
        standing = tracking.find(db, self.place)
        reached = 0 if standing is None else standing.position
        found = partitions.source_of(db, self.place.model)
        if found is None:
            return reached
        marks = partitions.partitions_of(db, self.place.model)
        if self._awaited is None and (last := _last(marks)) is not None and last.position > reached:
            assert last.lineage is not None
            # Asked after the event was seen, never before.
            self._awaited = _Awaited(last.lineage, last.position, last.recorded_at, self._written(found[0]))
            marks = partitions.partitions_of(db, self.place.model)
        if (awaited := self._awaited) is None or not all(mark.next >= awaited.ends[mark.number] for mark in marks):
            return reached
        self._awaited = None
        partitions.reach(db, self.place, awaited.lineage, awaited.position, awaited.recorded_at)
        return awaited.position


def _last(marks: Sequence[Partition]) -> Partition | None:
    """The mark that stands at the highest position, if any saw an event."""
    seen = [mark for mark in marks if mark.lineage is not None]
    if len({mark.lineage for mark in seen}) > 1:
        raise OtherLineage("partitions of more than one lineage: the topic was filled from two histories")
    return max(seen, key=lambda mark: mark.position, default=None)
