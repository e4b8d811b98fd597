"""One member of the consumer group that keeps one read model: folds the partitions that it is given into its tables.

What it has done stands in PostgreSQL alone, beside the rows: Kafka is never told. So a member that is given a partition
goes on exactly where the rows are, and one that lost it, whatever it still holds in its hand, writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, cast
from uuid import UUID, uuid4

from kafka import ConsumerRebalanceListener, errors
from kafka.errors import KafkaError

from consumers.kafka_clients import Consumer
from consumers.mirror.envelope import Unreadable, opened
from consumers.mirror.topics import CLIENT, NoTopic, part
from ledger.lineage import OtherLineage
from projections import partitions
from projections.applying import Applying
from projections.model import ReadModel
from projections.partitions import Offset, OtherSource, PartitionedSource, PartitionMark
from projections.poison import Bound
from projections.rows import Rows
from projections.tracking import Db, Place

BATCH: Final = 1000
"""Events folded into one transaction, at most."""

SESSION_SECONDS: Final = 10
"""Without a heartbeat for so long a member's partitions go to others."""

BUSY_SECONDS: Final = 60
"""Nor may it be busy with one batch for longer: others would wait for it to share out anew."""

CONSUMER: Final[dict[str, Any]] = {
    **CLIENT,
    "enable_auto_commit": False,
    "auto_offset_reset": "none",
    "isolation_level": "read_committed",
    "allow_auto_create_topics": False,
    "max_poll_interval_ms": BUSY_SECONDS * 1000,
    "session_timeout_ms": SESSION_SECONDS * 1000,
    "max_partition_fetch_bytes": 4 * 2**20,
    "metrics_enabled": False,
}
"""``none``: what is no longer there is never skipped."""


_errors: Final[Any] = errors


class Lost(Exception):
    """The topic does not hold what follows in a partition: it was cut at either end."""


def group_of(prefix: str, model: ReadModel, database: UUID) -> str:
    """The consumer group of a model in one database: another database, or version, shares no work with it."""
    return f"{prefix}-mirror.{model.name}.v{model.version}.{database.hex[:12]}"


class Member(ConsumerRebalanceListener):
    """Over one connection, which it does not own, and one consumer, which it does. ``look`` tells what the topic is.

    Raises at construction: CannotBePartitioned, OtherSource, NoTopic, KafkaError, database errors.
    """

    def __init__(
        self,
        db: Db,
        model: ReadModel,
        look: Callable[[], PartitionedSource],
        client: Mapping[str, Any],
        prefix: str,
        *,
        batch: int = BATCH,
        bound: Bound | None = None,
    ) -> None:
        self.db = db
        self.place = Place(model)
        self.batch = batch
        self.bound = bound
        self.holder = uuid4()
        self.source = look()
        self.held: dict[int, Applying[Offset]] = {}
        self.marks: dict[int, PartitionMark] = {}
        self._look = look
        self._failed: Exception | None = None
        partitions.begin(db, self.place, self.source)
        self._rows = Rows(db, self.place)
        self._was_stopped = True
        group = group_of(prefix, model, partitions.database(db))
        self._consumer = Consumer(**client, **CONSUMER, group_id=group, max_poll_records=batch)
        try:
            # A leader of the group to whom the topic is not known yet would share out nothing, for minutes.
            if not self._consumer.partitions_for_topic(self.source.name):
                raise NoTopic(f"{self.source.name} is not known to every broker yet")
            self._consumer.subscribe([self.source.name], listener=self)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave the group, so that the others need not wait."""
        with suppress(KafkaError):
            self._consumer.close(autocommit=False)

    def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        """Take the partitions from whoever had them, and go on where their rows are."""
        try:
            if (now := self._look()) != self.source:
                raise OtherSource(f"{self.place.title} follows {self.source.id}, and {now.name} is {now.id} now")
            self.marks = partitions.claim(self.db, self.place, [one.partition for one in assigned], self.holder)
            self.held = {
                number: Applying(self.db, self.place, mark, self.bound, self._rows)
                for number, mark in self.marks.items()
            }
            for number, mark in self.marks.items():
                self._consumer.seek(part(self.source.name, number), mark.next)
        except Exception as error:
            self._failed = error  # the client tells only that there was one
            raise

    def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        """Nothing is at hand between two polls."""
        self.held, self.marks = {}, {}

    def step(self, seconds: float) -> int:
        """Follow with what comes within so many seconds; the number of events passed, 0 when caught up.

        Raises: Fenced, TooMuchPoison, Lost, OtherSource, OtherLineage, Unreadable, KafkaError, and whatever database
        error is not the event's fault. It is of no more use then.
        """
        passed = 0
        polled = self._poll(seconds)
        for place, records in polled.items():
            passed += self._take(place.partition, records)
        if not polled:
            self._skip()
        if self._was_stopped and self.held:
            partitions.stop(self.db, self.place, None)
            self._was_stopped = False
        return passed

    def _poll(self, seconds: float) -> Mapping[Any, Sequence[Any]]:
        try:
            polled = self._consumer.poll(timeout_ms=int(seconds * 1000))
        except (_errors.OffsetOutOfRangeError, _errors.LogTruncationError) as error:
            raise Lost(f"{self.place.title}: {self.source.name} does not hold what follows: {error}") from error
        except Exception:
            self._tell()
            raise
        self._tell()
        return cast("Mapping[Any, Sequence[Any]]", polled)

    def _tell(self) -> None:
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed

    def _take(self, number: int, records: Sequence[Any]) -> int:
        mark = self.marks[number]
        batch = [opened(record.value, record.offset) for record in records]
        batch[-1].next = max(batch[-1].next, self._position(number))
        if new := self._new(mark, batch):
            self.held[number].advance(new)
        if mark.next < batch[-1].next:
            mark.skip(batch[-1].next)
        return len(batch)

    def _new(self, mark: PartitionMark, batch: Sequence[Offset]) -> list[Offset]:
        """What is not in the rows already: a relay that was told to say things again says them behind the others."""
        new: list[Offset] = []
        lineage, position = mark.lineage or batch[0].lineage, mark.position
        for one in batch:
            if one.lineage != lineage:
                raise OtherLineage(f"{self.place.title} is of lineage {lineage}, what follows of {one.lineage}")
            if one.position > position:
                new.append(one)
                position = one.position
        return new

    def _skip(self) -> None:
        """Ends of transactions take offsets too, and what was taken back: to be passed once all before is done."""
        for number, mark in self.marks.items():
            if (at := self._position(number)) > mark.next:
                mark.skip(at)

    def _position(self, number: int) -> int:
        return self._consumer.position(part(self.source.name, number)) or 0


STOPS: Final = (Lost, OtherSource, OtherLineage, Unreadable, partitions.CannotBePartitioned)
"""The model stands still until a person has mended what the message names."""
