"""The relay's topics: made by it if they are not there, never by accident; known by the ids that Kafka gave them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError

from consumers.kafka_clients import Admin, ConfigResource, OffsetSpec, TopicPartition, error_of
from consumers.relay.records import Topic

NEVER: Final = str(2**63 - 1)
"""Milliseconds. As it comes, a broker whose clock is an hour behind refuses every record, and nothing goes on."""


@dataclass(frozen=True)
class Kept:
    """How topics are kept: by how many brokers."""

    replication: int

    def config(self, topic: Topic) -> dict[str, str]:
        """The configuration that a topic is made with: times are the records' own, which are cut to the hour."""
        return {
            "cleanup.policy": "delete",
            "message.timestamp.type": "CreateTime",
            "message.timestamp.before.max.ms": NEVER,
            "message.timestamp.after.max.ms": NEVER,
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "min.insync.replicas": str(max(1, self.replication - 1)),
            **topic.config,
        }


@dataclass(frozen=True)
class Found:
    """A topic as Kafka has it."""

    id: UUID
    partitions: int


class Topics:
    """Looks at topics and makes them. Raises everywhere: kafka.errors.KafkaError."""

    def __init__(self, kafka: Mapping[str, Any], kept: Kept) -> None:
        self._admin = Admin(**kafka, request_timeout_ms=10_000)
        self._kept = kept

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()

    def find(self, names: Sequence[str]) -> dict[str, Found]:
        """Those that are there."""
        found: dict[str, Found] = {}
        for told in self._admin.describe_topics(list(names)):
            error = error_of(told["error_code"])
            if error is UnknownTopicOrPartitionError:
                continue
            if told["error_code"]:
                raise error(told["name"])
            found[told["name"]] = Found(UUID(str(told["topic_id"])), len(told["partitions"]))
        return found

    def configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """The configuration that is in force for each, whether given to it or the brokers' own. They must be there."""
        asked = [ConfigResource("topic", name) for name in names]
        found: Mapping[str, Mapping[str, Mapping[str, Any]]] = (
            self._admin.describe_configs(asked, config_filter="all") if asked else {}
        )
        return {
            name: {key: str(one["value"]) for key, one in configs.items()}
            for name, configs in found.get("topic", {}).items()
        }

    def kept(self, topic: Topic) -> Mapping[str, str]:
        """The configuration that it would be made with."""
        return self._kept.config(topic)

    def make(self, topic: Topic) -> Found:
        """Make it; one that is there by now is taken as it is."""
        wanted = {
            "num_partitions": topic.partitions,
            "replication_factor": self._kept.replication,
            "configs": self._kept.config(topic),
        }
        with suppress(TopicAlreadyExistsError):
            self._admin.create_topics({topic.name: wanted}, wait_for_metadata=True)
        if (made := self.find([topic.name]).get(topic.name)) is None:
            raise UnknownTopicOrPartitionError(topic.name)  # the broker that was asked has not heard of it yet
        return made

    def is_empty(self, name: str, partitions: int) -> bool:
        """Whether nothing was ever written into it, not even what was given up."""
        latest = {TopicPartition(name, number): OffsetSpec.LATEST for number in range(partitions)}
        return all(told.offset == 0 for told in self._admin.list_partition_offsets(latest).values())
