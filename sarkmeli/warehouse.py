"""The warehouse, put together from the settings: collecting, tidying, and what an administrator looks at."""

# kafka-python and pyarrow carry few types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from kafka.errors import KafkaError
from pyiceberg.table import Table as Iceberg
from rich.console import Console
from rich.table import Table

from consumers.relay.publication import services, topic_name
from consumers.warehouse.collector import Collecting, Collector
from consumers.warehouse.progress import Partition, reached
from consumers.warehouse.rebuilding import rebuild
from consumers.warehouse.table import Place, Warehouse, open_warehouse
from consumers.warehouse.tidying import Tidied, Tidiness, overdue, tidy
from sarkmeli.kafka import NoKafka, client
from sarkmeli.settings import Settings
from sarkmeli.warehouse_standing import Kafka, complaints

log = structlog.get_logger("warehouse")


def place_of(settings: Settings) -> Place:
    """Where the warehouse is."""
    return Place(
        settings.warehouse_catalog,
        settings.warehouse_files,
        settings.warehouse_token.get_secret_value(),
        settings.warehouse_credential.get_secret_value(),
    )


def tidiness_of(settings: Settings) -> Tidiness:
    """What tidying keeps."""
    return Tidiness(
        snapshot_hours=settings.warehouse_snapshot_hours,
        leftover_hours=settings.warehouse_leftover_hours,
        unreadable_days=settings.warehouse_unreadable_days,
    )


def topics_of(settings: Settings) -> Sequence[str]:
    """The public topics."""
    return [topic_name(settings.kafka_topic_prefix, service) for service in services()]


def group_of(settings: Settings) -> str:
    """The collectors' group. Not below `PREFIX.`: who reads there by a group of that name would be given partitions."""
    return f"{settings.kafka_topic_prefix}-warehouse"


def collect(settings: Settings, stop: threading.Event, ready: Callable[[], None]) -> None:
    """Be a member of the group that fills the warehouse, until ``stop``.

    What a person must mend is waited for in place. Raises: NoKafka, WrongFile, and Kafka's refusals.
    """
    told = Collecting(
        client=client(settings),
        topics=topics_of(settings),
        group=group_of(settings),
        every=settings.warehouse_every,
        rows=settings.warehouse_rows,
        tidy_every=settings.warehouse_tidy_every,
    )
    place, tidiness = place_of(settings), tidiness_of(settings)
    log.info("filling the warehouse", topics=told.topics, folder=place.folder)

    def tidied(warehouse: Warehouse) -> None:
        tidy(warehouse, tidiness)

    Collector(told, lambda: open_warehouse(place), tidied).run_forever(stop, ready)


def tidy_warehouse(settings: Settings, *, at_once: bool) -> Tidied:
    """One round of tidying now."""
    return tidy(open_warehouse(place_of(settings)), tidiness_of(settings), at_once=at_once)


def rebuild_warehouse(settings: Settings) -> int:
    """Empty the table of facts; its collectors fill it again. Gives how many files went."""
    return rebuild(open_warehouse(place_of(settings)))


def show_warehouse(settings: Settings) -> bool:
    """Print how far the table is in each partition, what it holds, what was set aside; whether all is well."""
    console, warehouse = Console(), open_warehouse(place_of(settings))
    table = Table("topic", "partition", "next offset", "Kafka's end", "behind")
    ends, wrong = _asked(settings, warehouse.facts)
    well = not wrong
    for partition, place in sorted(reached(warehouse.facts.properties).items()):
        end = ends.get(partition)
        behind = "" if end is None else str(max(0, end - place.next))
        # Offsets beyond Kafka's end are of a topic that is gone.
        well = well and (end is None or place.next <= end)
        table.add_row(partition.topic, str(partition.number), str(place.next), "" if end is None else str(end), behind)
    for partition in sorted(ends.keys() - reached(warehouse.facts.properties).keys()):
        table.add_row(partition.topic, str(partition.number), "never read", str(ends[partition]), str(ends[partition]))
    console.print(table)
    for line in (*_contents(warehouse), *wrong):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    unreadable = _unreadable(warehouse)
    for line in unreadable:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    late = overdue(warehouse, tidiness_of(settings), datetime.now(UTC)).total_seconds()
    if late > settings.warehouse_tidy_every:
        console.print(
            f"not tidied: a snapshot should have been expired {late / 3600:.1f} h ago, and what was forgotten may stay "
            "in it: `sarkmeli warehouse tidy` says what stands in the way",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
    return well and not unreadable and late <= settings.warehouse_tidy_every


def _contents(warehouse: Warehouse) -> Sequence[str]:
    snapshot = warehouse.facts.metadata.current_snapshot()
    summary: Any = {} if snapshot is None else snapshot.summary or {}
    rows, files = (int(summary.get(name) or 0) for name in ("total-records", "total-data-files"))
    snapshots = len(warehouse.facts.metadata.snapshots)
    return [
        f"{_many(rows, 'fact')} in {_many(files, 'file')}, {_many(snapshots, 'snapshot')}",
        f"{_many(warehouse.forgotten.scan().count(), 'tombstone')} remembered",
        f"for other readers: {warehouse.facts.metadata_location}",
    ]


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _unreadable(warehouse: Warehouse) -> Sequence[str]:
    rows = warehouse.unreadable.scan(selected_fields=("topic", "partition", "offset", "reason")).to_arrow().to_pylist()
    shown = [f"set aside: {one['topic']}-{one['partition']} at {one['offset']}: {one['reason']}" for one in rows[:20]]
    return shown + ([f"set aside: {len(rows) - 20} more"] if len(rows) > 20 else [])


def _asked(settings: Settings, table: Iceberg) -> tuple[dict[Partition, int], Sequence[str]]:
    """Where Kafka's partitions end, and what is wrong with how the table follows them."""
    try:
        kafka = Kafka(settings, topics_of(settings))
        try:
            ends = kafka.ends()
            return ends, complaints(settings, table, kafka, ends)
        finally:
            kafka.close()
    except (NoKafka, KafkaError, OSError) as away:
        return {}, [f"Kafka was not asked: {str(away) or type(away).__name__}"]
