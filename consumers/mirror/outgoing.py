"""What the internal topic holds: every event of the ledger, keyed by its stream, with its sealed part as it is.

It is a log of the ledger for the office's own machines, never published: who may read it reads what the runner reads.
No personal value is in it in clear, and no key. What an erased person's events sealed is noise in it from the moment
at which the key is destroyed, as in the ledger; so nothing is ever taken out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, cast
from uuid import UUID

from kafka import partitioner

from consumers.mirror.envelope import packed
from consumers.relay.records import Record, Topic
from ledger.recorded import Recorded

KEPT_FOR_EVER: Final = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "message.timestamp.type": "LogAppendTime",
}
"""Compaction would leave only each stream's last event, and a time limit a mirror that cannot be made anew from it.

The brokers' own times: they refuse records whose time is not near theirs, and a clock is no reason to lose history.
"""

_murmur2: Final = cast("Callable[[bytes], int]", partitioner.murmur2)  # pyright: ignore[reportUnknownMemberType]


def internal_topic(prefix: str) -> str:
    """The internal topic's name: not below the prefix, which readers of the public topics may be given whole."""
    return f"{prefix}-internal.v1"


def partition_of(stream: UUID, partitions: int) -> int:
    """The partition that holds a stream's events: Kafka's own choice for the key, in any language's client."""
    return (_murmur2(stream.bytes) & 0x7FFFFFFF) % partitions


def made(prefix: str, partitions: int) -> Topic:
    """The topic as the relay makes it."""
    return Topic(internal_topic(prefix), partitions, KEPT_FOR_EVER)


class Internal:
    """Implements `consumers.relay.records.Outgoing`. ``lineage`` says which the ledger's is now.

    When an event was appended stands in its envelope; a record's own time is the brokers'.
    """

    def __init__(self, prefix: str, partitions: int, lineage: Callable[[], UUID]) -> None:
        self._topic = made(prefix, partitions)
        self._lineage = lineage

    def topics(self) -> Sequence[Topic]:
        """The one topic."""
        return [self._topic]

    def records(self, recorded: Sequence[Recorded]) -> Sequence[Record]:
        """A record an event. None is decoded, so none can fail."""
        name, lineage = self._topic.name, self._lineage().bytes
        return [
            Record(name, one.stream.bytes, packed(one, lineage), (), int(one.recorded_at.timestamp() * 1000))
            for one in recorded
        ]
