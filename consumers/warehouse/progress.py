"""How far into each partition of Kafka the table is: properties of the table, changed only with its rows.

Every commit that moves an offset also makes a snapshot, so that whoever began from the snapshot before is in conflict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

PREFIX: Final = "sarkmeli.kafka."


class Partition(NamedTuple):
    """A topic's partition."""

    topic: str
    number: int

    @property
    def property(self) -> str:
        """The table's property that says how far it is."""
        return f"{PREFIX}{self.topic}.{self.number}"


@dataclass(frozen=True)
class Reached:
    """``topic_id`` tells the topic from a later one of its name; ``next`` is the first offset that is not in yet."""

    topic_id: str
    next: int

    def __str__(self) -> str:
        return f"{self.topic_id}:{self.next}"


class TopicMadeAnew(Exception):
    """The topic was deleted and made again: its offsets mean other records than those that the table holds."""

    def __init__(self, topic: str) -> None:
        super().__init__(
            f"topic {topic} was deleted and made anew: nothing is collected from it until `sarkmeli warehouse rebuild` "
            "has emptied the table, which is then filled again from every topic's beginning"
        )


class RecordsGone(Exception):
    """Kafka no longer holds the records that the table needs next, or holds fewer than the table has seen."""

    def __init__(self, partition: Partition, needed: int) -> None:
        super().__init__(
            f"topic {partition.topic}, partition {partition.number}: Kafka holds nothing at offset {needed}, which the "
            "table needs next. If the topic was cut short by retention or by loss, make it anew with "
            "`sarkmeli relay replay`, then `sarkmeli warehouse rebuild`"
        )


def reached(properties: Mapping[str, str]) -> dict[Partition, Reached]:
    """How far the table is, by its properties."""
    found: dict[Partition, Reached] = {}
    for name, value in properties.items():
        if name.startswith(PREFIX):
            topic, _, number = name.removeprefix(PREFIX).rpartition(".")
            topic_id, _, following = value.rpartition(":")
            found[Partition(topic, int(number))] = Reached(topic_id, int(following))
    return found


def written(reached: Mapping[Partition, Reached]) -> dict[str, str]:
    """The properties that say so."""
    return {partition.property: str(place) for partition, place in reached.items()}


def names(properties: Iterable[str]) -> list[str]:
    """Those properties that say how far the table is."""
    return [name for name in properties if name.startswith(PREFIX)]
