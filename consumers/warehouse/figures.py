"""What a collecting process counts, for Prometheus."""

# kafka-python carries few types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Final

from kafka.structs import TopicPartition
from prometheus_client import Counter, Gauge

from consumers.warehouse.progress import Partition
from consumers.warehouse.writer import Done

ROWS: Final = Counter("sarkmeli_warehouse_rows", "Facts written to the warehouse.")
REMOVED: Final = Counter("sarkmeli_warehouse_forgotten_rows", "Facts removed because their case was forgotten.")
UNREADABLE: Final = Counter("sarkmeli_warehouse_unreadable", "Records set aside because they made no sense.")
CONFLICTS: Final = Counter("sarkmeli_warehouse_conflicts", "Commits that another member's came before.")
LAG: Final = Gauge(
    "sarkmeli_warehouse_lag",
    "Offsets of a partition that the table did not hold yet when this collector last asked the brokers.",
    ("topic", "partition"),
    multiprocess_mode="mostrecent",
)
LOOKED: Final = Gauge(
    "sarkmeli_warehouse_looked_seconds",
    "When the brokers last told a collector how far its partitions go, in seconds since the epoch.",
    multiprocess_mode="max",
)
"""An instant and no age, as each that follows: an age stands still when nobody measures it any more."""
WRITTEN: Final = Gauge(
    "sarkmeli_warehouse_written_seconds",
    "When a collector last committed what it had collected, in seconds since the epoch.",
    multiprocess_mode="max",
)
TIDIED: Final = Gauge(
    "sarkmeli_warehouse_tidied_seconds",
    "When a round of tidying last ended with nothing left undone, in seconds since the epoch.",
    multiprocess_mode="max",
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
    """Count one write that came to its end."""
    WRITTEN.set(time.time())
    ROWS.inc(done.rows)
    REMOVED.inc(done.removed)
    UNREADABLE.inc(done.unreadable)
    CONFLICTS.inc(done.conflicts)


def looked(begins: Mapping[Partition, int], ends: Mapping[TopicPartition, int]) -> None:
    """Tell how far the brokers go beyond where the table is, for each partition that is this member's."""
    for partition, begin in begins.items():
        end = ends.get(TopicPartition(*partition), begin)
        LAG.labels(partition.topic, str(partition.number)).set(max(0, end - begin))
    LOOKED.set(time.time())


def left(partitions: Iterable[Partition]) -> None:
    """These are another's now, who tells how far they are."""
    for partition in partitions:
        LAG.labels(partition.topic, str(partition.number)).set(0)
