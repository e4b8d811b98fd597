"""Mending a quarantined stream of a mirror: its events are looked for in its partition from the beginning."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any, Final
from uuid import UUID

from consumers.kafka_clients import Consumer
from consumers.mirror.envelope import opened
from consumers.mirror.member import CONSUMER
from consumers.mirror.outgoing import partition_of
from consumers.mirror.topics import part
from projections import partitions
from projections.model import ReadModel
from projections.partitions import Offset, OtherSource, PartitionedSource, WentOn
from projections.tracking import Db, Place

POLL_SECONDS: Final = 0.5
PATIENCE: Final = 60
"""Polls without anything, after which the brokers are taken to be away."""


class NothingCame(Exception):
    """The brokers gave nothing for a while, and the end was not reached."""


def retry(db: Db, model: ReadModel, stream: UUID, source: PartitionedSource, client: Mapping[str, Any]) -> bool:
    """Replay the stream as far as its partition is and lift its mark; False if it was not quarantined.

    Reads the whole partition up to there. Raises: Poison if the model still cannot take it, OtherSource, NothingCame,
    KafkaError.
    """
    place, number = Place(model), partition_of(stream, source.partitions)
    found = partitions.source_of(db, model)
    if found is None:
        return False
    if found[0] != source:
        raise OtherSource(f"{model.title} follows {found[0].id}, and {source.name} is {source.id} now")
    while True:
        end = partitions.partitions_of(db, model)[number].next
        events = _events(source, number, stream, end, client)
        with suppress(WentOn):  # its member did meanwhile
            return partitions.retry(db, place, number, stream, events, end)


def _events(source: PartitionedSource, number: int, stream: UUID, end: int, client: Mapping[str, Any]) -> list[Offset]:
    """The stream's events before the offset ``end``."""
    place, key = part(source.name, number), stream.bytes
    found: list[Offset] = []
    with closing(Consumer(**client, **CONSUMER)) as consumer:
        consumer.assign([place])
        consumer.seek(place, 0)
        nothing = 0
        while consumer.position(place) < end:
            records = consumer.poll(timeout_ms=int(POLL_SECONDS * 1000)).get(place, [])
            nothing = 0 if records else nothing + 1
            if nothing > PATIENCE:
                raise NothingCame(f"{source.name} gave nothing up to offset {end} of partition {number}")
            found += [opened(record.value, record.offset) for record in records if record.key == key]
    return [one for one in found if one.next <= end]
