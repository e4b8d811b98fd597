"""What a collecting process counts, for Prometheus."""

# kafka-python carries few types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kafka.structs import TopicPartition
from prometheus_client import Counter, Gauge

from consumers.warehouse.progress import Partition, Reached
from consumers.warehouse.writer import Done

ROWS: Final = Counter("sarkmeli_warehouse_rows", "Facts written to the warehouse.")
REMOVED: Final = Counter("sarkmeli_warehouse_forgotten_rows", "Facts removed because their case was forgotten.")
UNREADABLE: Final = Counter("sarkmeli_warehouse_unreadable", "Records set aside because they made no sense.")
CONFLICTS: Final = Counter("sarkmeli_warehouse_conflicts", "Commits that another member's came before.")
LAG: Final = Gauge(
    "sarkmeli_warehouse_lag",
    "Offsets of a partition that the table does not hold yet.",
    ("topic", "partition"),
    multiprocess_mode="mostrecent",
)
SNAPSHOTS: Final = Gauge(
    "sarkmeli_warehouse_snapshots", "Snapshots that the table of facts keeps.", multiprocess_mode="mostrecent"
)
STOPPED: Final = Gauge(
    "sarkmeli_warehouse_stopped",
    "1 while a collector stands still until a person mends what its log says, else 0.",
    multiprocess_mode="livemax",
)
OVERDUE: Final = Gauge(
    "sarkmeli_warehouse_snapshots_overdue_seconds",
    "For how long the oldest snapshot should have been expired, as the last round of tidying left it.",
    multiprocess_mode="mostrecent",
)
UNTIDIED: Final = Counter("sarkmeli_warehouse_tidy_failures", "Rounds of tidying that failed.")


def wrote(done: Done) -> None:
    """Count one write."""
    ROWS.inc(done.rows)
    REMOVED.inc(done.removed)
    UNREADABLE.inc(done.unreadable)
    CONFLICTS.inc(done.conflicts)


def lag(consumer: Any, reached: Mapping[Partition, Reached]) -> None:
    """Measure how far the table is behind what the brokers last said, for the partitions that are this member's."""
    for partition in consumer.assignment():
        place, end = reached.get(Partition(*partition)), consumer.highwater(TopicPartition(*partition))
        if place is not None and end is not None:
            LAG.labels(partition.topic, str(partition.partition)).set(max(0, end - place.next))
