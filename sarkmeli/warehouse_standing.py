"""Whether the warehouse follows Kafka: what it has still to write, and whether anybody writes it."""

# kafka-python and pyiceberg carry few types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from kafka.structs import TopicPartition
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from consumers.kafka_clients import Consumer
from consumers.warehouse.polling import reading_any_name
from consumers.warehouse.progress import Partition, Reached, reached
from sarkmeli.kafka import client
from sarkmeli.settings import Settings

ASKED: Final = 5000
"""Milliseconds in which somebody who only looks waits for Kafka's first answer."""
FAR: Final = 10
"""Full batches (SARKMELI_WAREHOUSE_ROWS) behind Kafka that are too many."""
QUIET: Final = 300.0
"""Seconds without a commit after which one asks whether anybody writes, or three times SARKMELI_WAREHOUSE_EVERY."""
LOOK_AGAIN: Final = (5.0, 30.0)
"""Seconds, least and most, in which a commit must then come."""


class Kafka:
    """Kafka as who only looks asks it. Raises: NoKafka, KafkaError."""

    def __init__(self, settings: Settings, topics: Sequence[str]) -> None:
        self._topics = topics
        options: dict[str, Any] = {
            "isolation_level": "read_committed",
            "auto_offset_reset": "earliest",
            "allow_auto_create_topics": False,
            "bootstrap_timeout_ms": ASKED,
        }
        self._consumer: Any = reading_any_name(Consumer(**client(settings), **options, group_id=None))

    def close(self) -> None:
        """Let it go."""
        self._consumer.close()

    def ends(self) -> dict[Partition, int]:
        """Where each partition ends for those who read only what was committed."""
        known = self._consumer.topics()
        of = [
            TopicPartition(topic, number)
            for topic in self._topics
            if topic in known
            for number in self._consumer.partitions_for_topic(topic)
        ]
        return {Partition(*one): end for one, end in self._consumer.end_offsets(of).items()} if of else {}

    def holds_more(self, places: Mapping[Partition, Reached], ends: Mapping[Partition, int]) -> bool:
        """Whether a record waits to be written, and not only where a transaction ended or was given up."""
        behind = {TopicPartition(*one): _next(one, places) for one, end in ends.items() if _next(one, places) < end}
        if not behind:
            return False
        self._consumer.assign(list(behind))
        for partition, offset in behind.items():
            self._consumer.seek(partition, offset)
        deadline = time.monotonic() + ASKED / 1000
        while time.monotonic() < deadline:
            if self._consumer.poll(timeout_ms=250, max_records=1):
                return True
            if all(self._consumer.position(one) >= ends[Partition(*one)] for one in behind):
                return False
        return True


def complaints(settings: Settings, table: Table, kafka: Kafka, ends: Mapping[Partition, int]) -> Sequence[str]:
    """What is wrong with how the table follows Kafka, in sentences; may look twice, half a minute apart at most."""
    places, found = reached(table.properties), list[str]()
    behind = sum(max(0, end - _next(one, places)) for one, end in ends.items())
    if behind > FAR * settings.warehouse_rows:
        found.append(f"far behind: Kafka is {behind} offsets ahead of the table; more collectors share the work")
    quiet = max(QUIET, 3 * settings.warehouse_every)
    last = _collected_at(table)
    late = last is None or (datetime.now(UTC) - last).total_seconds() > quiet
    if late and kafka.holds_more(places, ends) and not _moves(settings, table, places):
        since = "nobody has yet" if last is None else f"nobody has since {last:%Y-%m-%d %H:%M} UTC"
        found.append(
            f"records wait to be written, and {since}: no `sarkmeli warehouse collect` runs, or its log says what "
            "stands in its way"
        )
    return found


def _moves(settings: Settings, table: Table, places: Mapping[Partition, Reached]) -> bool:
    """Whether a commit comes while one looks: the first record after a quiet night is nobody's fault."""
    least, most = LOOK_AGAIN
    deadline = time.monotonic() + min(most, max(least, 3 * settings.warehouse_every))
    while reached(table.refresh().properties) == places:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _collected_at(table: Table) -> datetime | None:
    """When what was collected was last committed, if a snapshot still tells."""
    told = [one.timestamp_ms for one in table.metadata.snapshots if _why(one) == "collect"]
    return datetime.fromtimestamp(max(told) / 1000, UTC) if told else None


def _why(snapshot: Snapshot) -> object:
    summary: Any = snapshot.summary or {}
    return summary.get("sarkmeli.why")


def _next(partition: Partition, places: Mapping[Partition, Reached]) -> int:
    place = places.get(partition)
    return 0 if place is None else place.next
