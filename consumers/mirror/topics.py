"""What the internal topic is now: its own id, its partitions, and how far it has been written."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

import kafka
from kafka.errors import KafkaError, TopicAuthorizationFailedError

from consumers.kafka_clients import Admin
from projections.partitions import PartitionedSource

CLIENT: Final[dict[str, Any]] = {"client_id": "sarkmeli-mirror"}

_kafka: Final[Any] = kafka
"""Its types are known only in part."""


def part(source: str, number: int) -> Any:
    """A topic's partition as the client names it."""
    return _kafka.TopicPartition(source, number)


class NoTopic(Exception):
    """There is no such topic: the relay makes it."""


class Topics:
    """Asks the brokers. ``client`` is what every client of kafka-python is given. Use as a context manager.

    Raises at construction: KafkaError.
    """

    def __init__(self, client: Mapping[str, Any]) -> None:
        self._admin = Admin(**client, **CLIENT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(KafkaError):
            self._admin.close()

    def find(self, name: str) -> PartitionedSource:
        """The topic of this name. Raises: NoTopic, KafkaError."""
        found: list[dict[str, Any]] = self._admin.describe_topics([name])
        for topic in found:
            if topic["error_code"] == TopicAuthorizationFailedError.errno:
                raise TopicAuthorizationFailedError(name)
            if topic["name"] == name and not topic["error_code"]:
                return PartitionedSource(name, UUID(str(topic["topic_id"])), len(topic["partitions"]))
        raise NoTopic(f"there is no topic {name} yet: `sarkmeli relay` makes it where SARKMELI_KAFKA_INTERNAL is on")

    def written(self, source: PartitionedSource) -> dict[int, int]:
        """The offset behind the last record of each partition, of whatever transaction, ended or not.

        Raises: KafkaError.
        """
        wanted = {part(source.name, number): _kafka.admin.OffsetSpec.LATEST for number in range(source.partitions)}
        found: Mapping[Any, Any] = self._admin.list_partition_offsets(wanted)
        return {place.partition: told.offset for place, told in found.items()}

    def written_before(self, source: PartitionedSource, seconds: float) -> dict[int, int]:
        """The offset behind the last record of each partition that was there before ``seconds`` since 1970.

        By the broker's clock: records of the internal topic have the time of their arrival. Raises: KafkaError.
        """
        behind = self.written(source)  # asked first: what comes in between must not count as old
        wanted = {part(source.name, number): int(seconds * 1000) for number in range(source.partitions)}
        found: Mapping[Any, Any] = self._admin.list_partition_offsets(wanted)
        later = {place.partition: told.offset for place, told in found.items() if told is not None and told.offset >= 0}
        return behind | later
