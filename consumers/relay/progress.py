"""How far the relay is: one record in a private, compacted topic, in the transaction of the records it speaks of.

It is read back only after `init_transactions`, which ends whatever a relay before this one had begun: read before, it
may speak of a transaction that is committed a moment later, and that one's records would be sent twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, Self
from uuid import UUID

from kafka.errors import KafkaTimeoutError

from consumers.kafka_clients import Consumer, TopicPartition
from consumers.relay.records import Record, Topic

KEY: Final = b"relay"
"""The one key of the topic: whatever compaction leaves, it leaves the newest."""

FORM: Final = 1
"""Of the record's value. A relay that finds another does not guess."""

PATIENCE: Final = 30.0
"""Seconds that reading back may take."""

REACH: Final = 64
"""Offsets before the end that are looked at first; each transaction takes two."""


@dataclass(frozen=True)
class Written:
    """One topic: the ``id`` that Kafka gave it, and the position ``through`` which it needs nothing more."""

    id: UUID
    through: int


@dataclass(frozen=True)
class Progress:
    """``position`` of the last event read, in a ledger of this ``lineage``; ``forgotten``: the last tombstone said.

    A topic's ``through`` is past ``position`` while another topic is filled from before. ``left`` are topics that are
    not written for now, each with where it was left: ``position`` says nothing of them.
    """

    lineage: UUID
    position: int
    forgotten: int
    topics: Mapping[str, Written]
    left: Mapping[str, Written] = field(default_factory=dict[str, Written])

    def record(self, topic: str, timestamp: int) -> Record:
        """As it is sent."""
        told = {
            "form": FORM,
            "lineage": str(self.lineage),
            "position": self.position,
            "forgotten": self.forgotten,
            "topics": _told(self.topics),
            "left": _told(self.left),
        }
        return Record(topic, KEY, json.dumps(told, separators=(",", ":")).encode(), (), timestamp)

    @classmethod
    def read(cls, value: bytes) -> Self:
        """From a record's value. Raises: ValueError for another form."""
        told = json.loads(value)
        if told["form"] != FORM:
            raise ValueError(f"the relay's progress has form {told['form']}: start the release that wrote it")
        topics, left = _read(told["topics"]), _read(told.get("left", {}))
        return cls(UUID(told["lineage"]), told["position"], told["forgotten"], topics, left)


def _told(topics: Mapping[str, Written]) -> dict[str, Any]:
    return {name: {"id": str(one.id), "through": one.through} for name, one in sorted(topics.items())}


def _read(told: Mapping[str, Any]) -> dict[str, Written]:
    return {name: Written(UUID(one["id"]), one["through"]) for name, one in told.items()}


def topic_of(name: str) -> Topic:
    """The private topic of the relay ``name``."""
    return Topic(
        f"{name}.progress",
        1,
        {
            "cleanup.policy": "compact",
            "segment.bytes": str(16 << 20),
            "segment.ms": "3600000",
            "min.cleanable.dirty.ratio": "0.1",
        },
    )


def read_back(kafka: Mapping[str, Any], topic: str) -> Progress | None:
    """The newest progress that is committed, None where none ever was. Raises: kafka.errors.KafkaError, ValueError."""
    consumer = Consumer(
        **kafka,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
        allow_auto_create_topics=False,
        metrics_enabled=False,
    )
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        first = consumer.beginning_offsets([partition])[partition]
        end = consumer.end_offsets([partition])[partition]
        reach = REACH
        while first < end:
            start = max(first, end - reach)
            value = _newest(consumer, partition, start, end)
            if value is not None:
                return Progress.read(value)
            if start == first:
                break
            reach *= 16
        return None
    finally:
        consumer.close(autocommit=False)


def _newest(consumer: Any, partition: Any, start: int, end: int) -> bytes | None:
    """The value of the last committed record from ``start`` to ``end``."""
    consumer.seek(partition, start)
    found: bytes | None = None
    deadline = monotonic() + PATIENCE
    while consumer.position(partition) < end:
        if monotonic() > deadline:
            raise KafkaTimeoutError(f"{partition.topic} could not be read to its end within {PATIENCE:.0f} s")
        for record in consumer.poll(timeout_ms=500).get(partition, ()):
            if record.offset < end:
                found = record.value
    return found
