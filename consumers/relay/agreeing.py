"""Whether progress, topics and ledger still belong together: where the relay goes on from, or why it must not.

Topics that the relay has not written yet are made, and filled from the ledger's beginning while the others wait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from consumers.relay import halting
from consumers.relay.halting import Halt
from consumers.relay.progress import Progress, Written
from consumers.relay.records import Topic
from consumers.relay.topics import Found, Topics

START: Final = 0
"""The position before the ledger's first event."""


def agreed(progress: Progress | None, wanted: Sequence[Topic], topics: Topics, lineage: UUID) -> Progress:
    """Where to go on from. Topics that are new to us are made. Raises: Halt, kafka.errors.KafkaError."""
    found = topics.find([topic.name for topic in wanted])
    known: Mapping[str, Written] = {} if progress is None else progress.topics
    new: dict[str, Written] = {}
    for topic in wanted:
        if topic.name in known:
            unchanged(topic, known[topic.name], found.get(topic.name))
        else:
            new[topic.name] = Written(_fresh(topic, found.get(topic.name), topics).id, START)
    if progress is None:
        return Progress(lineage, START, 0, new)
    if not new:
        return progress
    return replace(progress, position=START, topics={**_as_far_as(progress, known), **new})


def unchanged(topic: Topic, written: Written, found: Found | None) -> None:
    """That a topic is the one that was written into. Raises: Halt."""
    if found is None:
        raise halting.deleted(topic.name)
    if found.id != written.id:
        raise halting.made_anew(topic.name)
    if found.partitions != topic.partitions:
        raise halting.other_partitions(topic.name, found.partitions, topic.partitions)


def replayed(
    progress: Progress | None, wanted: Sequence[Topic], topics: Topics, lineage: UUID, start: int
) -> tuple[Progress, list[str]]:
    """The progress from which every topic that is not as it was left is filled anew, and which these are.

    They must be gone, or empty. Those that are as they were left get nothing twice. Raises: Halt.
    """
    found = topics.find([topic.name for topic in wanted])
    known: Mapping[str, Written] = {} if progress is None or progress.lineage != lineage else progress.topics
    kept: dict[str, Written] = {}
    new: dict[str, Written] = {}
    for topic in wanted:
        there, written = found.get(topic.name), known.get(topic.name)
        if there is not None and written is not None and there.id == written.id:
            unchanged(topic, written, there)
            kept[topic.name] = written
        else:
            new[topic.name] = Written(_fresh(topic, there, topics).id, start)
    if not new:
        raise Halt("every topic is as the relay left it, and would be filled twice: delete one first to fill it anew")
    if progress is None or not kept:
        return Progress(lineage, start, 0, new), list(new)
    position = min(progress.position, start)
    return replace(progress, position=position, topics={**_as_far_as(progress, kept), **new}), list(new)


def _fresh(topic: Topic, found: Found | None, topics: Topics) -> Found:
    """A topic in which nothing stands, made if it is not there. Raises: Halt."""
    there = found or topics.make(topic)
    if there.partitions != topic.partitions:
        raise halting.other_partitions(topic.name, there.partitions, topic.partitions)
    if not topics.is_empty(topic.name, topic.partitions):
        raise halting.not_empty(topic.name)
    return there


def _as_far_as(progress: Progress, topics: Mapping[str, Written]) -> dict[str, Written]:
    """These topics, which need nothing that was read up to now."""
    return {name: replace(one, through=max(one.through, progress.position)) for name, one in topics.items()}
